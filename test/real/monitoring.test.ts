/** Queries by meaning against a real Prometheus, with the metrics of the exporters that labs have. */
import { type HistoryRow, type HistorySubject, Secret } from '@homelab/core'
import {
  createMonitoring,
  createPrometheus,
  gapsOf,
  type Metric,
  type Prometheus,
  type Subject,
  summaryOf,
} from '@homelab/core/monitoring'
import { createHttp } from '@homelab/core/node'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningPrometheus, type Samples, startPrometheus } from '../support/prometheus.ts'
import { requireTool } from '../support/tools.ts'

const there = requireTool('prometheus', 'promtool', 'setpriv')
const MINUTE = 60_000
const HOUR = 60 * MINUTE
const GIB = 2 ** 30
const to = Math.floor(Date.now() / MINUTE) * MINUTE - 10 * MINUTE
const from = to - 24 * HOUR
const span = { from, to }

const gauge = (series: string, value: Samples['value']): Samples => ({ series, stepMs: MINUTE, value })
/** @param rate a second */
const counter = (series: string, rate: number) =>
  gauge(series, (at) => Math.round(((at - from) / 1000) * rate))
/** Nothing was scraped for an hour. */
const outage = (at: number) => at > from + 10 * HOUR && at < from + 11 * HOUR
const guest = '{id="lxc/110"}'
const target = '{instance="pve:9100",job="node"'
const samples: readonly Samples[] = [
  gauge(`pve_cpu_usage_ratio${guest}`, (at) => (outage(at) ? undefined : 0.25)),
  gauge('pve_cpu_usage_ratio{id="lxc/1100"}', () => 0.99),
  gauge(`pve_memory_usage_bytes${guest}`, (at) => GIB + ((at - from) / HOUR) * 2 ** 20),
  // Two targets of the exporter say the same of a cluster.
  gauge('pve_disk_usage_bytes{id="storage/pve/tesla",instance="a"}', () => 400 * GIB),
  gauge('pve_disk_usage_bytes{id="storage/pve/tesla",instance="b"}', () => 400 * GIB),
  counter(`pve_network_receive_bytes${guest}`, 1_000),
  counter(`pve_network_transmit_bytes${guest}`, 3_000),
  gauge('node_uname_info{instance="pve:9100",job="node",nodename="pve"}', () => 1),
  gauge('node_uname_info{instance="nas:9100",job="node",nodename="nas"}', () => 1),
  counter(`node_cpu_seconds_total${target},cpu="0",mode="idle"}`, 0.5),
  counter(`node_cpu_seconds_total${target},cpu="1",mode="idle"}`, 0.7),
  counter(`node_cpu_seconds_total${target},cpu="1",mode="user"}`, 0.3),
  gauge(`node_memory_MemTotal_bytes${target}}`, () => 64 * GIB),
  gauge(`node_memory_MemAvailable_bytes${target}}`, () => 48 * GIB),
  counter(`node_network_receive_bytes_total${target},device="enp3s0"}`, 5_000),
  counter(`node_network_receive_bytes_total${target},device="vmbr0"}`, 5_000),
  counter(`node_network_transmit_bytes_total${target},device="enp3s0"}`, 7_000),
  gauge(`node_filesystem_size_bytes${target},mountpoint="/Apollo",fstype="ext4"}`, () => 40_000 * GIB),
  gauge(`node_filesystem_free_bytes${target},mountpoint="/Apollo",fstype="ext4"}`, () => 10_000 * GIB),
  gauge(
    'node_filesystem_size_bytes{instance="nas:9100",job="node",mountpoint="/Apollo",fstype="ext4"}',
    () => GIB,
  ),
  gauge(
    'node_filesystem_free_bytes{instance="nas:9100",job="node",mountpoint="/Apollo",fstype="ext4"}',
    () => 0,
  ),
]
const plex: Subject = { kind: 'guest', guest: { vmid: 110, type: 'lxc', node: 'pve', name: 'plex' } }
const pve: Subject = { kind: 'node', node: 'pve' }
const tesla: Subject = {
  kind: 'storage',
  name: 'tesla',
  node: 'pve',
  storage: 'tesla',
  path: '/mnt/pve/tesla',
}
const apollo: Subject = { kind: 'storage', name: 'apollo', node: 'pve', path: '/Apollo' }

