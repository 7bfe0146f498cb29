/** The silence of an incident, kept in Alertmanager, too, for as long as it goes on here: other receivers are quiet as well. */
import { randomBytes } from 'node:crypto'
import { type Clock, errorData, HomelabError, type Json } from '@homelab/core'
import { type Alert, type HeldSilence, type Incident, isOpen } from '@homelab/core/alerts'
import { z } from 'zod'
import type { FactStore } from '../chat/connector.ts'
import type { WatchLog } from '../watch/types.ts'
import type { Alertmanagers, AskedAlertmanager } from './alertmanagers.ts'
import { matchersOf } from './matchers.ts'
import type { Held } from './reconcile.ts'
import { type Wanted, wantedSilences } from './wanted.ts'

export interface SilencesOptions {
  readonly alertmanagers: Pick<Alertmanagers, 'all'>
  /** The open ones. */
  readonly incidents: () => readonly Incident[]
  readonly facts: FactStore
  readonly clock: Clock
  readonly log: WatchLog
  /** Told once when the silence of an incident cannot be kept there. */
  readonly note?: (incident: string, text: string) => void
}

/** A silence that somebody made in Alertmanager. */
export interface SilencedElsewhere {
  readonly id: string
  readonly by: string
  readonly comment: string
  /** ISO 8601 */
  readonly until: string
}

export interface Silences {
  /** To be called with each incident that has changed. Never throws, and nobody has to wait. */
  changed(incident: Incident): void
  /** How many alerts that sound in the Alertmanagers now a silence of these would mute there. @throws HomelabError */
  wouldMute(alerts: readonly Pick<Alert, 'source' | 'fingerprint'>[]): Promise<number>
  /** From memory, as of the last look. */
  silencedElsewhere(alert: Pick<Alert, 'source' | 'fingerprint'>): SilencedElsewhere | undefined
  isOurs(silence: Pick<HeldSilence, 'comment'>): boolean
  /** Makes what is there what it should be. Never rejects. */
  looked(source: string, held: Held): Promise<void>
  /** Resolves when all that was to be changed so far is. */
  settled(): Promise<void>
  stop(): Promise<void>
}

const Kept = z.object({
  /** Which of several bots that silence in the same Alertmanager. */
  owner: z.string().regex(/^[0-9a-f]{8}$/),
  /** By source, and then by `incident/fingerprint`: the silence. */
  ids: z.record(z.string(), z.record(z.string(), z.string())),
})
type Kept = z.infer<typeof Kept>

