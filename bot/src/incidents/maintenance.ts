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

  /** It waits for a maintenance, and not because somebody paused it. */
  const isOurs = (id: string, until: string | undefined): boolean =>
    until !== undefined &&
    book.maintenances().some((each) => each.until === until && each.schedules.includes(id))

  /** Scheduled backups of nothing but what it covers; those that somebody paused already are not ours to let go on. */
  function schedulesOf({
    all,
    services,
    vmids,
  }: Pick<Maintenance, 'all' | 'services' | 'vmids'>): readonly string[] {
    const plans = inventory().backups.filter((plan) => {
      if (all) return true
      if ('service' in plan && typeof plan.service === 'string') return services.includes(plan.service)
      const guests = 'guests' in plan && Array.isArray(plan.guests) ? plan.guests : []
      const isCovered = (guest: unknown): boolean => {
        const name = String(guest)
        if (!name.startsWith('@'))
          return (
            services.some((service) => means(name, aboutService(service))) ||
            vmids.some((vmid) => String(vmid) === name)
          )
        const members = inventory().services.filter((entry) => means(name, aboutService(entry.name)))
        return members.length > 0 && members.every((entry) => services.includes(entry.name))
      }
      // One that saves others as well goes on: they must not be without a backup because somebody works on this one.
      return guests.length > 0 && guests.every(isCovered)
    })
    const names = new Set(plans.map(({ name }) => name))
    return options
      .schedules()
      .list()
      .filter(
        ({ id, paused, operation }) =>
          operation === 'backup.run' &&
          names.has(id.replace(/^backup\//, '')) &&
          (paused === undefined || isOurs(id, paused.until)),
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
      for (const id of schedules) await pause(id, by)
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

  /** For the longest maintenance that covers it. It ends by itself then, also when nobody is here to end it. */
  async function pause(id: string, by: Caller, without?: Maintenance): Promise<void> {
    const times = book
      .maintenances()
      .filter((each) => each.id !== without?.id && each.schedules.includes(id))
      .map(({ until }) => Date.parse(until))
    await options
      .schedules()
      .pause(id, by, new Date(Math.max(...times)))
      .catch((error: unknown) => options.log.warn({ err: error, schedule: id }, 'a backup does not wait'))
  }

  async function resume(maintenance: Maintenance, by: Caller): Promise<void> {
    const all = options.schedules()
    const others = book.maintenances().filter(({ id }) => id !== maintenance.id)
    for (const { id, paused } of all.list())
      if (!maintenance.schedules.includes(id) || !isOurs(id, paused?.until)) continue
      else if (others.some(({ schedules }) => schedules.includes(id))) await pause(id, by, maintenance)
      else
        await all
          .resume(id, by)
          .catch((error: unknown) =>
            options.log.warn({ err: error, schedule: id }, 'a backup goes on waiting'),
          )
  }
}
