/** Alert rules for storages, disks and backups. */
import type { StorageEntry } from '../../inventory/schema.ts'
import { having, literally } from './promql.ts'
import { type Group, type Rule, text } from './rule.ts'
import type { LabView } from './view.ts'

/** How full it is, and what is left of it, by everything that may know. */
interface Measured {
  /** 0 to 1. */
  readonly used: string
  /** Negative when it will be full then. */
  readonly left: string
}

const DAYS = 4

function measuredOf({ path, node, storage }: StorageEntry, pve: string | undefined): readonly Measured[] {
  const ways: Measured[] = []
  if (path !== undefined && node !== undefined) {
    const at = having({ job: 'nodes', node, mountpoint: path })
    ways.push({
      used: `1 - node_filesystem_free_bytes${at} / node_filesystem_size_bytes${at}`,
      left: `predict_linear(node_filesystem_free_bytes${at}[1d], ${DAYS} * 86400)`,
    })
  }
  if (pve !== undefined && storage !== undefined) {
    const id = having(
      {},
      { id: `storage/${node === undefined ? '[^/]+' : literally(node)}/${literally(storage)}` },
    )
    ways.push({
      used: `pve_disk_usage_bytes${id} / pve_disk_size_bytes${id}`,
      left: `(pve_disk_size_bytes${id} - predict_linear(pve_disk_usage_bytes${id}[1d], ${DAYS} * 86400))`,
    })
  }
  return ways
}

export function storageRules({ storages, pve }: LabView): Group | undefined {
  const watched = storages.filter((entry) => measuredOf(entry, pve).length > 0)
  const blind = storages.filter((entry) => measuredOf(entry, pve).length === 0).map(({ name }) => name)
  const others = pve === undefined ? [] : otherStorages(storages)
  if (storages.length === 0 && others.length === 0) return undefined
  return {
    name: 'homelab-storages',
    comment: [
      'Storages, with `warn` and `crit` of homelab.yaml. By node_exporter a path counts when something is mounted right there.',
      ...(blind.length === 0
        ? []
        : [`Not watched here, for want of "path" and "node" or of a pve-exporter: ${blind.join(', ')}`]),
    ].join('\n'),
    rules: [...watched.flatMap((entry) => storageRulesOf(entry, pve)), ...others],
  }
}

const percentOf = (number: number): string => String(number / 100)

function storageRulesOf(entry: StorageEntry, pve: string | undefined): readonly Rule[] {
  const { name, node, title = name, warn, crit, path, raid } = entry
  const ways = measuredOf(entry, pve)
  const used = `max(${ways.map((way) => way.used).join('\n  or ')})`
  const soon = `min(${ways.map((way) => way.left).join('\n  or ')})`
  const labels = { storage: name, ...(node === undefined ? {} : { node }) }
  const shown = text(title)
  const rules: Rule[] = [
    {
      alert: 'StorageFull',
      expr: `${used} >= ${percentOf(crit)}`,
      for: '5m',
      severity: 'critical',
      kind: 'full',
      labels,
      summary: `${shown} is {{ $value | humanizePercentage }} full`,
      description: `Critical from ${crit} % on.`,
    },
    {
      alert: 'StorageNearlyFull',
      expr: `${used} >= ${percentOf(warn)}`,
      for: '15m',
      severity: 'warning',
      kind: 'full',
      labels,
      summary: `${shown} is {{ $value | humanizePercentage }} full`,
      description: `A warning from ${warn} % on, critical from ${crit} %.`,
    },
    {
      alert: 'StorageFilling',
      expr: `${soon} < 0\nand ${used} > 0.5`,
      for: '1h',
      severity: 'warning',
      kind: 'filling',
      labels,
      summary: `${shown} will be full within ${DAYS} days`,
      description: 'At the pace of the last day. A large copy looks like it, too, and ends by itself.',
    },
  ]
  if (path === undefined || node === undefined || raid === undefined) return rules
  const size = `node_filesystem_size_bytes${having({ job: 'nodes', node, mountpoint: path })}`
  return [
    ...rules,
    {
      alert: 'StorageNotMounted',
      expr: `absent(${size})\nand on () max(up${having({ job: 'nodes', node })}) == 1`,
      for: '5m',
      severity: 'critical',
      kind: 'down',
      labels,
      summary: `${shown} is not mounted`,
      description: `Nothing is mounted at ${text(path)}: whatever is written there fills the system disk.`,
      comment: 'A RAID that did not come up leaves its empty folder behind.',
    },
  ]
}

