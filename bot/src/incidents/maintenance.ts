/** Maintenance: nobody is told, and backups wait, for as long as somebody works there. */
import { type Caller, type Clock, HomelabError, type Maintenances, type Schedules } from '@homelab/core'
import { type Maintenance, means } from '@homelab/core/alerts'
import type { Inventory } from '@homelab/core/inventory'
import type { Notify } from '../chat/notices.ts'
import type { WatchLog } from '../watch/types.ts'
import { endMaintenance } from './clock.ts'
import type { OpenIncidents } from './desk.ts'

export interface MaintenancesOptions {
  readonly incidents: Pick<OpenIncidents, 'book' | 'change'>
  readonly schedules: () => Pick<Schedules, 'list' | 'pause' | 'resume'>
  readonly inventory: () => Inventory
  readonly notify: Notify
  readonly clock: Clock
  readonly log: WatchLog
}

export function createMaintenances(options: MaintenancesOptions): Maintenances {
  const { incidents, inventory, notify, clock } = options
  const { book, change } = incidents

  /** Scheduled backups of what it covers; those that somebody paused already are not ours to let go on. */
  function schedulesOf({
    all,
    services,
    vmids,
  }: Pick<Maintenance, 'all' | 'services' | 'vmids'>): readonly string[] {
    const plans = inventory().backups.filter((plan) => {
      if (all) return true
      if ('service' in plan && typeof plan.service === 'string') return services.includes(plan.service)
      const guests = 'guests' in plan && Array.isArray(plan.guests) ? plan.guests : []
      return guests.some(
        (guest) =>
          services.some((service) => means(String(guest), aboutService(service))) ||
          vmids.some((vmid) => String(vmid) === String(guest)),
      )
    })
    const names = new Set(plans.map(({ name }) => name))
    return options
      .schedules()
      .list()
      .filter(
        ({ id, paused, operation }) =>
          paused === undefined && operation === 'backup.run' && names.has(id.replace(/^backup\//, '')),
      )
      .map(({ id }) => id)
  }

  function aboutService(name: string) {
    const entry = inventory().services.find((service) => service.name === name)
    return {
      service: name,
      ...(entry === undefined ? {} : { stack: entry.stack, guest: String(entry.guest) }),
    }
  }

  /** @throws HomelabError `not-found` */
  const named = (id: string): Maintenance => {
    const found = book.maintenances().find((each) => each.id === id)
    if (found !== undefined) return found
    throw new HomelabError('not-found', `There is no maintenance ${id}.`)
  }

  return {
    active: () => book.maintenances(),
    async start(what, until, by) {
      const schedules = schedulesOf(what)
      const maintenance = await change((draft, now) => {
        const started: Maintenance = {
          id: draft.newId(),
          ...what,
          what: [...what.what],
          by: { id: by.id, name: by.name },
          from: now.toISOString(),
          until: until.toISOString(),
          schedules: [...schedules],
          incidents: [],
        }
        draft.putMaintenance(started, true)
        return started
      })
      // They end by themselves at the same time, also when nobody is here to end them.
      for (const id of schedules)
        await options
          .schedules()
          .pause(id, by, until)
          .catch((error: unknown) => options.log.warn({ err: error, schedule: id }, 'a backup does not wait'))
      return maintenance
    },
    async stop(id, by: Caller) {
      const maintenance = named(id)
      await resume(maintenance, by)
      await change((draft, now) => {
        const { id: card, card: shown } = endMaintenance(
          draft,
          draft.maintenances().find((each) => each.id === id) ?? maintenance,
          inventory(),
          now,
        )
        notify(card, shown, 'done')
      })
      return { ...maintenance, until: clock.now().toISOString() }
    },
  }

  async function resume({ schedules, until }: Maintenance, by: Caller): Promise<void> {
    const all = options.schedules()
    for (const { id, paused } of all.list())
      if (schedules.includes(id) && paused?.until === until)
        await all
          .resume(id, by)
          .catch((error: unknown) =>
            options.log.warn({ err: error, schedule: id }, 'a backup goes on waiting'),
          )
  }
}
