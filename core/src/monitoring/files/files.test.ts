import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { z } from 'zod'
import { aboutOf, keyOf } from '../../alerts/about.ts'
import { guest, overviewOf } from '../../inventory/fixture.ts'
import { emptyInventory, type Inventory } from '../../inventory/index.ts'
import { parseInventory } from '../../inventory/parse.ts'
import { monitoringFiles, type Seen } from './index.ts'

const example = readFileSync(new URL('../../../../homelab.example.yaml', import.meta.url), 'utf8')
const inventoryOf = (text: string): Inventory => parseInventory(text, { file: 'homelab.yaml' })
const nobody: Seen = { addresses: new Map() }

/** Each service of the file on its guest, at 10.0.0.<VMID>. */
function seenOf({ services }: Inventory): Seen {
  const guests = services.map(({ guest: vmid, name }) => guest(Number(vmid), name))
  return {
    overview: overviewOf(guests),
    addresses: new Map(guests.map(({ vmid }) => [vmid, `10.0.0.${vmid}`])),
  }
}

const Rules = z.object({
  groups: z.array(
    z.object({
      name: z.string(),
      rules: z.array(
        z.object({
          alert: z.string(),
          expr: z.string(),
          labels: z.record(z.string(), z.string()),
          annotations: z.object({ summary: z.string(), description: z.string() }),
        }),
      ),
    }),
  ),
})
const Targets = z.array(z.object({ targets: z.array(z.string()), labels: z.record(z.string(), z.string()) }))

function made(inventory: Inventory, seen: Seen) {
  const { files, notes } = monitoringFiles(inventory, seen)
  const text = (path: string) => files.find((file) => file.path === path)?.text ?? ''
  return {
    text,
    notes,
    all: files.map((file) => file.text).join('\n'),
    rules: Rules.parse(parse(text('homelab-rules.yml'))).groups.flatMap(({ rules }) => rules),
    targets: (name: string) => Targets.parse(parse(text(`homelab-${name}.yml`))),
  }
}