/** Of Proxmox, without an entry in the file. */
function otherStorages(storages: readonly StorageEntry[]): readonly Rule[] {
  const known = storages.flatMap(({ storage }) => (storage === undefined ? [] : [literally(storage)]))
  const all = 'pve_disk_usage_bytes{id=~"storage/.+"} / pve_disk_size_bytes{id=~"storage/.+"}'
  const without =
    known.length === 0
      ? ''
      : `\nunless on (id) pve_disk_size_bytes${having({}, { id: `storage/[^/]+/(${known.join('|')})` })}`
  const rule = (alert: string, from: number, severity: 'critical' | 'warning', wait: string): Rule => ({
    alert,
    expr: `max by (id) (${all}) >= ${percentOf(from)}${without}`,
    for: wait,
    severity,
    kind: 'full',
    summary: '{{ $labels.id }} is {{ $value | humanizePercentage }} full',
    description: `It is not in homelab.yaml: ${from} % is the default there.`,
  })
  return [rule('StorageFull', 90, 'critical', '5m'), rule('StorageNearlyFull', 80, 'warning', '15m')]
}

type Labels = Readonly<Record<string, string>>
const onNode = (node: string | undefined): Labels => (node === undefined ? {} : { node })

export function diskRules({ storages }: LabView): Group {
  const arrays = storages.flatMap(({ name, title = name, node, raid }) =>
    raid === undefined
      ? []
      : [
          {
            storage: name,
            title,
            node,
            at: { job: 'nodes', ...onNode(node), device: raid.replace('/dev/', '') },
          },
        ],
  )
  const disks = storages.flatMap(({ name, title = name, node, disks: all = [] }) =>
    all.length === 0 ? [] : [{ storage: name, title, node, all }],
  )
  const named = arrays.map(({ at }) => `node_md_disks_required${having(at)}`)
  const known = [...new Set(disks.flatMap(({ all }) => all.map(literally)))].join('|')
  const others = known === '' ? having({ job: 'nodes' }) : having({ job: 'nodes' }, {}, { disk: known })
  return {
    name: 'homelab-disks',
    comment:
      'RAID by md, and the disks by SMART. node_exporter has the latter from its textfile collector: in Debian the package\nprometheus-node-exporter-collectors asks smartctl; without it these rules are silent.',
    rules: [
      ...arrays.map(
        ({ storage, title, node, at }): Rule => ({
          ...raid,
          expr: degraded('max', at),
          labels: { storage, ...onNode(node) },
          summary: `The RAID of ${text(title)} (${at.device}) is degraded`,
        }),
      ),
      {
        ...raid,
        expr:
          named.length === 0
            ? degraded('max by (node, device)', { job: 'nodes' })
            : `(${degraded('max by (node, device)', { job: 'nodes' })})\nunless on (node, device) (${named.join(' or ')})`,
        summary: 'The RAID {{ $labels.device }} of {{ $labels.node }} is degraded',
        ...(named.length === 0 ? {} : { comment: 'Arrays that homelab.yaml does not name.' }),
      },
      ...disks.flatMap(({ storage, title, node, all }) => {
        const at = having({ job: 'nodes', ...onNode(node) }, { disk: all.map(literally).join('|') })
        return smartRules(at, text(title), { storage, ...onNode(node) })
      }),
      ...smartRules(others, '{{ $labels.node }}'),
    ],
  }
}

