/** The files of `monitoring rules`, by the programs that read them: are they valid, and do the rules fire when they should. */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { emptyInventory, type Inventory, parseInventory } from '@homelab/core/inventory'
import { type MonitoringFile, monitoringFiles, monitoringSecretFiles } from '@homelab/core/monitoring/files'
import { afterAll, describe, expect, test } from 'vitest'
import { requireTool } from '../support/tools.ts'

const there = requireTool('promtool', 'amtool')
const root = mkdtempSync(join(tmpdir(), 'homelab-rules-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

const example = readFileSync(new URL('../../homelab.example.yaml', import.meta.url), 'utf8')
const hostile = '"} or vector(1) #\\ {{ $labels.x }}\r- x: y\u2028z: w `{` $(id) 💥'
const labs: Readonly<Record<string, Inventory>> = {
  'the example': parseInventory(example, { file: 'homelab.example.yaml' }),
  'an empty lab': emptyInventory(),
  'a lab with every exporter and hostile names': parseInventory(
    JSON.stringify({
      proxmox: {
        endpoints: ['https://10.0.0.1:8006', 'https://10.0.0.2:8006'],
        token: { id: 'a@pve!bot', secret: 'env:PVE' },
        ssh: { pve: { host: '10.0.0.1' }, pve2: { host: '2001:db8::2' } },
      },
      services: {
        'a.b_c-d': { guest: 110, address: '10.0.0.5', port: 80, title: hostile, needs: ['0x'] },
        '0x': { guest: 111, address: '2001:db8::5', port: 443, health: { http: `/${hostile}` } },
        blackbox: { guest: 130, address: '10.0.0.7' },
        'pve-exporter': { guest: 131, address: '10.0.0.8' },
        cloudflared: { guest: 132 },
        traefik: { guest: 133, address: '10.0.0.9' },
      },
      storages: {
        folder: {
          path: `/mnt/${hostile}`,
          node: 'pve',
          title: hostile,
          raid: 'md/x',
          disks: ['/dev/disk/by-id/a.b'],
        },
        'of.proxmox': { storage: 'of.proxmox', warn: 81.5 },
        unknown: { storage: 'x', node: 'pve', warn: 1, crit: 1 },
      },
      repositories: { r: { restic: '/r', password: 'env:R', title: hostile } },
      backups: {
        p: { method: 'restic', node: 'pve', paths: ['/x'], to: ['r'], schedule: 'daily', title: hostile },
      },
      network: {
        routes: { 'x.example.org': '0x' },
        tunnel: { metrics: 'http://10.0.0.10:20241' },
      },
      monitoring: { metrics: { token: 'env:M', listen: { host: '::', port: 9092 } } },
      alerts: {
        listen: { host: '10.0.0.3', port: 8790 },
        sources: {
          am: {
            kind: 'alertmanager',
            secret: 'env:S',
            url: 'https://[2001:db8::9]/am',
            token: 'env:T',
            ca: 'env:C',
            watchdog: { alert: hostile, after: '1m' },
          },
        },
      },
    }),
    { file: 'homelab.yaml' },
  ),
}

/** Guests as the file says, all of them with an address. */
function filesOf(inventory: Inventory): readonly MonitoringFile[] {
  const vmids = inventory.services.map(({ guest }) => Number(guest))
  return monitoringFiles(inventory, {
    overview: {
      nodes: [],
      guests: inventory.services.map(({ name, guest }) => ({
        ...{ vmid: Number(guest), name, type: 'lxc', node: 'pve', status: 'running', template: false },
        ...{ tags: [], uptime: 1, cpu: 0, maxcpu: 1, mem: 0, maxmem: 1, disk: 0, maxdisk: 1 },
      })),
    },
    addresses: new Map(vmids.map((vmid) => [vmid, `10.0.0.${vmid}`])),
  }).files
}

function written(name: string, inventory: Inventory): string {
  const folder = mkdtempSync(join(root, `${name.replaceAll(' ', '-')}-`))
  for (const { path, text } of filesOf(inventory)) writeFileSync(join(folder, path), text)
  // promtool looks whether they are there, and Alertmanager does when it sends.
  for (const path of Object.values(monitoringSecretFiles)) writeFileSync(join(folder, path), 'x')
  writeFileSync(join(folder, monitoringSecretFiles.authority), authority)
  return folder
}

const run = (cwd: string, program: string, ...argv: string[]): string => {
  const { status, stdout, stderr } = spawnSync(program, argv, { cwd, encoding: 'utf8', timeout: 60_000 })
  const said = `${stdout}${stderr}`
  expect(status, said).toBe(0)
  return said
}

describe.skipIf(!there).each(Object.entries(labs))('%s', (name, inventory) => {
  test('is taken by promtool and amtool', () => {
    const folder = written(name, inventory)
    const said = run(folder, 'promtool', 'check', 'config', 'prometheus.yml')
    expect(said).toContain('SUCCESS: 1 rule files found')
    expect(run(folder, 'promtool', 'check', 'rules', '--lint-fatal', 'homelab-rules.yml')).toMatch(
      /SUCCESS: \d+ rules found/,
    )
    expect(run(folder, 'amtool', 'check-config', 'alertmanager.yml')).toContain(' - 1 receivers')
  })
})

interface Case {
  readonly what: string
  readonly lab?: keyof typeof labs
  readonly series: Readonly<Record<string, string>>
  readonly at: string
  /** Minutes between two samples; default: 1. */
  readonly every?: 4
  /** `PlexDown service=plex`: what fires then, and what it is about; besides the sign of life. */
  readonly firing: readonly string[]
}

const up = { 'up{job="nodes",node="pve",instance="a"}': '1x400', 'up{job="homelab"}': '1x400' }
const quiet = {
  ...up,
  // The bot knows each of the plans.
  ...Object.fromEntries(
    ['postgresql', 'lxc', 'photos', 'nextcloud'].map((plan) => [
      `homelab_backup_proven{job="homelab",plan="${plan}",repository="B2"}`,
      '1x400',
    ]),
  ),
  'node_filesystem_size_bytes{job="nodes",node="pve",mountpoint="/Apollo"}': '1000x400',
}
const plex = 'probe_success{job="services",service="plex",instance="x"}'
const apollo = 'node_filesystem_free_bytes{job="nodes",node="pve",mountpoint="/Apollo"}'
const cases: readonly Case[] = [
  { what: 'all is well', series: { ...quiet, [plex]: '1x200', [apollo]: '900x200' }, at: '30m', firing: [] },
  { what: 'a service is down for a minute', series: { ...quiet, [plex]: '1x5 0x20' }, at: '7m', firing: [] },
  {
    what: 'a service is down',
    series: { ...quiet, [plex]: '1x5 0x20' },
    at: '9m',
    firing: ['PlexDown service=plex node=pve'],
  },
  { what: 'a service is up again', series: { ...quiet, [plex]: '1x5 0x5 1x9' }, at: '13m', firing: [] },
  {
    what: 'the blackbox exporter is gone: one alert, and none for each service',
    series: { ...quiet, [plex]: '1x5 stale', 'up{job="services",service="plex"}': '1x5 0x20' },
    at: '15m',
    firing: ['ProbesBlind'],
  },
  {
    what: 'a route does not answer, and its service does',
    series: { ...quiet, [plex]: '1x20', 'probe_success{job="routes",service="plex",hostname="h"}': '0x20' },
    at: '10m',
    firing: ['RouteDown service=plex'],
  },
  {
    what: 'a route whose service is down is no second alert',
    series: { ...quiet, [plex]: '0x20', 'probe_success{job="routes",service="plex",hostname="h"}': '0x20' },
    at: '10m',
    firing: ['PlexDown service=plex node=pve'],
  },
  {
    what: 'a certificate is about to expire',
    series: {
      ...quiet,
      'probe_ssl_earliest_cert_expiry{job="routes",service="plex",hostname="h"}': '864000x200',
    },
    at: '2h',
    firing: ['CertificateExpiresSoon service=plex'],
  },
  {
    what: 'a node is gone, and nothing is said of its mounts',
    series: { ...quiet, 'up{job="nodes",node="pve",instance="a"}': '1x5 0x20' },
    at: '10m',
    firing: ['NodeDown node=pve'],
  },
  {
    what: 'memory, load and clock of a node',
    series: {
      ...quiet,
      'node_memory_MemTotal_bytes{job="nodes",node="pve"}': '100x60',
      'node_memory_MemAvailable_bytes{job="nodes",node="pve"}': '5x60',
      'node_load15{job="nodes",node="pve"}': '9x60',
      'node_cpu_seconds_total{job="nodes",node="pve",cpu="0",mode="idle"}': '0+1x60',
      'node_cpu_seconds_total{job="nodes",node="pve",cpu="1",mode="idle"}': '0+1x60',
      'node_time_seconds{job="nodes",node="pve"}': '90+60x60',
    },
    at: '50m',
    firing: ['NodeClock node=pve', 'NodeLoad node=pve', 'NodeMemory node=pve'],
  },
  {
    what: 'a storage is nearly full',
    series: { ...quiet, [apollo]: '140x60' },
    at: '20m',
    firing: ['StorageNearlyFull storage=apollo node=pve'],
  },
  {
    what: 'a storage is full, and that is enough',
    series: { ...quiet, [apollo]: '20x60' },
    at: '20m',
    firing: ['StorageFull storage=apollo node=pve', 'StorageNearlyFull storage=apollo node=pve'],
  },
  {
    what: 'a RAID that did not come up leaves an empty folder',
    series: { ...quiet, 'node_filesystem_size_bytes{job="nodes",node="pve",mountpoint="/Apollo"}': '_x60' },
    at: '10m',
    firing: ['StorageNotMounted storage=apollo node=pve'],
  },
  {
    what: 'a disk fails in a RAID, another one by its own test, and one of no storage',
    series: {
      ...quiet,
      'node_md_disks_required{job="nodes",node="pve",instance="a",device="md0"}': '4x60',
      'node_md_disks{job="nodes",node="pve",instance="a",device="md0",state="active"}': '3x60',
      'node_md_disks{job="nodes",node="pve",instance="a",device="md0",state="failed"}': '0x60',
      'node_md_disks_required{job="nodes",node="pve",instance="a",device="md9"}': '2x60',
      'node_md_disks{job="nodes",node="pve",instance="a",device="md9",state="active"}': '2x60',
      'node_md_state{job="nodes",node="pve",instance="a",device="md9",state="inactive"}': '1x60',
      'smartmon_device_smart_healthy{job="nodes",node="pve",disk="/dev/sda",type="sat"}': '0x60',
      'smartmon_current_pending_sector_raw_value{job="nodes",node="pve",disk="/dev/sdz",type="sat"}': '8x60',
    },
    at: '40m',
    firing: [
      'DiskFailing storage=apollo node=pve',
      'DiskWearsOut node=pve',
      'RaidDegraded storage=apollo node=pve',
      'RaidDegraded node=pve',
    ],
  },
  {
    what: 'a backup is older than it may be',
    series: {
      ...quiet,
      'homelab_backup_age_seconds{job="homelab",plan="photos",repository="B2"}': '90000+60x120',
      'homelab_backup_fresh_limit_seconds{job="homelab",plan="photos",repository="B2"}': '93600x120',
    },
    at: '80m',
    firing: ['BackupStale plan=photos'],
  },
  {
    what: 'a backup that is old enough, and not for long',
    series: {
      ...quiet,
      'homelab_backup_age_seconds{job="homelab",plan="photos",repository="B2"}': '90000+60x120',
      'homelab_backup_fresh_limit_seconds{job="homelab",plan="photos",repository="B2"}': '93600x120',
    },
    at: '70m',
    firing: [],
  },
  {
    what: 'for a day: a storage fills, a backup was never proven, of another one the bot knows nothing',
    series: {
      ...quiet,
      [apollo]: '500-0.4x400',
      'homelab_backup_proven{job="homelab",plan="photos",repository="B2"}': '0x400',
      'homelab_backup_proven{job="homelab",plan="lxc",repository="B2"}': '_x400',
    },
    at: '26h',
    every: 4,
    firing: [
      'BackupNeverProven plan=photos',
      'BackupNotWatched plan=lxc',
      'StorageFilling storage=apollo node=pve',
    ],
  },
  { what: 'there is nothing', lab: 'an empty lab', series: {}, at: '20m', firing: [] },
  {
    what: 'what never answered is not down',
    series: {
      ...quiet,
      'up{job="nodes",node="new",instance="b"}': '0x400',
      'up{job="traefik",instance="t"}': '0x400',
      'up{job="prometheus",instance="p"}': '1x2 0x400',
    },
    at: '2h',
    every: 4,
    firing: ['ExporterDown', 'NotMeasured node=new', 'NotMeasured'],
  },
  {
    what: 'the bot is gone: one alert, and none for each plan',
    series: { 'up{job="homelab"}': '1x2 0x300', 'up{job="nodes",node="pve",instance="a"}': '1x2 0x400' },
    at: '4h',
    every: 4,
    firing: ['HomelabDown', 'NodeDown node=pve'],
  },
  {
    what: 'nobody looks at the backups',
    series: { ...quiet, 'homelab_backups_looked_timestamp_seconds{job="homelab"}': '0x300' },
    at: '3h',
    every: 4,
    firing: ['BackupsNotLookedAt'],
  },
  {
    what: 'guests, nodes and storages as Proxmox sees them',
    lab: 'a lab with every exporter and hostile names',
    series: {
      'up{job="homelab"}': '1x300',
      'up{job="nodes",node="pve"}': '1x300',
      'homelab_backup_proven{job="homelab",plan="p",repository="r"}': '1x300',
      'node_filesystem_size_bytes{job="nodes",node="pve",mountpoint="/mnt/x"}': '1x300',
      'pve_up{id="lxc/110"}': '0x300',
      'pve_up{id="lxc/500"}': '0x300',
      'pve_onboot_status{id="lxc/500"}': '1x300',
      'pve_up{id="lxc/501"}': '0x300',
      'pve_onboot_status{id="lxc/501"}': '0x300',
      'pve_up{id="node/pve2"}': '0x300',
      'cloudflared_tunnel_ha_connections{job="cloudflared"}': '0x300',
      'up{job="cloudflared"}': '1x300',
      'pve_disk_size_bytes{id="storage/pve/of.proxmox"}': '100x300',
      'pve_disk_usage_bytes{id="storage/pve/of.proxmox"}': '85x300',
      'pve_disk_size_bytes{id="storage/pve/local"}': '100x300',
      'pve_disk_usage_bytes{id="storage/pve/local"}': '85x300',
      'pve_disk_size_bytes{id="storage/pve/off"}': '0x300',
      'pve_disk_usage_bytes{id="storage/pve/off"}': '0x300',
    },
    at: '30m',
    firing: [
      'ABCDDown service=a.b_c-d node=pve',
      'CloudflaredDown service=cloudflared node=pve',
      'GuestDown id=lxc/500',
      'NodeDown node=pve2',
      'StorageNearlyFull storage=of.proxmox',
      'StorageNearlyFull id=storage/pve/local',
      'StorageNotMounted storage=folder node=pve',
    ],
  },
]

const casesOf = (lab: string, every: number) =>
  cases.filter((each) => (each.lab ?? 'the example') === lab && (each.every ?? 1) === every)

const labelsOf = (text: string): string => {
  const [alertname, ...about] = text.split(' ')
  const labels = [`alertname=${alertname}`, ...about].map((each) => each.replace(/=(.*)/, '="$1"'))
  return `{${labels.join(', ')}}`
}

describe.skipIf(!there)('fires when it should', () => {
  const groups = Object.keys(labs)
    .flatMap((lab) => [1, 4].map((every) => ({ lab, every })))
    .filter(({ lab, every }) => casesOf(lab, every).length > 0)
  test.each(groups)('of $lab, looked at every $every min', ({ lab, every }) => {
    const mine = casesOf(lab, every)
    const folder = written(lab, labs[lab] ?? emptyInventory())
    const tests = mine.map(({ what, series, at, firing }) => ({
      name: what,
      interval: `${every}m`,
      input_series: Object.entries(series).map(([name, values]) => ({ series: name, values })),
      promql_expr_test: [
        {
          expr: 'count(ALERTS{alertstate="firing",kind="watchdog",severity="info"})',
          eval_time: '0m',
          exp_samples: [{ labels: '{}', value: 1 }],
        },
        {
          expr: 'count by (alertname, service, storage, plan, id, node) (ALERTS{alertstate="firing",kind!="watchdog"})',
          eval_time: at,
          exp_samples: firing.map((text) => ({ labels: labelsOf(text), value: 1 })),
        },
      ],
    }))
    const file = { rule_files: ['homelab-rules.yml'], evaluation_interval: `${every}m`, tests }
    writeFileSync(join(folder, 'tests.yml'), JSON.stringify(file))
    expect(run(folder, 'promtool', 'test', 'rules', 'tests.yml')).toContain('SUCCESS')
  })

  test('in words that people read', () => {
    const folder = written('words', labs['the example'] ?? emptyInventory())
    const alert = (alertname: string, eval_time: string, exp_labels: object, exp_annotations: object) => ({
      ...{ alertname, eval_time },
      exp_alerts: [{ exp_labels, exp_annotations }],
    })
    const file = {
      rule_files: ['homelab-rules.yml'],
      evaluation_interval: '1m',
      tests: [
        {
          interval: '1m',
          input_series: [
            { series: plex, values: '0x20' },
            { series: apollo, values: '140x60' },
            {
              series: 'node_filesystem_size_bytes{job="nodes",node="pve",mountpoint="/Apollo"}',
              values: '1000x60',
            },
            {
              series: 'homelab_backup_age_seconds{job="homelab",plan="photos",repository="Backblaze B2"}',
              values: '180000x60',
            },
            {
              series:
                'homelab_backup_fresh_limit_seconds{job="homelab",plan="photos",repository="Backblaze B2"}',
              values: '93600x60',
            },
          ],
          alert_rule_test: [
            alert(
              'PlexDown',
              '10m',
              {
                service: 'plex',
                stack: 'media',
                vmid: '110',
                node: 'pve',
                severity: 'warning',
                kind: 'down',
              },
              {
                summary: 'Plex does not answer',
                description: 'Plex (CT 110 on pve) has not answered for 2 minutes.',
              },
            ),
            alert(
              'StorageNearlyFull',
              '20m',
              { storage: 'apollo', node: 'pve', severity: 'warning', kind: 'full' },
              { summary: 'Apollo is 86% full', description: 'A warning from 85 % on, critical from 95 %.' },
            ),
            alert(
              'BackupStale',
              '20m',
              { plan: 'photos', repository: 'Backblaze B2', severity: 'warning', kind: 'stale' },
              {
                summary: 'The newest proven backup photos in Backblaze B2 is 2d 2h 0m 0s old',
                description: '`backup status` says more, and `backup run photos` makes one.',
              },
            ),
          ],
        },
      ],
    }
    writeFileSync(join(folder, 'tests.yml'), JSON.stringify(file))
    expect(run(folder, 'promtool', 'test', 'rules', 'tests.yml')).toContain('SUCCESS')
  })
})

/** Who exports what a rule asks for, as its documentation names it. */
const exporters: Readonly<Record<string, readonly string[]>> = {
  'Prometheus itself': ['up', 'prometheus_config_last_reload_successful'],
  blackbox_exporter: ['probe_success', 'probe_ssl_earliest_cert_expiry'],
  node_exporter: [
    ...[
      'node_memory_MemAvailable_bytes',
      'node_memory_MemTotal_bytes',
      'node_load15',
      'node_cpu_seconds_total',
    ],
    ...['node_time_seconds', 'node_timex_offset_seconds', 'node_filesystem_avail_bytes'],
    ...['node_filesystem_size_bytes', 'node_filesystem_free_bytes'],
    ...['node_md_disks', 'node_md_disks_required', 'node_md_state'],
  ],
  'smartmon of its textfile collector': [
    ...['smartmon_device_smart_healthy', 'smartmon_current_pending_sector_raw_value'],
    'smartmon_offline_uncorrectable_raw_value',
  ],
  'prometheus-pve-exporter': ['pve_up', 'pve_onboot_status', 'pve_disk_size_bytes', 'pve_disk_usage_bytes'],
  Traefik: ['traefik_tls_certs_not_after'],
  cloudflared: ['cloudflared_tunnel_ha_connections'],
}
const ours = [
  ...['homelab_backup_age_seconds', 'homelab_backup_fresh_limit_seconds', 'homelab_backup_proven'],
  'homelab_backups_looked_timestamp_seconds',
]

test('every metric of a rule is one that somebody exports', () => {
  const known = new Set([...Object.values(exporters).flat(), ...ours])
  const used = new Set<string>()
  for (const inventory of Object.values(labs)) {
    const rules = filesOf(inventory).find(({ path }) => path === 'homelab-rules.yml')?.text ?? ''
    const bare = rules.replaceAll(/"(?:\\.|[^"\\])*"/g, '""')
    for (const [name] of bare.matchAll(/\b(?:[a-z]+_[a-zA-Z0-9_]+|up)(?=[{[)])/g)) used.add(name)
  }
  expect([...used].filter((name) => !known.has(name))).toEqual([])
  expect([...known].filter((name) => !used.has(name))).toEqual([])
})

/** Of nobody: promtool reads it and trusts it. */
const authority = `-----BEGIN CERTIFICATE-----
-----END CERTIFICATE-----
`
