/** What the file lets be done without asking: a few times a day, with a receipt, and then a person must. */
import { type Clock, duration, errorData, type RunView } from '@homelab/core'
import { type Incident, isOpen, isSilent, maintenanceOf, noted, remedyOf } from '@homelab/core/alerts'
import type { Inventory, Remedy } from '@homelab/core/inventory'
import { z } from 'zod'
import type { FactStore } from '../chat/connector.ts'
import type { Notify } from '../chat/notices.ts'
import type { WatchLog } from '../watch/types.ts'
import type { OpenIncidents } from './desk.ts'

export interface RemediesOptions {
  readonly incidents: Pick<OpenIncidents, 'book' | 'change'>
  readonly inventory: () => Inventory
  /** Begins it with rights, plan, audit and locks, as a schedule does. @throws HomelabError */
  readonly begin: (remedy: {
    readonly run: Remedy['run']
    readonly service: string
    readonly key: string
    readonly why: string
  }) => Promise<RunView>
  /** Guests, by VMID, that somebody stopped, or that something is done with now: it is theirs. */
  readonly occupied: () => Promise<ReadonlySet<number>>
  readonly facts: FactStore
  readonly notify: Notify
  readonly clock: Clock
  readonly log: WatchLog
}

export interface Remedies {
  /** One look now. Never rejects. */
  look(): Promise<void>
  /** After a start: says how those ended that nobody followed. @param runOf by the key that it was begun with */
  resume(runOf: (key: string) => Promise<RunView | undefined>): Promise<void>
  /** To be called with each run that has ended. */
  ended(run: RunView): Promise<void>
}

const DAY_MS = 86_400_000
/** What did not help is not done again sooner. */
const BETWEEN_MS = 600_000
const NAME = 'alerts.remedies'
/** When each was done, ISO 8601, by service. */
const Done = z.record(z.string(), z.array(z.string()))

const keyOf = (incident: Incident, count: number): string => `remedy-${incident.id}-${count}`

