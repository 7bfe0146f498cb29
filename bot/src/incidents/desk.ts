/** The incidents of the bot: what is told goes in, is kept, and is shown; people and the clock change them. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type Caller, type Clock, HomelabError, type RunHistory } from '@homelab/core'
import {
  type Alert,
  acknowledged,
  countOf,
  firingIn,
  historyText,
  type Incident,
  isOpen,
  type Places,
  resolvedBy,
  routeOf,
  silenced,
  unsilenced,
} from '@homelab/core/alerts'
import type { Inventory } from '@homelab/core/inventory'
import type { Notify } from '../chat/notices.ts'
import type { Inbox } from '../intake/types.ts'
import type { WatchLog } from '../watch/types.ts'
import { type Book, type Draft, type IncidentStore, openBook } from './book.ts'
import { age, type Extra } from './clock.ts'
import { alertOf } from './finding.ts'
import { createTeller, place } from './show.ts'
import { createTakeIn, isFlood } from './take-in.ts'
import type { Finding, IncidentDesk } from './types.ts'

export interface IncidentDeskOptions {
  readonly store: IncidentStore
  readonly inbox: Inbox
  readonly inventory: () => Inventory
  /** What names mean now. From memory. */
  readonly places: () => Places
  readonly notify: Notify
  /** Whether it is no alert but a sign of life. */
  readonly seen?: (alert: Alert) => 'watchdog' | undefined
  readonly clock: Clock
  readonly log: WatchLog
  readonly onBug: (error: unknown, where?: string) => void
  /** Milliseconds between two looks at the clock. Default 5 000. */
  readonly everyMs?: number
}

/** What is of the desk's own making besides the incidents: maintenance and remedies change them, too. */
export interface OpenIncidents extends IncidentDesk {
  readonly book: Book
  /** A change, and all that follows from it: who is told is decided with it. */
  change<T>(work: (draft: Draft, now: Date) => T, worked?: number): Promise<T>
  /** For a thread beside its card. */
  readonly lines: Pick<RunHistory, 'log'>
  /** When the desk last did what it is there for; our clock. */
  readonly aliveAt: () => Date
  /** One look at the clock now. @throws when it cannot be kept */
  tick(): Promise<void>
  start(): void
  /** Resolves when what was told so far is worked in and shown. */
  settled(): Promise<void>
  stop(): Promise<void>
}

/** Rows of the inbox that are worked in at once. */
const BATCH = 500
/** Taking in goes before working in: after a batch the desk waits so many times what that took, so that a flood has its answers. */
const BREATHS = 3
const BREATH_MS = 250
const AGAIN_MS = 1_000
/** What was over so recently may not have been shown so. */
const SHOWN_MS = 86_400_000