const NAME = 'alerts.silences'
/** Of one that has no end here: should we die, it ends by itself. */
const OPEN_MS = 3_600_000
/** It is prolonged when less than this is left. */
const LEFT_MS = 1_800_000
/** A start in the past counts as now, whatever the clock over there says. */
const PAST_MS = 86_400_000
export function createSilences(options: SilencesOptions): Silences {
  const { alertmanagers, incidents, facts, clock, log, note } = options
  const end = new AbortController()
  let kept: Kept = Kept.safeParse(facts.get(NAME)).data ?? { owner: randomBytes(4).toString('hex'), ids: {} }
  const seen = new Map<string, Held>()
  const noted = new Set<string>()

  const markerOf = ({ incident: { id }, fingerprint }: Wanted): string =>
    `[homelab:${kept.owner}:${id}/${fingerprint}]`
  const isOurs = ({ comment }: Pick<HeldSilence, 'comment'>): boolean =>
    comment.includes(`[homelab:${kept.owner}:`)

  async function keep(source: string, key: string, id: string | undefined): Promise<void> {
    const before = kept.ids[source] ?? {}
    if (before[key] === id) return
    const { [key]: _, ...rest } = before
    kept = { ...kept, ids: { ...kept.ids, [source]: id === undefined ? rest : { ...rest, [key]: id } } }
    await facts.set(NAME, kept as Json)
  }

  const wantedAt = (source: string) => wantedSilences(incidents().filter(isOpen), source, clock.now())

  async function make(
    { api, source }: AskedAlertmanager,
    key: string,
    want: Wanted,
    { alerts, silences }: Held,
  ): Promise<void> {
    const marker = markerOf(want)
    const all = silences.filter(
      ({ comment, status }) => status.state !== 'expired' && comment.includes(marker),
    )
    // Two of the same are there when an answer was lost and it arrived late.
    const [own, ...rest] = all.toSorted((a, b) => Date.parse(b.endsAt) - Date.parse(a.endsAt))
    for (const { id } of rest) await api.expire(id, end.signal)
    const now = clock.now().getTime()
    const endsAt = want.until ?? now + OPEN_MS
    const left = own === undefined ? 0 : Date.parse(own.endsAt) - now
    const isRight =
      want.until === undefined
        ? left >= LEFT_MS && left <= OPEN_MS + 60_000
        : own !== undefined && Math.abs(Date.parse(own.endsAt) - want.until) < 1_000
    if (own !== undefined && isRight) return keep(source.name, key, own.id)
    const alert = alerts.find(({ fingerprint }) => fingerprint === want.fingerprint)
    // What does not fire there any more needs none: the one that is there ends by itself, or with the incident.
    if (alert === undefined || endsAt <= now) return
    const id = await api.silence(
      {
        ...(own === undefined ? {} : { id: own.id }),
        matchers: own?.matchers ?? matchersOf(alert, alerts),
        startsAt: own?.startsAt ?? new Date(now - PAST_MS).toISOString(),
        endsAt: new Date(endsAt).toISOString(),
        createdBy: `${want.by} (homelab)`,
        comment: `${want.incident.title.slice(0, 200)}: silenced in homelab, incident ${want.incident.id} ${marker}`,
      },
      end.signal,
    )
    await keep(source.name, key, id)
  }

  /** Each by itself: one that cannot be changed keeps none of the others from it. */
  async function put(asked: AskedAlertmanager, held: Held): Promise<void> {
    const { source, api } = asked
    const wanted = wantedAt(source.name)
    const ids = kept.ids[source.name] ?? {}
    let isDone = true
    busy.add(source.name)
    done.delete(source.name)
    for (const [key, want] of wanted)
      if (!(await tried(source.name, want.incident.id, () => make(asked, key, want, held)))) isDone = false
    const markers = [...wanted.values()].map(markerOf)
    const stray = held.silences.filter(
      (silence) =>
        isOurs(silence) &&
        silence.status.state !== 'expired' &&
        !markers.some((marker) => silence.comment.includes(marker)),
    )
    const gone = Object.entries(ids).filter(([key]) => !wanted.has(key))
    const over = new Set([...stray.map(({ id }) => id), ...gone.map(([, id]) => id)])
    const still = new Set(
      held.silences.filter(({ status }) => status.state !== 'expired').map(({ id }) => id),
    )
    for (const id of over) {
      const keys = Object.entries(ids).filter(([, each]) => each === id)
      const incident = keys[0]?.[0].split('/')[0] ?? ''
      const isOver = await tried(source.name, incident, async () => {
        if (still.has(id)) await api.expire(id, end.signal)
        for (const [key] of keys) await keep(source.name, key, undefined)
      })
      if (!isOver) isDone = false
    }
    busy.delete(source.name)
    if (isDone) done.set(source.name, textOf(wanted))
  }

  async function tried(source: string, incident: string, work: () => Promise<void>): Promise<boolean> {
    if (end.signal.aborted) return false
    try {
      await work()
      noted.delete(`${source}/${incident}`)
      return true
    } catch (error) {
      failed(source, incident, error)
      return false
    }
  }

  function failed(source: string, incident: string, error: unknown): void {
    if (end.signal.aborted) return
    const { code, message } = errorData(error)
    if (code === 'bug') log.error({ err: error, source, incident }, 'a silence is not kept in Alertmanager')
    else log.warn({ source, incident, error: message }, 'a silence is not kept in Alertmanager')
    const key = `${source}/${incident}`
    if (noted.has(key) || incident === '') return
    noted.add(key)
    note?.(incident, `its silence is kept here, but not in Alertmanager ${source}: ${message}`)
  }

  async function look(asked: AskedAlertmanager): Promise<Held> {
    const [alerts, silences] = await Promise.all([
      asked.api.alerts(end.signal),
      asked.api.silences(end.signal),
    ])
    const held = { alerts, silences }
    seen.set(asked.source.name, held)
    return held
  }

  /** One after the other, for each source: what was seen must not be changed by another one meanwhile. */
  const working = new Map<string, Promise<void>>()
  const waiting = new Set<string>()
  function then(source: string, work: () => Promise<void>): Promise<void> {
    const next = (working.get(source) ?? Promise.resolve()).then(work).catch((error: unknown) => {
      if (!end.signal.aborted) log.error({ err: error, source }, 'the silences in Alertmanager are not kept')
    })
    working.set(source, next)
    return next
  }

  const busy = new Set<string>()
  /** By source: what was wanted when all of it was made so. */
  const done = new Map<string, string>()
  const textOf = (wanted: ReadonlyMap<string, Wanted>): string =>
    JSON.stringify([...wanted].map(([key, { until }]) => [key, until]))

  /** Cheap: in a flood it is asked ten thousand times. What is folded beneath a silenced one is seen at the next look. */
  const isConcerned = ({ id, silence }: Incident): boolean =>
    silence !== undefined ||
    // What is being made now is not noted yet.
    busy.size > 0 ||
    Object.values(kept.ids).some((ids) => Object.keys(ids).some((key) => key.startsWith(`${id}/`)))

  const settled = async () => {
    await Promise.all(working.values())
  }

  return {
    isOurs,
    settled,
    changed(incident) {
      if (!isConcerned(incident)) return
      for (const asked of alertmanagers.all()) {
        const { name } = asked.source
        if (waiting.has(name)) continue
        waiting.add(name)
        void then(name, async () => {
          waiting.delete(name)
          // Much of what changes in an incident has nothing to do with its silence.
          if (end.signal.aborted || textOf(wantedAt(name)) === done.get(name)) return
          await look(asked).then(
            (held) => put(asked, held),
            (error: unknown) => failed(name, incident.silence === undefined ? '' : incident.id, error),
          )
        })
      }
    },
    looked: (source, held) =>
      then(source, async () => {
        seen.set(source, held)
        const asked = alertmanagers.all().find((each) => each.source.name === source)
        if (asked === undefined || end.signal.aborted) return
        const isNeeded =
          wantedAt(source).size > 0 ||
          Object.keys(kept.ids[source] ?? {}).length > 0 ||
          held.silences.some(isOurs)
        // Looked at anew: what was seen may be older than what was changed while this waited.
        if (isNeeded)
          await look(asked).then(
            (fresh) => put(asked, fresh),
            (error: unknown) => failed(source, '', error),
          )
      }),
    async wouldMute(alerts) {
      const asked = alertmanagers
        .all()
        .filter(({ source }) => alerts.some((alert) => alert.source === source.name))
      const counts = await Promise.all(
        asked.map(async (one) => {
          const held = await look(one)
          const own = new Set(
            alerts.filter(({ source }) => source === one.source.name).map(({ fingerprint }) => fingerprint),
          )
          return held.alerts.filter(
            ({ fingerprint, status }) => own.has(fingerprint) && status.silencedBy.length === 0,
          ).length
        }),
      )
      return counts.reduce((sum, count) => sum + count, 0)
    },
    silencedElsewhere({ source, fingerprint }) {
      const held = seen.get(source)
      const by = held?.alerts.find((alert) => alert.fingerprint === fingerprint)?.status.silencedBy ?? []
      const found = held?.silences
        .filter((silence) => by.includes(silence.id) && !isOurs(silence))
        .toSorted((a, b) => Date.parse(b.endsAt) - Date.parse(a.endsAt))[0]
      if (found === undefined) return undefined
      return { id: found.id, by: found.createdBy, comment: found.comment, until: found.endsAt }
    },
    async stop() {
      end.abort(new HomelabError('cancelled', 'The bot shuts down.'))
      await settled()
    },
  }
}
