import { describe, expect, it, test } from 'vitest'
import type { Incident } from '../alerts/types.ts'
import type { Incidents, RunHistory, RunView } from '../operation/services.ts'
import { digestCard } from './card.ts'
import { incidentsSince } from './incidents.ts'
import { lastTold, runsSince } from './runs.ts'
import type { DigestOutput } from './types.ts'

const now = new Date('2026-11-26T08:00:00Z')
const since = new Date('2026-11-25T08:00:00Z')
const at = (time: string) => `2026-11-26T${time}:00.000Z`

const run = (id: string, more: Partial<RunView>): RunView => ({
  id,
  operation: 'backup.run',
  title: `Run ${id}`,
  input: {},
  caller: { id: 'schedule:backup/photos', name: 'schedule' },
  state: 'succeeded',
  createdAt: at('03:00'),
  startedAt: at('03:00'),
  finishedAt: at('03:10'),
  ...more,
})
const historyOf = (...runs: RunView[]) =>
  ({ list: ({ limit }) => Promise.resolve(runs.slice(0, limit)) }) as Pick<RunHistory, 'list'> as RunHistory

describe('runs since then', () => {
  const anna = { id: 'discord:1', name: 'anna' }
  const history = historyOf(
    run('now', { operation: 'lab.digest', state: 'running' }),
    run('bad', { state: 'failed', error: { code: 'failed', message: 'no space left' } }),
    run('hers', { operation: 'service.restart', caller: anna }),
    run('night', {}),
    run('long', { createdAt: '2026-11-24T08:00:00.000Z', finishedAt: at('01:00') }),
    run('before', { state: 'failed', finishedAt: '2026-11-25T07:59:59.000Z' }),
    run('told', { operation: 'lab.digest' }),
  )

  it('are those that ended since; what people did and what failed is there by name', async () => {
    expect(await runsSince(history, since, 'lab.digest')).toEqual({
      failed: [{ id: 'bad', title: 'Run bad', who: 'schedule', at: at('03:00'), error: 'no space left' }],
      people: [{ id: 'hers', title: 'Run hers', who: 'anna', at: at('03:00') }],
      succeeded: 3,
      cancelled: 0,
      active: 0,
    })
  })

  const digests = (caller: string, startedAt: string) =>
    historyOf(
      run('own', { operation: 'lab.digest', caller: { id: caller, name: 'schedule' }, state: 'running' }),
      run('failed', { operation: 'lab.digest', caller: { id: caller, name: 'schedule' }, state: 'failed' }),
      run('told', { operation: 'lab.digest', caller: { id: caller, name: 'schedule' }, startedAt }),
    )
  const schedule = 'schedule:digest/morning'
  test.each([
    ['when the same schedule told it last', schedule, '2026-11-23T08:00:00.000Z', '2026-11-23T08:00:00.000Z'],
    ['a day ago when nobody has told it', 'schedule:other', '2026-11-23T08:00:00.000Z', since.toISOString()],
    ['a month at the most', schedule, '2026-01-01T08:00:00.000Z', '2026-10-26T08:00:00.000Z'],
  ])('begin %s', async (_, caller, startedAt, then) => {
    const told = digests(schedule, startedAt)
    expect((await lastTold(told, caller, 'lab.digest', now)).toISOString()).toBe(then)
  })

  it('begin a day ago for a person', async () => {
    const told = digests('discord:1', '2026-11-23T08:00:00.000Z')
    expect((await lastTold(told, 'discord:1', 'lab.digest', now)).toISOString()).toBe(since.toISOString())
    expect((await lastTold(undefined, schedule, 'lab.digest', now)).toISOString()).toBe(since.toISOString())
  })
})

/** As far as a digest looks at it. */
const incident = (id: string, more: Partial<Incident>): Incident =>
  ({ id, title: `${id} is down`, severity: 'warning', about: {}, openedAt: at('03:00'), ...more }) as Incident

it('incidents are those that are open and those that were over since, the gravest first, without what another one caused', async () => {
  const all = [
    incident('plex', { resolvedAt: at('03:14'), state: 'resolved' }),
    incident('old', { resolvedAt: '2026-11-25T07:00:00.000Z', state: 'resolved' }),
    incident('disk', { openedAt: '2026-11-01T00:00:00.000Z', about: { storage: 'tesla' } }),
    incident('node', {
      severity: 'critical',
      ack: { by: { id: 'discord:1', name: 'anna' }, at: at('03:05') },
    }),
    incident('radarr', { parent: 'node' }),
  ]
  const incidents = { list: () => Promise.resolve(all) } as Pick<Incidents, 'list'> as Incidents
  expect(await incidentsSince(incidents, since)).toEqual({
    open: [
      { id: 'node', title: 'node is down', severity: 'critical', at: at('03:00'), by: 'anna', beneath: 1 },
      {
        ...{ id: 'disk', title: 'disk is down', severity: 'warning', storage: 'tesla' },
        ...{ at: '2026-11-01T00:00:00.000Z', beneath: 0 },
      },
    ],
    over: [
      {
        id: 'plex',
        title: 'plex is down',
        severity: 'warning',
        at: at('03:00'),
        until: at('03:14'),
        beneath: 0,
      },
    ],
  })
})

const GiB = 1024 ** 3
const storage = {
  name: 'tesla',
  node: 'pve',
  used: 50 * GiB,
  total: 100 * GiB,
  warn: 80,
  crit: 90,
  problems: [],
}
const well: DigestOutput = {
  since: since.toISOString(),
  at: now.toISOString(),
  timezone: 'UTC',
  runs: { failed: [], people: [], succeeded: 4, cancelled: 0, active: 0 },
  incidents: { open: [], over: [] },
  backups: { fresh: 4, others: [] },
  storages: [storage],
  updates: [{ node: 'pve', packages: [], kernel: false }],
  certificates: [{ node: 'pve', file: 'pve-ssl.pem', until: '2027-06-01T00:00:00.000Z' }],
  tunnel: { name: 'home', status: 'healthy', connections: 4 },
  unseen: [],
}
const text = (output: DigestOutput) => JSON.stringify(digestCard(output))

