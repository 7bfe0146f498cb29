/** The Prometheus whose folders of targets and rules the new service goes into. Only reads. */
import type { Blueprint } from './blueprint.ts'
import type { Found, ProvisionServices } from './types.ts'

/** null: there is none, or homelab.yaml does not say which folders it reads. */
export async function watchedBy(
  { monitoring }: Blueprint,
  { lab }: ProvisionServices,
  signal: AbortSignal,
): Promise<Found['watched']> {
  if (monitoring === undefined || lab.inventory.monitoring.prometheus?.targets === undefined) return null
  const rows = await lab.services({ signal })
  const target = rows.find(({ target, name }) => (target?.service?.kind ?? name) === 'prometheus')?.target
  if (target?.guest.status !== 'running') return null
  const { vmid, node, name } = target.guest
  return { guest: { vmid, node, name } }
}
