import { type RunView, Secret } from '@homelab/core'
import type { PlanStatus } from '@homelab/core/backup'
import { describe, expect, test } from 'vitest'
import { DeliveryError, type Outlet } from '../chat/courier.ts'
import type { Posted } from '../chat/types.ts'
import { createMetrics, createMetricsRoute } from './index.ts'
import type { MeasuredIncident } from './types.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
const iso = (seconds: number) => new Date(start + seconds * 1000).toISOString()

function bench() {
  let now = start
  let listener: (run: RunView) => void = () => {}
  let active: RunView[] = []
  const metrics = createMetrics({
    runs: {
      active: async () => active,
      onAny: (each) => {
        listener = each
        return () => {
          listener = () => {}
        }
      },
    },
    operations: ['service.restart', 'backup.run'],
    version: '1.2.3',
    now: () => new Date(now),
  })
  return {
    metrics,
    tell: (run: RunView) => listener(run),
    running: (...runs: RunView[]) => {
      active = runs
    },
    pass: (seconds: number) => {
      now += seconds * 1000
    },
    /** The lines of one metric, without its name's help. */
    async lines(name: string): Promise<readonly string[]> {
      const { body } = await metrics.text()
      return body.split('\n').filter((line) => new RegExp(`^${name}(_bucket|_sum|_count)?[ {]`).test(line))
    },
  }
}

const run = (state: RunView['state'], more: Partial<RunView> = {}): RunView => ({
  id: 'r1',
  operation: 'service.restart',
  title: 'Restart plex',
  input: {},
  caller: { id: 'cli:local', name: 'me' },
  state,
  createdAt: iso(0),
  ...more,
})

test('runs by operation and how they ended, those that go on, and how long they took', async () => {
  const { tell, running, lines } = bench()
  running(run('running'), run('waiting'))
  tell(run('running', { startedAt: iso(1) }))
  tell(run('succeeded', { startedAt: iso(1), finishedAt: iso(11) }))
  tell(run('failed', { finishedAt: iso(11) }))
  tell(run('cancelled', { operation: 'gone.operation', startedAt: iso(1), finishedAt: iso(1) }))
  expect(await lines('homelab_runs_total')).toEqual([
    'homelab_runs_total{operation="service.restart",state="succeeded"} 1',
    'homelab_runs_total{operation="service.restart",state="failed"} 1',
    'homelab_runs_total{operation="other",state="cancelled"} 1',
  ])
  expect(await lines('homelab_runs_active')).toEqual([
    'homelab_runs_active{state="queued"} 0',
    'homelab_runs_active{state="waiting"} 1',
    'homelab_runs_active{state="running"} 1',
    'homelab_runs_active{state="cancelling"} 0',
  ])
  const took = await lines('homelab_run_duration_seconds')
  expect(took).toContain('homelab_run_duration_seconds_sum{operation="service.restart"} 10')
  expect(took).toContain('homelab_run_duration_seconds_count{operation="service.restart"} 1')
})

describe('backups', () => {
  const row = (more: Partial<PlanStatus>): PlanStatus => ({
    ...{ plan: 'photos', title: 'Photos', repository: 'B2', state: 'fresh', freshMs: 93_600_000 },
    ...{ count: 1, pending: 0, shrunk: [] },
    ...more,
  })

  test('are unknown before the first look, and as old as they are at each scrape', async () => {
    const { metrics, lines, pass } = bench()
    expect(await lines('homelab_backup[a-z_]*')).toEqual([])
    metrics.backups(
      [
        row({ last: start - 3_600_000, bytes: 1024 }),
        row({ plan: 'new', state: 'never' }),
        row({ plan: 'mute', state: 'unknown' }),
      ],
      new Date(start),
    )
    pass(60)
    expect(await lines('homelab_backup_age_seconds')).toEqual([
      'homelab_backup_age_seconds{plan="photos",repository="B2"} 3660',
    ])
    expect(await lines('homelab_backup_size_bytes')).toEqual([
      'homelab_backup_size_bytes{plan="photos",repository="B2"} 1024',
    ])
    expect(await lines('homelab_backup_proven')).toEqual([
      'homelab_backup_proven{plan="photos",repository="B2"} 1',
      'homelab_backup_proven{plan="new",repository="B2"} 0',
    ])
    expect(await lines('homelab_backup_fresh_limit_seconds')).toHaveLength(3)
    expect(await lines('homelab_backups_looked_timestamp_seconds')).toEqual([
      `homelab_backups_looked_timestamp_seconds ${start / 1000}`,
    ])
  })

  test('a plan that is gone is gone, and of two rows of one the worse counts', async () => {
    const { metrics, lines } = bench()
    metrics.backups([row({ last: start })], new Date(start))
    metrics.backups(
      [row({ plan: 'lxc', last: start - 10_000 }), row({ plan: 'lxc', last: start - 50_000 })],
      new Date(start),
    )
    expect(await lines('homelab_backup_age_seconds')).toEqual([
      'homelab_backup_age_seconds{plan="lxc",repository="B2"} 50',
    ])
  })
})