export async function openIncidents(options: IncidentDeskOptions): Promise<OpenIncidents> {
  const { inbox, inventory, clock, notify, log, onBug, everyMs = 5_000 } = options
  const book = await openBook(options.store, onBug)
  const teller = createTeller({ book, inventory, notify, now: () => clock.now() })
  const takeIn = createTakeIn({
    inventory,
    places: options.places,
    isDropped: (incident, { routes }) => routeOf(incident, routes)?.drop === true,
    onBug,
  })
  const listeners = new Set<(incident: Incident) => void>()
  const end = new AbortController()
  let aliveAt = clock.now()

  book.onChange((changed) => {
    teller.show(changed)
    for (const incident of changed)
      for (const listener of listeners) {
        try {
          listener(incident)
        } catch (error) {
          onBug(error, 'who listens to incidents')
        }
      }
  })

  const change: OpenIncidents['change'] = (work, worked) =>
    book.change((draft) => {
      const now = clock.now()
      const result = work(draft, now)
      place(draft, book.get, inventory(), now)
      return result
    }, worked)

  async function drainOnce(): Promise<void> {
    for (;;) {
      end.signal.throwIfAborted()
      const rows = await inbox.next(BATCH)
      if (rows.length === 0) return
      const began = performance.now()
      const alerts = rows.flatMap((row) => row.alerts).filter((alert) => options.seen?.(alert) === undefined)
      await change((draft, now) => takeIn.take(draft, alerts, now), rows.at(-1)?.seq)
      aliveAt = clock.now()
      // The machine's own time, not the lab's: it is the processor that is left to others.
      await sleep(Math.min(BREATH_MS, BREATHS * (performance.now() - began)), undefined, {
        signal: end.signal,
      })
    }
  }

  const adding = new Set<Promise<void>>()
  let draining: Promise<void> | undefined
  let more = false
  /** One at a time; what comes meanwhile is taken by one more round. Never rejects. */
  function drain(): Promise<void> {
    if (draining !== undefined) {
      more = true
      return draining
    }
    const round = async (): Promise<void> => {
      do {
        more = false
        try {
          await drainOnce()
        } catch (error) {
          if (end.signal.aborted) return
          // It stays in the inbox, and was answered with a yes: it is tried until it is kept.
          log.error({ err: error }, 'alerts cannot be worked in')
          await clock.sleep(AGAIN_MS, end.signal).catch(() => undefined)
          more = true
        }
      } while (more && !end.signal.aborted)
    }
    draining = round().finally(() => {
      draining = undefined
    })
    return draining
  }

  const show = ({ id, card, to }: Extra) => notify(id, card, 'done', to === undefined ? {} : { to })

  async function tick(): Promise<void> {
    await change((draft, now) => {
      for (const extra of age(draft, inventory(), now)) show(extra)
    })
    aliveAt = clock.now()
  }

  async function loop(): Promise<void> {
    while (!end.signal.aborted) {
      await tick().catch((error: unknown) => log.error({ err: error }, 'incidents cannot be kept'))
      await clock.sleep(everyMs, end.signal).catch(() => undefined)
    }
  }

  /** @throws HomelabError `not-found`, `ambiguous` */
  function named(draft: Draft, wanted: string): Incident {
    const id = wanted.trim().toLowerCase()
    const byId = draft.get(id)
    if (byId !== undefined) return byId
    const about = draft
      .open()
      .filter(({ key, about: { service, guest, node, storage, plan } }) =>
        [service, guest, storage, plan, key.startsWith('node/') ? node : undefined].some(
          (name) => name?.toLowerCase() === id,
        ),
      )
    const [only, ...others] = about
    if (only !== undefined && others.length === 0) return only
    if (only !== undefined)
      throw new HomelabError('ambiguous', `${about.length} incidents are about ${wanted.slice(0, 60)}.`, {
        hint: `Name one: ${about.map((each) => `${each.id} (${each.title})`).join(', ')}.`,
      })
    throw new HomelabError('not-found', `There is no incident "${wanted.slice(0, 60)}".`, {
      hint: '`alert list` shows those that are open.',
    })
  }

  /** @throws HomelabError `conflict` when it is over */
  function openOne(draft: Draft, wanted: string): Incident {
    const incident = named(draft, wanted)
    if (isOpen(incident)) return incident
    throw new HomelabError('conflict', `${incident.title} (${incident.id}) is over already.`)
  }

  /** With what is folded beneath it. */
  const family = (draft: Pick<Draft, 'open'>, { id }: Incident): readonly Incident[] =>
    draft.open().filter((each) => each.id === id || each.parent === id)

  const after = (wanted: Incident): Incident => book.get(wanted.id) ?? wanted

  async function changeFamily(
    wanted: string,
    how: (incident: Incident, now: Date) => Incident,
  ): Promise<Incident> {
    const incident = await change((draft, now) => {
      const found = openOne(draft, wanted)
      for (const member of family(draft, found)) draft.put(how(member, now))
      return found
    })
    return after(incident)
  }

  const stopListening = inbox.onAdded(() => void drain())

  return {
    book,
    change,
    aliveAt: () => aliveAt,
    tick,
    lines: {
      async log(name, limit) {
        const id = name.replace(/^incident\//, '')
        const incident = book.get(id) ?? (await options.store.get(id))
        if (incident === undefined) return []
        const { timezone } = inventory()
        const dropped = Array.from({ length: incident.dropped }, () => ({ at: incident.openedAt, text: '…' }))
        const lines = incident.history.map((line) => ({
          at: line.at,
          text: historyText(line, timezone, clock.now()),
        }))
        return [...dropped, ...lines].slice(-limit)
      },
    },
    start() {
      const recent = clock.now().getTime() - SHOWN_MS
      teller.show(book.all().filter((each) => isOpen(each) || Date.parse(each.resolvedAt ?? '') > recent))
      void drain()
      void loop()
    },
    async settled() {
      await Promise.all(adding)
      await drain()
      await book.settled()
    },
    async stop() {
      end.abort(new HomelabError('cancelled', 'The bot shuts down.'))
      stopListening()
      await Promise.all(adding)
      await draining
      await book.settled()
    },
    report(finding: Finding) {
      const added = inbox
        .add([alertOf(finding, clock.now())])
        .catch((error: unknown) => log.error({ err: error, finding: finding.key }, 'a finding is not kept'))
        .finally(() => adding.delete(added))
      adding.add(added)
    },
    firing: (source) =>
      book
        .all()
        .filter(isOpen)
        .flatMap((incident) => firingIn(incident).filter((alert) => alert.source === source)),
    during: ({ from, to }) =>
      book
        .all()
        .filter(
          ({ openedAt, resolvedAt }) =>
            Date.parse(openedAt) <= to && (resolvedAt === undefined || Date.parse(resolvedAt) >= from),
        ),
    onChange(listener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    async list({ open, limit }) {
      if (!open) return await options.store.newest(limit)
      return book.all().filter(isOpen).reverse().slice(0, limit)
    },
    async get(wanted) {
      const found = await book.change((draft) => {
        try {
          return named(draft, wanted)
        } catch (error) {
          if (error instanceof HomelabError && error.code === 'not-found') return undefined
          throw error
        }
      })
      return found ?? (await options.store.get(wanted.trim().toLowerCase()))
    },
    acknowledge: (id, by) => changeFamily(id, (incident, now) => acknowledged(incident, by, now)),
    async wouldSilence(id) {
      return await book.change((draft) =>
        family(draft, openOne(draft, id)).reduce((sum, each) => sum + countOf(each), 0),
      )
    },
    silence: (id, by, until) => changeFamily(id, (incident, now) => silenced(incident, by, now, until)),
    unsilence: (id, by) => changeFamily(id, (incident, now) => unsilenced(incident, now, by)),
    async resolve(id: string, by: Caller) {
      const incident = await change((draft, now) => {
        const found = openOne(draft, id)
        // A flood is nothing but what is beneath it; what stands on another one may go on without that.
        const over = isFlood(found) ? family(draft, found) : [found]
        for (const each of over) draft.put(resolvedBy(each, by, now))
        return found
      })
      return after(incident)
    },
  }
}
