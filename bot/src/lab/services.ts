/** What operations may use, for each caller: made in one place for the bot and for a lone terminal. */
import {
  type Approvals,
  type AuditLog,
  type Caller,
  type Grants,
  type Incidents,
  type InventoryWriter,
  type Maintenances,
  type Registry,
  type Rights,
  type RunHistory,
  runnable,
  type Schedules,
  type Services,
} from '@homelab/core'
import type { LabServices } from './connect.ts'
import { hasNetwork } from './network.ts'

export interface ServicesOptions {
  readonly lab: LabServices
  readonly registry: Registry
  readonly about: Services['about']
  readonly rights: Rights
  /** Absent without a file. */
  readonly file?: InventoryWriter | undefined
  /** These are absent in a terminal without a bot: what needs them is not offered there. */
  readonly grants?: Grants
  readonly audit?: AuditLog
  readonly runs?: RunHistory
  /** Asked for at use: what waits is begun through the desk, which is made with these services. */
  readonly approvals?: () => Approvals
  /** As the approvals. */
  readonly schedules?: () => Schedules
  /** As the approvals. */
  readonly incidents?: () => Incidents
  readonly maintenances?: () => Maintenances
}

export function servicesOf(options: ServicesOptions): (caller: Caller) => Partial<Services> {
  const { lab, registry, about, rights, file, grants, audit, runs, approvals, schedules } = options
  const { incidents, maintenances } = options
  const offered = (id: string, caller: Caller): boolean => {
    const operation = registry.byId(id)
    if (operation === undefined || !runnable(operation, caller.surface, services(caller))) return false
    return rights.offers(operation, caller)
  }
  const services = (caller: Caller): Partial<Services> => ({
    lab: lab.lab,
    proxmox: lab.proxmox,
    health: lab.health,
    shells: lab.shells,
    monitoring: lab.monitoring,
    clock: lab.clock,
    secrets: lab.secrets,
    blueprints: lab.blueprints,
    ...(file === undefined ? {} : { file }),
    ...(lab.lab.inventory.n8n === undefined ? {} : { n8n: lab.n8n }),
    ...(lab.lab.inventory.k3s === undefined ? {} : { k3s: lab.k3s }),
    ...(hasNetwork(lab.lab.inventory) ? { network: lab.network } : {}),
    rights,
    ...(grants === undefined ? {} : { grants }),
    ...(audit === undefined ? {} : { audit }),
    ...(runs === undefined ? {} : { runs }),
    ...(approvals === undefined ? {} : { approvals: approvals() }),
    ...(schedules === undefined ? {} : { schedules: schedules() }),
    ...(incidents === undefined ? {} : { incidents: incidents() }),
    ...(maintenances === undefined ? {} : { maintenances: maintenances() }),
    caller,
    commands: { registry, offered },
    about,
  })
  return services
}
