/** What no plan of this lab covers: the lab's own guests, mounts, databases and folders, put to `findCoverage`. */
import type { Inventory } from '../inventory/schema.ts'
import type { Lab } from '../inventory/types.ts'
import type { Proxmox } from '../proxmox/types.ts'
import type { Shells } from '../shell/types.ts'
import { liveDatabases } from './ask-postgres.ts'
import { type Coverage, findCoverage, readConfigs } from './coverage.ts'

export interface CoverageServices {
  readonly lab: Lab
  readonly proxmox: Proxmox
  readonly shells: Shells
}

export async function coverageOf(services: CoverageServices, signal: AbortSignal): Promise<Coverage> {
  const { lab, proxmox } = services
  const { inventory } = lab
  const { guests } = await lab.overview({ signal })
  const rows = await lab.services({ signal })
  return await findCoverage({
    guests: await readConfigs(proxmox, guests, signal),
    plans: inventory.backups,
    guestsOf: async (plan) => (await lab.resolve(plan.guests, { signal })).map(({ guest }) => guest.vmid),
    guestOfService: (service) =>
      rows.find(({ name }) => name.toLowerCase() === service.toLowerCase())?.target?.guest.vmid,
    databaseServices: databaseServicesOf(inventory),
    databases: (service) => databasesIn(service, services, signal),
    storages: inventory.storages,
    unprotected: inventory.unprotected,
  })
}

const databaseServicesOf = ({ backups, services }: Inventory): readonly string[] => [
  ...new Set([
    ...backups.flatMap((plan) => (plan.method === 'pg_dump' ? [plan.service] : [])),
    ...services.filter(({ name }) => /^postgres(ql)?$/i.test(name)).map(({ name }) => name),
  ]),
]

/** A server without a plan is asked all the same: that is what the audit is for. */
async function databasesIn(
  service: string,
  { lab, shells }: CoverageServices,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const [target] = await lab.resolve([service], { signal })
  if (target === undefined) return []
  const plan = lab.inventory.backups.find((one) => one.method === 'pg_dump' && one.service === service)
  const connection = plan?.method === 'pg_dump' ? plan : { user: 'postgres' }
  const machine = { name: target.name, shell: shells.guest(target.guest) }
  return (await liveDatabases(machine, connection, signal)).map(({ name }) => name)
}