describe('the card', () => {
  it('says that nothing is wrong, and what there is of each part', () => {
    const card = digestCard(well)
    expect(card).toMatchObject({ title: 'Since yesterday: nothing is wrong', tone: 'ok', buttons: [] })
    expect(card.sections?.[0]).toEqual({
      kind: 'fields',
      fields: [
        { name: 'Runs', value: '4 succeeded' },
        { name: 'Incidents', value: 'none' },
        { name: 'Backups', value: '4 fresh' },
        { name: 'Updates', value: 'none' },
        { name: 'Certificates', value: 'the next one is over in 186 days (pve)' },
        { name: 'Tunnel', value: 'healthy, 4 connections' },
      ],
    })
  })

  const incidentLine = { id: 'k7f3', title: 'plex is down', at: at('03:00'), beneath: 0 }
  test.each<[string, Partial<DigestOutput>, string, RegExp]>([
    [
      'a failed run',
      {
        runs: {
          ...{ succeeded: 0, cancelled: 0, active: 1, people: [] },
          failed: [
            { id: 'r1', title: 'Back up Photos', who: 'schedule', at: at('04:00'), error: 'no space left' },
          ],
        },
      },
      'error',
      /Back up Photos \(schedule, 04:00\): no space left.*run show r1/,
    ],
    [
      'a stale backup',
      {
        backups: {
          fresh: 3,
          others: [{ plan: 'photos', title: 'Photos', repository: 'B2', state: 'stale', ageMs: 200_000_000 }],
        },
      },
      'error',
      /Photos in B2: not fresh, the last one is 2 d 7 h old.*backup run photos/,
    ],
    [
      'a backup that is smaller, though fresh',
      {
        backups: {
          fresh: 3,
          others: [
            {
              plan: 'photos',
              title: 'Photos',
              repository: 'B2',
              state: 'fresh',
              why: '60 % less bytes than before',
            },
          ],
        },
      },
      'error',
      /Photos in B2: fresh, 60 % less bytes than before/,
    ],
    [
      'a storage that fills',
      {
        storages: [
          {
            ...storage,
            used: 85 * GiB,
            grown: 5 * GiB,
            problems: [{ severity: 'warning', text: '85 % full' }],
          },
        ],
      },
      'warning',
      /"\+5\.0 GiB".*storage show tesla/,
    ],
    [
      'an open incident',
      { incidents: { open: [{ ...incidentLine, severity: 'critical', by: 'anna' }], over: [] } },
      'error',
      /critical: plex is down, since Thu 26 Nov, 03:00, anna looks after it/,
    ],
    [
      'one that is over',
      { incidents: { open: [], over: [{ ...incidentLine, severity: 'critical', until: at('03:14') }] } },
      'neutral',
      /critical: plex is down, at 03:00, over after 14 min/,
    ],
    [
      'updates',
      { updates: [{ node: 'pve', packages: ['proxmox-kernel-6.8', 'a', 'b', 'c', 'd'], kernel: true }] },
      'neutral',
      /pve: proxmox-kernel-6\.8, a, b, c and 1 more; a new kernel wants a restart of the node/,
    ],
    [
      'a certificate that was not renewed',
      { certificates: [{ node: 'pve', file: 'pve-ssl.pem', until: '2026-12-01T08:00:00.000Z' }] },
      'warning',
      /pve-ssl\.pem of pve: in 5 days/,
    ],
    [
      'a tunnel',
      { tunnel: { name: 'home', status: 'down', connections: 0 } },
      'error',
      /"Tunnel","value":"down"/,
    ],
    [
      'what could not be looked at',
      { unseen: [{ part: 'updates', text: 'pve: the token lacks Sys.Modify on /nodes/pve' }] },
      'warning',
      /updates: pve: the token lacks Sys\.Modify/,
    ],
  ])('says %s, and is not ok', (_, part, tone, words) => {
    expect(digestCard({ ...well, ...part }).tone).toBe(tone)
    expect(text({ ...well, ...part })).toMatch(words)
  })

  it('says how large the backups are, and by how much they have grown in a week', () => {
    const sizes = [
      { title: 'Photos', repository: 'B2', bytes: 420 * GiB, weekAgo: 417 * GiB },
      { title: 'PostgreSQL', repository: 'B2', bytes: 2 * GiB },
    ]
    expect(text({ ...well, backups: { fresh: 2, others: [], sizes } })).toMatch(
      /"Photos","B2","420 GiB","\+3\.0 GiB".*"PostgreSQL","B2","2\.0 GiB","–"/,
    )
  })

  it('counts a backup once that has an incident, too', () => {
    const stale = { plan: 'photos', title: 'Photos', repository: 'B2', state: 'stale' as const }
    const { title } = digestCard({
      ...well,
      backups: { fresh: 3, others: [stale] },
      incidents: { open: [{ ...incidentLine, severity: 'warning', plan: 'photos' }], over: [] },
    })
    expect(title).toBe('Since yesterday: 1 thing is wrong')
  })

  it('says since when, if that is not yesterday', () => {
    expect(digestCard({ ...well, since: '2026-11-23T08:00:00.000Z' }).title).toBe(
      'Since Mon 23 Nov, 08:00: nothing is wrong',
    )
  })
})