const raid = {
  alert: 'RaidDegraded',
  for: '1m',
  severity: 'critical',
  kind: 'raid',
  description:
    'A disk is missing or has failed: with the next one the data is gone. `cat /proc/mdstat` says which.',
} as const

function degraded(over: string, at: Labels): string {
  const state = (name: string) => having({ ...at, state: name })
  return [
    `${over} (node_md_disks_required${having(at)} - on (instance, device, node) node_md_disks${state('active')}) > 0`,
    `or ${over} (node_md_disks${state('failed')}) > 0`,
    `or ${over} (node_md_state${state('inactive')}) > 0`,
  ].join('\n')
}

/** @param of whose disk, as a template */
function smartRules(at: string, of: string, labels?: Labels): readonly Rule[] {
  const common = { kind: 'smart', ...(labels === undefined ? {} : { labels }) }
  return [
    {
      ...common,
      alert: 'DiskFailing',
      expr: `min by (node, disk) (smartmon_device_smart_healthy${at}) == 0`,
      for: '5m',
      severity: 'critical',
      summary: `{{ $labels.disk }} of ${of} is failing`,
      description: 'Its own SMART test says so. Replace it.',
    },
    {
      ...common,
      alert: 'DiskWearsOut',
      expr: `max by (node, disk) (smartmon_current_pending_sector_raw_value${at}) > 0\nor max by (node, disk) (smartmon_offline_uncorrectable_raw_value${at}) > 0`,
      for: '30m',
      severity: 'warning',
      summary: `{{ $labels.disk }} of ${of} has sectors that it cannot read`,
      description: '{{ $value }} of them. Such a disk lasts for months, or not until tomorrow.',
    },
  ]
}

export function backupRules({ inventory }: LabView): Group | undefined {
  if (inventory.backups.length === 0) return undefined
  const row = '(plan, repository)'
  return {
    name: 'homelab-backups',
    comment:
      'Backups by what the repositories hold, as the bot has seen it last. Limits are `fresh` of each plan, or what follows from its schedule.',
    rules: [
      {
        alert: 'BackupStale',
        expr: `max by ${row} (homelab_backup_age_seconds{job="homelab"})\n> on ${row} max by ${row} (homelab_backup_fresh_limit_seconds{job="homelab"})`,
        for: '15m',
        severity: 'warning',
        kind: 'stale',
        summary:
          'The newest proven backup {{ $labels.plan }} in {{ $labels.repository }} is {{ $value | humanizeDuration }} old',
        description: '`backup status` says more, and `backup run {{ $labels.plan }}` makes one.',
        comment: 'Age, and not whether a run failed: a run that never was says nothing.',
      },
      {
        alert: 'BackupNeverProven',
        expr: `max by ${row} (homelab_backup_proven{job="homelab"}) == 0`,
        for: '1d',
        severity: 'warning',
        kind: 'stale',
        summary: 'There is no proven backup {{ $labels.plan }} in {{ $labels.repository }}',
        description: 'A new plan has a day for its first one.',
      },
      ...inventory.backups.map(
        ({ name, title = name }): Rule => ({
          alert: 'BackupNotWatched',
          expr: `absent(homelab_backup_proven${having({ job: 'homelab', plan: name })})\nand on () max(up{job="homelab"}) == 1`,
          for: '3h',
          severity: 'warning',
          kind: 'blind',
          labels: { plan: name },
          summary: `Nothing is known of the backup ${text(title)}`,
          description: 'The bot answers, and has not looked at this plan for 3 hours.',
        }),
      ),
      {
        alert: 'BackupsNotLookedAt',
        expr: 'time() - max(homelab_backups_looked_timestamp_seconds{job="homelab"}) > 2 * 3600',
        for: '15m',
        severity: 'warning',
        kind: 'backups-blind',
        summary: 'Nobody has looked at the backups for {{ $value | humanizeDuration }}',
        description: 'The bot looks each quarter of an hour; what it shows of them is as old as that.',
      },
    ],
  }
}