describe('of the example', () => {
  const inventory = inventoryOf(example)
  const { rules, targets, notes, text } = made(inventory, seenOf(inventory))

  test('every service is asked where `status` asks it, and those that cannot be are named', () => {
    const asked = targets('services').map(({ labels }) => labels.service)
    const left = inventory.services.map(({ name }) => name).filter((name) => !asked.includes(name))
    expect(left).toEqual(['cloudflared'])
    expect(notes[0]).toBe('cloudflared is not asked: its check listens inside its guest only')
    expect(text('homelab-rules.yml')).toContain('# cloudflared: its check listens inside its guest only')
    expect(targets('services').find(({ labels }) => labels.service === 'nextcloud')).toEqual({
      targets: ['https://10.0.0.121:443/status.php'],
      labels: { service: 'nextcloud', stack: 'apps', vmid: '121', module: 'homelab_http' },
    })
    expect(targets('services').find(({ labels }) => labels.service === 'redis')?.targets).toEqual([
      '10.0.0.103:6379',
    ])
    expect(targets('nodes')).toEqual([{ targets: ['192.168.1.10:9100'], labels: { node: 'pve' } }])
    expect(targets('routes').map(({ labels }) => labels.hostname)).toEqual(
      inventory.network.routes.map(({ hostname }) => hostname),
    )
  })

  test('every rule says how grave it is and what of its subject is wrong', () => {
    for (const { alert, labels } of rules) {
      expect(labels.severity, alert).toMatch(/^(critical|warning|info)$/)
      expect(labels.kind, alert).toMatch(/^[a-z-]+$/)
    }
    const down = rules.filter(({ labels }) => labels.kind === 'down')
    expect(down.map(({ alert }) => alert)).toEqual([
      ...['TraefikDown', 'PostgresqlDown', 'RedisDown', 'PrometheusDown', 'GrafanaDown', 'PlexDown'],
      ...['JellyfinDown', 'RadarrDown', 'SonarrDown', 'ProwlarrDown', 'QbittorrentDown', 'ImmichDown'],
      ...['NextcloudDown', 'N8nDown', 'VaultwardenDown', 'NodeDown', 'StorageNotMounted'],
    ])
    const critical = down.filter(({ labels }) => labels.severity === 'critical').map(({ alert }) => alert)
    expect(critical).toContain('TraefikDown')
    expect(critical).toContain('PostgresqlDown')
    expect(critical).not.toContain('PlexDown')
  })

  test('what it is about is found again by the incidents', () => {
    const overview = overviewOf(inventory.services.map((each) => guest(Number(each.guest), each.name)))
    const keyed = (alert: string, more: Record<string, string> = {}) => {
      const rule = rules.find((each) => each.alert === alert)
      const labels = { ...rule?.labels, ...more, alertname: alert }
      return keyOf(
        { source: 'alertmanager', fingerprint: alert, name: alert, labels },
        aboutOf({ labels }, { inventory, overview }),
      )
    }
    expect(keyed('PlexDown')).toBe('service/plex:down')
    expect(keyed('StorageFull')).toBe('storage/tesla@pve:full')
    expect(keyed('NodeDown', { node: 'pve' })).toBe('node/pve:down')
    expect(keyed('BackupStale', { plan: 'photos', repository: 'Backblaze B2' })).toBe('plan/photos:stale')
    expect(keyed('RaidDegraded')).toBe('storage/apollo@pve:raid')
    expect(keyed('RouteDown', { service: 'plex', hostname: 'plex.harmeetrai.com' })).toBe(
      'service/plex:route',
    )
  })

  test('thresholds are those of the file', () => {
    const of = (storage: string, alert: string) =>
      rules.find((rule) => rule.alert === alert && rule.labels.storage === storage)?.expr
    expect(of('tesla', 'StorageFull')).toMatch(/>= 0\.9$/)
    expect(of('apollo', 'StorageFull')).toMatch(/>= 0\.95$/)
    expect(of('apollo', 'StorageNearlyFull')).toMatch(/>= 0\.85$/)
    expect(of('apollo', 'RaidDegraded')).toContain('device="md0"')
  })

  test('without Proxmox only what has an address of its own is asked', () => {
    const bare = made(inventory, nobody)
    expect(bare.targets('services')).toEqual([])
    expect(bare.notes).toContain('plex is not asked: no address of it is known: give it `address`')
    expect(bare.targets('nodes')).toHaveLength(1)
  })
})

test('an empty lab still has its node rules and its sign of life', () => {
  const { rules, targets } = made(emptyInventory(), nobody)
  expect(targets('services')).toEqual([])
  expect(rules.map(({ alert }) => alert)).toContain('Watchdog')
  expect(rules.map(({ alert }) => alert)).toContain('NodeDown')
})