export function createRemedies(options: RemediesOptions): Remedies {
  const { incidents, inventory, facts, notify, clock, log } = options
  const { book, change } = incidents

  const done = (): z.infer<typeof Done> => {
    const since = clock.now().getTime() - DAY_MS
    const all = Done.safeParse(facts.get(NAME)).data ?? {}
    return Object.fromEntries(
      Object.entries(all).flatMap(([name, times]) => {
        const recent = times.filter((at) => Date.parse(at) > since)
        return recent.length === 0 ? [] : [[name, recent]]
      }),
    )
  }

  function dueNow(): readonly {
    readonly incident: Incident
    readonly remedy: Remedy
    readonly name: string
  }[] {
    const now = clock.now()
    return book.all().flatMap((incident) => {
      if (incident.state !== 'firing' || incident.parent !== undefined || isSilent(incident, now)) return []
      // Also what was told before it: then nothing is held back, and all the same somebody works there.
      if (maintenanceOf(incident, book.maintenances()) !== undefined) return []
      const remedy = remedyOf(incident, inventory().alerts)
      const name = incident.about.service ?? incident.about.guest
      if (remedy === undefined || name === undefined) return []
      if (wasJust(name, incident, now)) return []
      const fired = Math.max(...incident.alerts.map(({ startsAt }) => Date.parse(startsAt)))
      const last = Date.parse(incident.remedied.at(-1) ?? '')
      if (now.getTime() - fired < remedy.after) return []
      // What began after it is another time.
      if (last >= fired && now.getTime() - last < BETWEEN_MS) return []
      return [{ incident, remedy, name }]
    })
  }

  /** For another incident about the same: one restart is the answer to both. */
  const wasJust = (name: string, { id }: Incident, now: Date): boolean =>
    book
      .all()
      .some(
        ({ id: other, about, remedied }) =>
          other !== id &&
          (about.service ?? about.guest) === name &&
          now.getTime() - Date.parse(remedied.at(-1) ?? '') < BETWEEN_MS,
      )

  async function act({ incident, remedy, name }: ReturnType<typeof dueNow>[number]): Promise<void> {
    const before = done()
    const times = before[name] ?? []
    const now = clock.now()
    if (times.length >= remedy.at_most) return await spent(incident, remedy, name)
    const count = incident.remedied.length + 1
    // Counted before it is done: what is unclear after a crash is not done again.
    await facts.set(NAME, { ...before, [name]: [...times, now.toISOString()] })
    const text = `${remedy.run} of ${name} without asking (${times.length + 1} of ${remedy.at_most} today)`
    await change((draft, at) => {
      const fresh = draft.get(incident.id)
      if (fresh !== undefined)
        draft.put(noted({ ...fresh, remedied: [...fresh.remedied, at.toISOString()] }, text, at))
    })
    const lasted = duration(now.getTime() - Date.parse(incident.openedAt))
    const footer = `incident ${incident.id} · ${times.length + 1} of ${remedy.at_most} today`
    const card = keyOf(incident, count)
    try {
      const run = await options.begin({ run: remedy.run, service: name, key: card, why: incident.title })
      notify(
        card,
        {
          title: `${run.title}, without asking`,
          tone: 'busy',
          text: `Before: ${incident.title}, for ${lasted}.`,
          footer,
        },
        'live',
      )
    } catch (error) {
      const { message, hint } = errorData(error)
      log.warn({ err: error, incident: incident.id }, 'a remedy cannot be begun')
      notify(
        card,
        {
          title: `Not begun: ${remedy.run} of ${name}`,
          tone: 'warning',
          text: [message, hint].filter(Boolean).join(' '),
          footer,
        },
        'done',
      )
      await change((draft, at) => {
        const fresh = draft.get(incident.id)
        if (fresh !== undefined)
          draft.put(noted(fresh, `${remedy.run} of ${name} was not begun: ${message}`, at))
      })
    }
  }

  /** Said once, and not done: it does not help. */
  async function spent(incident: Incident, remedy: Remedy, name: string): Promise<void> {
    const said = `${remedy.run} of ${name} was done ${remedy.at_most} times today: now a person must`
    if (incident.history.some(({ text }) => text === said)) return
    await change((draft, at) => {
      const fresh = draft.get(incident.id)
      if (fresh !== undefined) draft.put(noted(fresh, said, at))
    })
    notify(
      `remedy-${incident.id}-spent`,
      {
        title: `${incident.title}: a person must look`,
        tone: 'error',
        text: `It was ${remedy.run === 'start' ? 'started' : 'restarted'} ${remedy.at_most} times today without asking, and that did not last.`,
        buttons: [
          { label: 'Ack', style: 'primary', action: { kind: 'command', text: `alert ack ${incident.id}` } },
          { label: 'Logs', action: { kind: 'command', text: `logs ${name}` } },
        ],
        footer: `incident ${incident.id}`,
      },
      'done',
    )
  }

  async function ended({
    caller,
    state,
    title,
    startedAt,
    createdAt,
    finishedAt = createdAt,
    error,
  }: RunView): Promise<void> {
    const [, id, count] = /^remedy:([a-z0-9]+)-(\d+)$/.exec(caller.id) ?? []
    const incident = id === undefined ? undefined : book.get(id)
    if (incident === undefined) return
    const took = duration(Math.max(0, Date.parse(finishedAt) - Date.parse(startedAt ?? createdAt)))
    const good = state === 'succeeded'
    const after = isOpen(incident)
      ? 'Whoever told of it has not said yet that it is over.'
      : 'Whoever told of it says that it is over.'
    notify(
      keyOf(incident, Number(count)),
      {
        title: good ? `${title}: done, without asking` : `${title}: failed`,
        tone: good ? 'ok' : 'error',
        text: `Before: ${incident.title}. ${good ? `Done in ${took}, and it answers.` : (error?.message ?? state)} ${after}`,
        footer: `incident ${incident.id}`,
      },
      'done',
    )
  }

  return {
    ended,
    async resume(runOf) {
      const since = clock.now().getTime() - DAY_MS
      for (const incident of book.all()) {
        if (Date.parse(incident.remedied.at(-1) ?? '') < since || incident.remedied.length === 0) continue
        const run = await runOf(keyOf(incident, incident.remedied.length))
        if (run?.finishedAt !== undefined) await ended(run)
      }
    },
    async look() {
      const due = dueNow()
      if (due.length === 0) return
      let occupied: ReadonlySet<number>
      try {
        occupied = await options.occupied()
      } catch (error) {
        // Whose it is must be known before anything is done.
        log.warn({ err: error }, 'it cannot be told what may be remedied')
        return
      }
      for (const { incident } of due) {
        // What people did meanwhile counts, and so does what was done for another one a moment ago.
        const still = dueNow().find((each) => each.incident.id === incident.id)
        const { vmid } = incident.about
        if (still === undefined || (vmid !== undefined && occupied.has(vmid))) continue
        await act(still).catch((error: unknown) =>
          log.error({ err: error, incident: incident.id }, 'a remedy failed'),
        )
      }
    },
  }
}
