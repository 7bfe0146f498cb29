/** Whether a guest can go to another node, and what goes with it: found out before anything is done. */
import { HomelabError } from '../../errors.ts'
import { didYouMean, joinWords } from '../../nearest.ts'
import { bytes, guestPlace } from '../../operation/view.ts'
import type { GuestConfig } from '../../proxmox/backup-types.ts'
import type { MigrationObstacles } from '../../proxmox/cluster-types.ts'
import { type Mount, mountsOf, option } from '../../proxmox/guest-config.ts'
import type { Guest, Node, Overview } from '../../proxmox/types.ts'
import { storageFor, storagesFor } from './places.ts'
import { sizeIn } from './resize.ts'

export interface MigrationFacts {
  /** As people call it. */
  readonly name: string
  readonly guest: Guest
  readonly config: GuestConfig
  readonly overview: Overview
  readonly target: string
  /** For all disks on storages of its node alone; default: the one of the same name. */
  readonly storage?: string | undefined
  readonly running: boolean
  /** Of a VM. */
  readonly obstacles?: MigrationObstacles | undefined
}

export interface Copied {
  /** `rootfs`, `scsi0` */
  readonly key: string
  readonly from: string
  readonly to: string
  /** Bytes of the whole disk; 0 where Proxmox does not say. */
  readonly size: number
}

export interface MigrationCheck {
  /** Disks on storages of its node alone: they are copied. */
  readonly copied: readonly Copied[]
  readonly warnings: readonly string[]
}

/** @throws HomelabError `not-found`, `conflict`: why not there */
export function targetNode(
  overview: Overview,
  { name, guest }: Pick<MigrationFacts, 'name' | 'guest'>,
  wanted: string,
): Node {
  const all = overview.nodes.map(({ node }) => node)
  const others = all.filter((node) => node !== guest.node)
  const there =
    others.length === 0
      ? 'It is the only one.'
      : `There ${others.length === 1 ? 'is' : 'are'} ${joinWords(others)}.`
  const found = overview.nodes.find(({ node }) => node.toLowerCase() === wanted.trim().toLowerCase())
  if (found === undefined)
    throw new HomelabError('not-found', `There is no node "${wanted}".${didYouMean(wanted, others)}`, {
      hint: `${name} is on ${guest.node}. ${there}`,
      data: { node: wanted, nodes: all },
    })
  if (found.node === guest.node)
    throw new HomelabError('conflict', `${name} is on ${guest.node} already.`, { hint: there })
  if (found.status !== 'online')
    throw new HomelabError('conflict', `${found.node} is ${found.status}: nothing can go there.`, {
      hint: '`cluster status` shows which nodes are there.',
      data: { node: found.node, status: found.status },
    })
  return found
}

/** @throws HomelabError `conflict` and the like: why it cannot go, and what to do about it */
export function checkMigration(facts: MigrationFacts): MigrationCheck {
  const { guest, config, running } = facts
  const mounts = mountsOf(guest.type, config)
  refuseHostMounts(facts, mounts)
  refuseLocalDevices(facts)
  const copied = copiedDisks(facts, mounts)
  return {
    copied,
    warnings: [
      ...roomFor(facts, copied),
      ...(running ? memoryFor(facts) : []),
      ...devicesOf(config).map(
        (each) => `${each}: ${facts.target} must have that too, or it does not start there.`,
      ),
    ],
  }
}

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`

/** Proxmox moves no container with a folder of its node, unless that is said to be on all of them. */
function refuseHostMounts({ name, guest, config, target }: MigrationFacts, mounts: readonly Mount[]): void {
  if (guest.type !== 'lxc') return
  const own = mounts.filter(
    ({ kind, key }) => kind !== 'volume' && option(config[key] ?? '', 'shared') !== '1',
  )
  const [first] = own
  if (first === undefined) return
  const each = joinWords(own.map(({ key, source }) => `${key} (${source})`))
  const line = quoted(`${config[first.key] ?? ''},shared=1`)
  throw new HomelabError(
    'conflict',
    `${name} cannot be migrated: its ${each} ${own.length === 1 ? 'is' : 'are'} of ${guest.node}, and would be missing on ${target}.`,
    {
      hint:
        `Is the same folder on every node, as with NFS? Then say so on ${guest.node} as root: pct set ${guest.vmid} --${first.key} ${line}. ` +
        `Otherwise it moves by its archive: \`guest backup ${name}\`, then restore that on ${target}.`,
      data: { mounts: own.map(({ key, source }) => ({ key, path: source })) },
    },
  )
}

function refuseLocalDevices({ name, guest, obstacles, target }: MigrationFacts): void {
  const { localResources = [], localDisks = [] } = obstacles ?? {}
  if (localResources.length > 0)
    throw new HomelabError(
      'conflict',
      `${name} cannot be migrated: it uses ${joinWords(localResources)} of ${guest.node}.`,
      {
        hint: `Take the device out of its hardware, or map it on both nodes (Datacenter → Resource Mappings).`,
        data: { devices: [...localResources] },
      },
    )
  const discs = localDisks.filter(({ cdrom }) => cdrom).map(({ volid }) => volid)
  if (discs.length > 0)
    throw new HomelabError(
      'conflict',
      `${name} cannot be migrated: ${joinWords(discs)} is in its drive, and not on ${target}.`,
      { hint: 'Eject it (Hardware → CD/DVD Drive → Do not use any media), then try again.' },
    )
}