test('where others come to is what the file says, and secrets are named and not told', () => {
  const file = `
services:
  plex: { guest: 110, address: 10.0.0.5, health: { http: { url: 'http://me:hunter2@10.0.0.5/' } } }
  radarr: { guest: 112, address: 10.0.0.6, health: { http: '/ping?apikey=hunter2' } }
  blackbox: { guest: 130, address: 10.0.0.7 }
  pve-exporter: { guest: 131, address: '2001:db8::7' }
proxmox:
  endpoints: https://10.0.0.1:8006
  token: { id: a@pve!bot, secret: env:PVE }
alerts:
  listen: { host: 0.0.0.0, port: 8790 }
  sources:
    am: { kind: alertmanager, secret: env:HUNTER2, url: 'https://10.0.0.9/am', login: { user: bob, password: env:HUNTER2 }, watchdog: { alert: 'Alive "{{ x }}"', after: 4m } }
monitoring:
  metrics: { token: env:HUNTER2, listen: { host: 0.0.0.0, port: 9091 } }
bot: { guest: 140 }
`
  const { text, rules, all, targets, notes } = made(inventoryOf(file), {
    overview: overviewOf([guest(110, 'plex'), guest(140, 'bot')]),
    addresses: new Map([[140, '10.0.0.140']]),
  })
  expect(all.toLowerCase()).not.toContain('hunter2')
  expect(targets('services').map(({ labels }) => labels.service)).toEqual([])
  expect(notes).toContain('radarr is not asked: its address holds what may be a secret')
  const config = text('prometheus.yml')
  expect(config).toContain('replacement: 10.0.0.7:9115')
  expect(config).toContain('[2001:db8::7]:9221')
  expect(config).toContain('10.0.0.140:9091')
  expect(config).toContain('credentials_file: homelab-metrics.token')
  expect(parse(config)).toMatchObject({
    alerting: {
      alertmanagers: [
        {
          scheme: 'https',
          path_prefix: '/am',
          basic_auth: { username: 'bob', password_file: 'alertmanager.password' },
          static_configs: [{ targets: ['10.0.0.9:443'] }],
        },
      ],
    },
  })
  expect(parse(text('alertmanager.yml'))).toMatchObject({
    route: { routes: [{ matchers: ['alertname = "Alive \\"{{ x }}\\""'], repeat_interval: '2m' }] },
    receivers: [{ webhook_configs: [{ url: 'http://10.0.0.140:8790/alerts/am', send_resolved: true }] }],
  })
  expect(rules.find(({ alert }) => alert === 'PlexDown')?.expr).toBe('min(pve_up{id="lxc/110"}) == 0')
  expect(rules.map(({ alert }) => alert)).toContain('Alive "{{ x }}"')
})

test('no name becomes a line, a query or a template of its own', () => {
  const odd = '"} or vector(1) #\\ {{ $labels.x }}\r- x: y\u2028z: w `{`'
  const inventory = inventoryOf(
    JSON.stringify({
      services: { 'a.b_c-d': { guest: 110, address: '10.0.0.5', port: 80, title: odd } },
      storages: { s: { path: `/mnt/${odd}`, node: 'pve', title: odd } },
      backups: {
        p: { method: 'restic', node: 'pve', paths: ['/x'], to: ['r'], schedule: 'daily', title: odd },
      },
      repositories: { r: { restic: '/r', password: 'env:R', title: odd } },
    }),
  )
  const { rules, all } = made(inventory, nobody)
  expect(all).not.toMatch(/[\r\u2028]/)
  const [down] = rules
  expect(down?.alert).toBe('ABCDDown')
  expect(down?.annotations.summary).toBe(
    '"} or vector(1) #\\ {{ "{" }}{{ "{" }} $labels.x }} - x: y z: w `{{ "{" }}` does not answer',
  )
  const full = rules.find(({ alert }) => alert === 'StorageFull')
  expect(full?.expr).toContain(
    String.raw`mountpoint="/mnt/\"} or vector(1) #\\ {{ $labels.x }}\u000d- x: y\u2028z: w`,
  )
})

test('folders for services that are provisioned are read, both or neither', () => {
  const yaml = (keys: string) => `monitoring: { prometheus: { url: 'http://10.0.0.9:9090', ${keys} } }`
  const folders = 'targets: /etc/prometheus/homelab/targets/, rules: /etc/prometheus/homelab/rules'
  const { text } = made(inventoryOf(yaml(folders)), nobody)
  expect(parse(text('prometheus.yml'))).toMatchObject({
    rule_files: ['homelab-rules.yml', '/etc/prometheus/homelab/rules/*.yml'],
    scrape_configs: expect.arrayContaining([
      { job_name: 'provisioned', file_sd_configs: [{ files: ['/etc/prometheus/homelab/targets/*.yml'] }] },
    ]),
  })
  for (const keys of ['targets: /a', 'rules: /a', 'targets: /a, rules: /a', 'targets: a, rules: b'])
    expect(() => inventoryOf(yaml(keys)), keys).toThrow('monitoring.prometheus')
})
