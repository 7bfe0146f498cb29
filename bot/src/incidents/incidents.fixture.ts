/** The incidents on a real store, with a clock that the test moves, and every card that they show. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Caller, Card, Clock } from '@homelab/core'
import type { Alert } from '@homelab/core/alerts'
import { type Inventory, parseInventory } from '@homelab/core/inventory'
import { guest, overviewOf } from '../../../core/src/inventory/fixture.ts'
import type { NoticeOptions } from '../chat/notices.ts'
import { openStore } from '../store/index.ts'
import type { Store } from '../store/store.ts'
import { type OpenIncidents, openIncidents } from './desk.ts'

export const harmeet: Caller = { id: 'discord:1', name: 'harmeet', role: 'admin', surface: 'chat' }

export const file = `
services:
  traefik: { guest: 101, stack: core }
  postgresql: { guest: 102, stack: core }
  plex: { guest: 110, stack: media, aliases: [tv] }
  jellyfin: { guest: 111, stack: media }
  immich: { guest: 120, stack: apps, needs: [postgresql] }
channels:
  ops: { discord: '111111111111111111', ops: true }
  media: { discord: '222222222222222222' }
people:
  harmeet: { role: admin, discord: '333333333333333333', slack: U0123ABCD }
`

const names = ['traefik', 'postgresql', 'plex', 'jellyfin', 'immich']
const vmids = [101, 102, 110, 111, 120]
export const overview = overviewOf(names.map((name, index) => guest(vmids[index] ?? 0, name)))

export interface Shown {
  readonly id: string
  readonly card: Card
  readonly state: 'live' | 'done'
  readonly options: NoticeOptions
}

export interface Bench extends AsyncDisposable {
  readonly incidents: OpenIncidents
  readonly store: Store
  readonly folder: string
  readonly shown: readonly Shown[]
  /** The newest state of each card, by its id and channel. */
  cards(): ReadonlyMap<string, Shown>
  titles(): readonly string[]
  now(): Date
  pass(ms: number): void
  /** As a source would: kept first, then worked in. */
  told(...alerts: readonly Alert[]): Promise<void>
  /** One look at the clock. */
  tick(): Promise<void>
}

export async function openBench(
  more = '',
  options: { readonly folder?: string; readonly at?: string } = {},
): Promise<Bench> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'homelab-incidents-')))
  const inventory: Inventory = parseInventory(`${file}${more}`)
  let time = Date.parse(options.at ?? '2026-03-02T12:00:00Z')
  const end = new AbortController()
  const clock: Clock = {
    now: () => new Date(time),
    monotonic: () => time,
    // The test looks at the clock itself.
    sleep: (_ms, signal) =>
      new Promise((_resolve, reject) => {
        for (const each of [signal, end.signal])
          each?.addEventListener('abort', () => reject(each.reason), { once: true })
      }),
  }
  const store = await openStore(join(folder, 'desk.db'))
  const shown: Shown[] = []
  const bugs: unknown[] = []
  const incidents = await openIncidents({
    store: store.incidents,
    inbox: store.inbox,
    inventory: () => inventory,
    places: () => ({ inventory, overview }),
    notify: (id, card, state, notice = {}) => void shown.push({ id, card, state, options: notice }),
    clock,
    log: { warn: () => undefined, error: (facts) => void bugs.push(facts) },
    onBug: (error) => void bugs.push(error),
  })
  return {
    incidents,
    store,
    folder,
    shown,
    cards: () => new Map(shown.map((each) => [`${each.id}@${each.options.to ?? ''}`, each])),
    titles: () => shown.map(({ card }) => card.title),
    now: () => new Date(time),
    pass: (ms) => {
      time += ms
    },
    async told(...alerts) {
      await store.inbox.add(alerts)
      await incidents.settled()
    },
    tick: () => incidents.tick(),
    async [Symbol.asyncDispose]() {
      end.abort()
      await incidents.stop()
      await store.close()
      if (options.folder === undefined) await rm(folder, { recursive: true, force: true })
      if (bugs.length > 0) throw new Error(`bugs: ${JSON.stringify(bugs.map(String))}`)
    },
  }
}

/** Plex is down, as a rule of Prometheus says it. */
export const alert = (more: Partial<Alert> = {}): Alert => ({
  source: 'alertmanager',
  fingerprint: 'f1',
  status: 'firing',
  name: 'ServiceDown',
  severity: 'critical',
  title: 'plex is down',
  labels: { service: 'plex' },
  startsAt: '2026-03-02T11:59:00.000Z',
  ...more,
})

export const over = (more: Partial<Alert> = {}): Alert =>
  alert({ status: 'resolved', endsAt: '2026-03-02T12:05:00.000Z', ...more })
