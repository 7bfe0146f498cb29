import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import type { Target } from '../../inventory/types.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Plan } from '../../operation/types.ts'
import { guestPlace } from '../../operation/view.ts'
import { guestInput } from '../guest/inputs.ts'
import { actOf, HaOutput, type HaServices, haFields, haNeeds, haState, haTarget, reached } from './ask.ts'

const input = z.object({
  guest: guestInput,
  state: haState.describe('Running; shut down; shut down and out of its error state; or left alone'),
})

export const haSet = defineOperation({
  id: 'ha.set',
  chat: 'ha set',
  title: 'Change what HA keeps a guest in',
  description:
    'Started: it runs, and is started elsewhere when its node is gone. Stopped: it is shut down. Disabled: that too, and what clears its error state. Ignored: as if HA did not know it.',
  risk: 'change',
  permission: 'admin',
  rare: true,
  input,
  output: HaOutput,
  positional: ['guest', 'state'],
  examples: ['ha set vaultwarden stopped', 'ha set vaultwarden ignored'],
  needs: haNeeds,
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { target, before } = await managedTarget(wanted.guest, services, signal)
    const { name, guest } = target
    const goesDown = (wanted.state === 'stopped' || wanted.state === 'disabled') && guest.status === 'running'
    const lockout = goesDown ? services.lab.lockout([target]) : []
    return {
      summary: `Have HA keep ${name} (${guestPlace(guest)}) ${wanted.state}, before: ${before}`,
      steps: [actOf(target, wanted.state)],
      affects: goesDown ? target.dependents.map((each) => ({ name: each, why: `needs ${name}` })) : [],
      warnings: wanted.state === 'ignored' ? ['When its node is gone, it is not started elsewhere.'] : [],
      locks: [`guest/${guest.vmid}`],
      confirm: goesDown,
      state: { vmid: guest.vmid, before, wanted: wanted.state },
      ...(lockout.length === 0 ? {} : { lockout }),
    }
  },
  async run({ guest: named, state }, services, verbs) {
    const { proxmox, lab } = services
    const { target } = (await verbs.step<Json>(
      'find',
      async () => (await managedTarget(named, services, verbs.signal)) as unknown as Json,
    )) as unknown as { readonly target: Target }
    const { guest, name } = target
    await verbs.change<string>(`HA state of ${guest.vmid}`, {
      act: async () => {
        await proxmox.ha.set(guest, { state })
        return state
      },
      find: async () => {
        const now = (await proxmox.ha.get(guest))?.wanted
        return now === state ? now : undefined
      },
    })
    verbs.report({ text: `Waiting until HA has ${name} ${state}` })
    const status = await verbs.follow<string>('state', (signal) => reached(target, state, services, signal))
    await lab.overview({ fresh: true }).catch(() => undefined)
    return { name, vmid: guest.vmid, type: guest.type, node: guest.node, wanted: state, status }
  },
  card: (output) => ({
    title: `${output.name} is ${output.status}, and HA is asked for ${output.wanted}`,
    tone: 'ok',
    sections: [haFields(output)],
    footer: guestPlace(output),
  }),
})

/** @throws HomelabError `conflict` for a guest that HA does not know */
export async function managedTarget(
  named: string,
  services: HaServices,
  signal: AbortSignal,
): Promise<{ readonly target: Target; readonly before: string }> {
  const target = await haTarget(services, named, signal)
  const known = await services.proxmox.ha.get(target.guest, signal)
  if (known !== undefined) return { target, before: known.wanted }
  throw new HomelabError('conflict', `HA does not look after ${target.name}.`, {
    hint: `\`ha add ${target.guest.vmid}\` lets it, \`ha status\` shows what it looks after.`,
  })
}