describe.skipIf(!there)('Prometheus', () => {
  let server: RunningPrometheus
  const http = createHttp()
  beforeAll(async () => {
    server = await startPrometheus(samples, span)
  })
  afterAll(async () => {
    await http.close()
    await server?.[Symbol.asyncDispose]()
  })

  const clientWith = (password: string, url = server.url): Prometheus =>
    createPrometheus({
      http,
      settings: () => ({ url, login: { user: server.login.user, password: { from: 'env', name: 'P' } } }),
      secrets: { resolve: () => Promise.resolve(new Secret(password)) },
    })
  const asked: HistorySubject[] = []
  const recorded: HistoryRow[] = [
    { time: (to - HOUR) / 1000, cpu: 0.5 },
    { time: to / 1000, cpu: 0.6 },
  ]
  const monitoringWith = (prometheus: Prometheus) =>
    createMonitoring({
      prometheus,
      proxmox: {
        history: (of) => {
          asked.push(of)
          return Promise.resolve(recorded)
        },
      },
    })
  const read = async (subject: Subject, metric: Metric) => {
    const { source, series } = await monitoringWith(clientWith(server.login.password)).read(
      subject,
      metric,
      span,
    )
    expect(source).toBe('prometheus')
    return series
  }

  test.each([
    ['cpu of a guest', plex, 'cpu', { CPU: 0.25 }],
    ['network of a guest', plex, 'network', { in: 1_000, out: 3_000 }],
    ['cpu of a node, from the other exporter', pve, 'cpu', { CPU: 0.4 }],
    ['memory of a node', pve, 'memory', { memory: 16 * GIB }],
    ['network of a node, without what its bridge has again', pve, 'network', { in: 5_000, out: 7_000 }],
    ['a storage that two targets tell of', tesla, 'disk', { used: 400 * GIB }],
    ['a folder of this node, and not of another one', apollo, 'disk', { used: 30_000 * GIB }],
  ] as const)('%s', async (_what, subject, metric, expected) => {
    const series = await read(subject, metric)
    expect(series.map(({ name }) => name)).toEqual(Object.keys(expected))
    for (const each of series) {
      const wanted = (expected as Readonly<Record<string, number>>)[each.name] ?? 0
      expect(Math.abs((summaryOf(each)?.avg ?? 0) / wanted - 1), each.name).toBeLessThan(0.02)
      expect(each.points.length).toBeGreaterThan(200)
      expect(each.points.length).toBeLessThanOrEqual(301)
    }
  })

  test('what grew is seen to grow, and an hour without samples is a gap', async () => {
    const [memory] = await read(plex, 'memory')
    const { min = 0, max = 0 } = (memory && summaryOf(memory)) ?? {}
    expect((max - min) / 2 ** 20).toBeGreaterThan(23)
    const [cpu] = await read(plex, 'cpu')
    const gaps = cpu === undefined ? [] : gapsOf(cpu)
    expect(gaps).toHaveLength(1)
    const ms = (gaps[0]?.to ?? 0) - (gaps[0]?.from ?? 0)
    expect(ms).toBeGreaterThan(50 * MINUTE)
    expect(ms).toBeLessThanOrEqual(65 * MINUTE)
    expect(asked).toEqual([])
  })

  test('an instant, a scalar, and a name with all that could end a string', async () => {
    const prometheus = clientWith(server.login.password)
    const [found] = await prometheus.instant(`pve_cpu_usage_ratio${guest}`, { at: to })
    expect(found?.points).toEqual([{ at: to, value: 0.25 }])
    expect((await prometheus.instant('42', { at: to }))[0]?.points[0]?.value).toBe(42)
    const name = 'x"} or vector(1) #\\\n'
    const odd = { kind: 'node', node: name } as const
    const { source } = await monitoringWith(prometheus).read(odd, 'cpu', span)
    expect(source).toBe('proxmox')
  })

  test('what it does not have comes from Proxmox, and so does everything while it refuses us', async () => {
    const other: Subject = { kind: 'guest', guest: { vmid: 200, type: 'qemu', node: 'pve', name: 'new' } }
    const without = await monitoringWith(clientWith(server.login.password)).read(other, 'cpu', span)
    expect(without).toMatchObject({ source: 'proxmox', note: 'Prometheus has nothing of it' })
    expect(without.series[0]?.points).toHaveLength(2)
    const refused = await monitoringWith(clientWith('wrong')).read(plex, 'cpu', span)
    expect(refused.source).toBe('proxmox')
    expect(refused.note).toMatch(/does not take the credentials \(401\).*monitoring\.prometheus/)
    const gone = await monitoringWith(clientWith('x', 'http://127.0.0.1:9')).read(plex, 'cpu', span)
    expect(gone.source).toBe('proxmox')
    expect(gone.note).toContain('127.0.0.1:9')
  })

  test('says what is wrong with a query, and takes no more series than fit on a chart', async () => {
    const prometheus = clientWith(server.login.password)
    await expect(prometheus.range('sum(', span, MINUTE)).rejects.toMatchObject({
      code: 'failed',
      message: expect.stringContaining('parse error') as string,
    })
    const many = Array.from(
      { length: 60 },
      (_, index) => `label_replace(vector(1), "n", "${index}", "", "")`,
    ).join(' or ')
    await expect(prometheus.range(many, span, HOUR)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('60 series') as string,
    })
    await expect(clientWith(server.login.password, `${server.url}/graph`).instant('1')).rejects.toMatchObject(
      {
        code: 'config',
      },
    )
  })
})
