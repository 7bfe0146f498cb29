/** What each part of a deprovisioning says that it will do: only reads. */
import { canLook } from '../../backup/guest-proof.ts'
import type { Target } from '../../inventory/types.ts'
import type { Given, Plan } from '../../operation/types.ts'
import type { Leaving } from '../../provision/leave.ts'
import { backupRun } from '../backup/run.ts'
import { guestBackup } from '../guest/backup.ts'
import { guestDelete } from '../guest/delete.ts'
import { tunnelUnexpose } from '../tunnel/unexpose.ts'

export const needs = ['lab', 'proxmox', 'health', 'shells', 'clock', 'secrets', 'blueprints'] as const
export const wants = ['network', 'file'] as const
export type DeprovisionServices = Given<typeof needs, typeof wants>

export async function partPlans(
  wanted: { readonly backup: boolean; readonly drill: boolean },
  { guest }: Target,
  leaving: Leaving,
  services: DeprovisionServices,
  signal: AbortSignal,
): Promise<readonly { readonly plan: Plan }[]> {
  const vmid = String(guest.vmid)
  const plans: Plan[] = []
  const add = (plan: Plan | undefined) => void (plan === undefined ? undefined : plans.push(plan))
  if (wanted.backup) {
    add(await guestBackup.plan?.(guestBackup.input.parse({ guest: vmid }), services, { signal }))
    for (const plan of leaving.dumps)
      add(await backupRun.plan?.(backupRun.input.parse({ plan }), services, { signal }))
    if (wanted.drill)
      plans.push({
        summary: '',
        steps: [
          `a copy of the archive is restored under another VMID, started${canLook(guest.type, guest.node, services) ? ', asked whether its system came up,' : ' (whether its system comes up is not looked at)'} and destroyed`,
        ],
        affects: [],
        warnings: [],
        locks: ['guest-drill'],
        state: null,
      })
  }
  const { network } = services
  if (network !== undefined)
    for (const name of leaving.hostnames)
      add(await tunnelUnexpose.plan?.({ name }, { ...services, network }, { signal }))
  add(
    await guestDelete.plan?.(
      guestDelete.input.parse({ guest: vmid, confirm: vmid, stop: true, purge: true }),
      services,
      { signal },
    ),
  )
  return plans.map((plan) => ({ plan }))
}