test('incidents: open ones, those that began, and how soon somebody looked after them', async () => {
  const { metrics, lines } = bench()
  const incident = (id: string, more: Partial<MeasuredIncident> = {}): MeasuredIncident => ({
    ...{ id, severity: 'warning', state: 'firing', openedAt: iso(0), again: 0 },
    ...more,
  })
  let open: readonly MeasuredIncident[] = [incident('old', { severity: 'critical' })]
  let change: (incident: MeasuredIncident) => void = () => {}
  metrics.incidents({
    during: () => open,
    onChange: (listener) => {
      change = listener
      return () => {}
    },
  })
  const told = (next: MeasuredIncident) => {
    open = [...open.filter(({ id }) => id !== next.id), ...(next.state === 'resolved' ? [] : [next])]
    change(next)
  }
  const acked = { state: 'acknowledged', ack: { by: { id: 'x', name: 'x' }, at: iso(120) } } as const
  told(incident('old', { severity: 'critical' }))
  told(incident('a'))
  told(incident('a', acked))
  told(incident('a', acked))
  expect(await lines('homelab_incidents_open')).toContain(
    'homelab_incidents_open{severity="critical",state="firing"} 1',
  )
  expect(await lines('homelab_incidents_open')).toContain(
    'homelab_incidents_open{severity="warning",state="acknowledged"} 1',
  )
  told(incident('a', { ...acked, state: 'resolved', resolvedAt: iso(300) }))
  told(incident('a', { state: 'resolved', resolvedAt: iso(300) }))
  told(incident('a', { again: 1 }))
  expect(await lines('homelab_incidents_opened_total')).toEqual([
    'homelab_incidents_opened_total{severity="critical"} 0',
    'homelab_incidents_opened_total{severity="warning"} 2',
    'homelab_incidents_opened_total{severity="info"} 0',
  ])
  expect(await lines('homelab_incidents_acknowledged_total')).toContain(
    'homelab_incidents_acknowledged_total{severity="warning"} 1',
  )
  expect(await lines('homelab_incident_acknowledge_seconds')).toContain(
    'homelab_incident_acknowledge_seconds_sum{severity="warning"} 120',
  )
  expect(await lines('homelab_incident_duration_seconds')).toContain(
    'homelab_incident_duration_seconds_sum{severity="warning"} 300',
  )
})

test('what sources told, and what a stranger tried counts as one', async () => {
  const { metrics, lines } = bench()
  metrics.intake(
    () =>
      new Map([
        ['alertmanager', { accepted: 3, refused: 0, malformed: 1, failed: 0, lastAt: iso(0) }],
        ['', { accepted: 0, refused: 7, malformed: 0, failed: 0 }],
      ]),
  )
  const found = await lines('homelab_intake_messages_total')
  expect(found).toContain('homelab_intake_messages_total{source="alertmanager",outcome="accepted"} 3')
  expect(found).toContain('homelab_intake_messages_total{source="unknown",outcome="refused"} 7')
  expect(await lines('homelab_intake_messages_total')).toEqual(found)
})

test('calls of a platform by how they ended, what waits for it, and its state', async () => {
  const { metrics, lines } = bench()
  const outlet: Outlet = {
    platform: 'slack',
    show: async () => ({ message: '1' }),
    log: () => Promise.reject(new DeliveryError('wait', 'slow down')),
    mention: () => Promise.reject(new TypeError('a bug')),
  }
  const timed = metrics.outlet(outlet)
  const posted = {} as Posted
  expect(await timed.show(posted, undefined)).toEqual({ message: '1' })
  await expect(timed.log(posted, {}, [], 0)).rejects.toThrow('slow down')
  await expect(timed.mention(posted, {})).rejects.toThrow('a bug')
  const counts = (await lines('homelab_platform_call_duration_seconds')).filter((line) =>
    line.includes('_count'),
  )
  expect(counts).toEqual([
    'homelab_platform_call_duration_seconds_count{platform="slack",call="show",outcome="ok"} 1',
    'homelab_platform_call_duration_seconds_count{platform="slack",call="log",outcome="wait"} 1',
    'homelab_platform_call_duration_seconds_count{platform="slack",call="mention",outcome="bug"} 1',
  ])
  metrics.courier('slack', () => 4)
  metrics.platforms(() => [{ platform: 'slack', state: 'refused', since: iso(0) }])
  expect(await lines('homelab_courier_queue')).toEqual(['homelab_courier_queue{platform="slack"} 4'])
  expect(await lines('homelab_platform_state')).toContain(
    'homelab_platform_state{platform="slack",state="refused"} 1',
  )
})

describe('GET /metrics', () => {
  const metrics = { text: async () => ({ type: 'text/plain', body: 'homelab_x 1\n' }) }
  const ask = (
    options: { readonly token?: string; readonly loopback: boolean },
    headers: Record<string, string>,
  ) => {
    const { token, loopback } = options
    const app = createMetricsRoute({
      metrics,
      loopback,
      ...(token === undefined ? {} : { token: new Secret(token) }),
    })
    return (name = '/metrics', more: Record<string, string> = {}) =>
      app.request(name, { headers: { ...headers, ...more } })
  }

  test('needs no login where nobody else can come, and is for no page of another name', async () => {
    const local = ask({ loopback: true }, { host: '127.0.0.1:8787' })
    expect(await (await local()).text()).toBe('homelab_x 1\n')
    expect((await local('/metrics', { host: 'evil.example.org' })).status).toBe(403)
    const open = ask({ loopback: false }, { host: '192.168.1.9:8787' })
    const refused = await open()
    expect(refused.status).toBe(403)
    expect(await refused.json()).toMatchObject({
      hint: expect.stringContaining('monitoring.metrics.token') as string,
    })
  })

  test('with a token takes that one only, and nobody may guess for long', async () => {
    const asked = ask({ loopback: false, token: 'right' }, { host: '192.168.1.9:9091' })
    expect((await asked()).status).toBe(401)
    const statuses = []
    for (let tries = 0; tries < 7; tries++)
      statuses.push((await asked('/metrics', { authorization: 'Bearer wrong' })).status)
    expect(statuses).toEqual([401, 401, 401, 401, 429, 429, 429])
    expect((await asked('/metrics', { authorization: 'Bearer right' })).status).toBe(200)
  })
})