const contentOf = ({ type }: Guest) => (type === 'lxc' ? 'rootdir' : 'images')

function copiedDisks(facts: MigrationFacts, mounts: readonly Mount[]): readonly Copied[] {
  const { overview, guest, target, storage } = facts
  const content = contentOf(guest)
  // Named wrongly, it is refused though nothing may go there.
  const named = storage === undefined ? undefined : storageFor(overview, target, content, storage)
  const there = storagesFor(overview, target, content)
  return mounts
    .filter(({ kind }) => kind === 'volume')
    .flatMap(({ key, source, size }): readonly Copied[] => {
      const from = source.split(':')[0] ?? source
      const own = overview.storages.find((each) => each.storage === from && each.node === guest.node)
      const to = own?.shared === true ? from : (named ?? from)
      if (!there.includes(to)) throw missingStorage(facts, key, from, there)
      return own?.shared === true ? [] : [{ key, from, to, size: sizeIn(size) ?? 0 }]
    })
}

const missingStorage = (
  { name, guest, target }: MigrationFacts,
  key: string,
  storage: string,
  there: readonly string[],
): HomelabError =>
  new HomelabError(
    'conflict',
    `${name} cannot be migrated as it is: ${key} is on ${storage}, which ${target} has not.`,
    {
      hint:
        there.length === 0
          ? `${target} has no storage for it at all.`
          : `Say where it goes: \`guest migrate ${guest.vmid} ${target} storage:${there[0]}\`. ${target} has ${joinWords(there)}.`,
      data: { storage, node: target, storages: [...there] },
    },
  )

/** What is used counts as needed; what it may grow to is a warning. */
function roomFor(facts: MigrationFacts, copied: readonly Copied[]): readonly string[] {
  const { overview, guest, target, name } = facts
  return [...new Set(copied.map(({ to }) => to))].flatMap((storage) => {
    const place = overview.storages.find((each) => each.storage === storage && each.node === target)
    if (place === undefined || place.total === 0) return []
    const free = place.total - place.used
    const size = copied.filter(({ to }) => to === storage).reduce((sum, each) => sum + each.size, 0)
    // Of a VM nobody knows what it uses.
    const used = guest.type === 'qemu' ? size : Math.min(guest.disk, size)
    if (used > free)
      throw new HomelabError(
        'conflict',
        `There is no room for ${name} on ${storage} of ${target}: it needs ${bytes(used)}, and ${bytes(free)} are free.`,
        {
          hint: `Say another with \`storage:\`, or make room: \`storage show ${storage}\`.`,
          data: { storage, node: target, needed: used, free },
        },
      )
    return size > free
      ? [`${storage} of ${target} has ${bytes(free)} free, and its disks may grow to ${bytes(size)}.`]
      : []
  })
}

function memoryFor({ overview, guest, target, name }: MigrationFacts): readonly string[] {
  const node = overview.nodes.find((each) => each.node === target)
  // A token without Sys.Audit sees no figures of nodes.
  if (node === undefined || node.maxmem === 0) return []
  const free = node.maxmem - node.mem
  if (guest.mem > free)
    throw new HomelabError(
      'conflict',
      `There is no memory for ${name} on ${target}: it uses ${bytes(guest.mem)}, and ${bytes(free)} are free.`,
      {
        hint: `\`top\` shows what takes it; \`stop ${name}\` first, and it can go there stopped.`,
        data: { node: target, needed: guest.mem, free },
      },
    )
  return guest.maxmem > free
    ? [`${target} has ${bytes(free)} of memory free, and ${name} may take ${bytes(guest.maxmem)}.`]
    : []
}

/** Lines by which a container has something of its node that is no folder. */
const devicesOf = (config: GuestConfig): readonly string[] =>
  Object.entries(config).flatMap(([key, value]) => {
    if (/^dev\d+$/.test(key)) return [`${key} gives it ${value.split(',')[0]}`]
    if (key.startsWith('lxc.')) return [`it has the raw line ${key}`]
    return key === 'hookscript' ? [`its hook script is ${value}`] : []
  })

/** @throws HomelabError `locked`, or `conflict` in HA's error state */
export function refuseUnmovable({ name, guest }: Pick<MigrationFacts, 'name' | 'guest'>): void {
  if (guest.lock !== undefined)
    throw new HomelabError(
      'locked',
      `${name} (${guestPlace(guest)}) is locked by a running "${guest.lock}".`,
      {
        hint: `Wait for it: \`task list guest:${guest.vmid} active:true\` shows what holds it.`,
        data: { vmid: guest.vmid, lock: guest.lock },
      },
    )
  if (guest.status === 'unknown')
    throw new HomelabError(
      'conflict',
      `${guest.node} does not answer, so ${name} cannot be migrated from it.`,
      {
        hint: 'With HA it is started elsewhere by itself; without: docs/runbooks/node-is-down.md.',
      },
    )
  if (guest.hastate === 'error')
    throw new HomelabError('conflict', `HA has ${name} in its error state, and moves nothing that is.`, {
      hint: `\`ha set ${guest.vmid} disabled\` clears it when what was wrong is put right, then \`ha set ${guest.vmid} started\`.`,
    })
}
