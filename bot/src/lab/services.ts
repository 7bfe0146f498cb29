/** What operations may use, for each caller: made in one place for the bot and for a lone terminal. */
import { atLeast, type Caller, type Registry, type RunHistory, runnable, type Services } from '@homelab/core'
import type { LabServices } from './connect.ts'

export interface ServicesOptions {
  readonly lab: LabServices
  readonly registry: Registry
  readonly about: Services['about']
  /** Absent in a terminal without a bot: what needs it is not offered there. Asked for at use, since runs use these services too. */
  readonly runs?: () => RunHistory
}

export function servicesOf({
  lab,
  registry,
  about,
  runs,
}: ServicesOptions): (caller: Caller) => Partial<Services> {
  const offered = (id: string, caller: Caller): boolean => {
    const operation = registry.byId(id)
    if (operation === undefined || !runnable(operation, caller.surface, services(caller))) return false
    return atLeast(caller.role, operation.permission)
  }
  const services = (caller: Caller): Partial<Services> => ({
    lab: lab.lab,
    proxmox: lab.proxmox,
    health: lab.health,
    shells: lab.shells,
    clock: lab.clock,
    ...(runs === undefined ? {} : { runs: runs() }),
    caller,
    commands: { registry, offered },
    about,
  })
  return services
}
