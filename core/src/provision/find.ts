/** How the lab is before a service is made in it, and whether it can be. Only reads. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Target } from '../inventory/types.ts'
import { bytes } from '../operation/view.ts'
import { nodeFor, storageFor } from '../operations/guest/places.ts'
import { templateNamed } from '../operations/guest/templates.ts'
import type { Overview } from '../proxmox/types.ts'
import type { Blueprint } from './blueprint.ts'
import { databasePlace } from './database-place.ts'
import { type Device, devicesOf } from './devices.ts'
import { exposureFor } from './exposure.ts'
import { pathsTo } from './folders.ts'
import { lookAtHost } from './look.ts'
import { planFor, savedBy } from './saved.ts'
import type { Found, ProvisionServices } from './types.ts'
import { asked, blueprintNamed, entryFor, freeName, type Wanted } from './wanted.ts'
import { watchedBy } from './watched.ts'

const MIB = 2 ** 20
const GIB = 2 ** 30

/**
 * @throws HomelabError `not-found` for what is missing, `conflict` for what is taken or has no room, `config` for what
 * homelab.yaml has to say first
 */
export async function findProvision(
  wanted: Wanted,
  services: ProvisionServices,
  signal: AbortSignal,
): Promise<Found> {
  const { lab, proxmox, shells, blueprints } = services
  const from = await blueprintNamed(wanted.blueprint, blueprints)
  const blueprint = asked(from, wanted)
  const name = (wanted.name ?? from.name).toLowerCase()
  await freeName(name, wanted.vmid, lab, signal)
  const overview = await lab.overview({ signal })
  const node = nodeOf(wanted, blueprint, overview, services)
  if (wanted.vmid !== undefined && !(await proxmox.isFree(wanted.vmid, signal)))
    throw new HomelabError('conflict', `The VMID ${wanted.vmid} is taken.`, {
      hint: 'Leave `vmid` out for the next free one.',
      data: { vmid: wanted.vmid },
    })
  assertReachable(node, blueprint, services)
  const known = lab.inventory.storages.flatMap(({ storage }) => storage ?? [])
  const content = blueprint.create.by === 'vm' ? 'images' : 'rootdir'
  const storage = storageFor(overview, node, content, wanted.storage, known)
  const room = roomFor(blueprint, overview, node, storage)
  const source = await sourceOf(blueprint, overview, node, services, signal)
  const host =
    blueprint.create.by === 'vm'
      ? undefined
      : await lookAtHost(
          shells.host(node),
          { paths: blueprint.mounts.flatMap(({ source }) => pathsTo(source)) },
          { signal },
        )
  const { net, taken } = networkOf(wanted, overview, services)
  if (host !== undefined && host.bridges.length > 0 && !host.bridges.includes(wanted.bridge))
    throw new HomelabError('not-found', `${node} has no bridge ${wanted.bridge}.`, {
      hint: `There are ${host.bridges.join(', ')}. Say \`bridge:\`.`,
      data: { bridge: wanted.bridge, bridges: [...host.bridges] },
    })
  const absent = foldersOf(blueprint, host, node)
  const devices = await devicesFor(blueprint, node, services, signal)
  const database = await databasePlace(blueprint, services, signal, wanted.ip?.split('/')[0])
  const target = targetOf(name, 0, { ...from, blueprint }, node)
  const exposure = await exposureFor(target, blueprint, services, signal)
  const { guest: saved, words: plans } = savedBy(name, blueprint, lab.inventory)
  return {
    name,
    from: { ...from, blueprint },
    node,
    storage,
    source,
    vmid: wanted.vmid ?? null,
    net,
    devices,
    absent,
    database: database.place,
    hostname: exposure.hostname,
    saved: plans,
    plan: saved ? null : planFor(name, blueprint, lab.inventory),
    watched: await watchedBy(blueprint, services, signal),
    room,
    warnings: [
      ...(blueprint.about === undefined ? [] : [blueprint.about]),
      ...(blueprint.create.by === 'script'
        ? [
            'A community helper script runs as root on the node, in the version of this moment: it cannot be pinned.',
          ]
        : []),
      ...(blueprint.create.by === 'script' && blueprint.create.asks !== undefined
        ? [`The script asks questions ${blueprint.create.asks}; then it is stopped, and nothing is left.`]
        : []),
      ...(blueprint.unprivileged ? [] : ['It is privileged: its root is root on the node.']),
      ...(await missingNeeds(blueprint, services, signal)),
      ...taken,
      ...database.warnings,
      ...exposure.warnings,
      ...unsaved(blueprint, plans, saved, lab.inventory.backups.length > 0),
    ],
  }
}

/** The service before homelab.yaml has it: what checks and routes are made from. */
export const targetOf = (
  name: string,
  vmid: number,
  from: Found['from'],
  node: string,
  address?: string,
): Target => ({
  name,
  guest: {
    ...{ vmid, name, node, type: from.blueprint.create.by === 'vm' ? 'qemu' : 'lxc' },
    ...{ status: 'running', template: false, tags: [], uptime: 0 },
    ...{ cpu: 0, maxcpu: 0, mem: 0, maxmem: 0, disk: 0, maxdisk: 0 },
  },
  service: { ...entryFor(name, vmid, from), ...(address === undefined ? {} : { address }) },
  dependents: [],
})

function nodeOf(
  wanted: Wanted,
  blueprint: Blueprint,
  overview: Overview,
  services: ProvisionServices,
): string {
  const { create } = blueprint
  if (create.by !== 'vm')
    return wanted.node === undefined
      ? bestNode(overview, blueprint, services)
      : nodeFor(overview, wanted.node)
  if (wanted.ip !== undefined || wanted.gateway !== undefined)
    throw new HomelabError('usage', 'A VM has the network of its template.', {
      hint: 'Leave `ip` and `gateway` out, and set them in the VM.',
    })
  // A clone begins where its template is.
  const { node } = vmTemplate(create.template, overview)
  if (wanted.node === undefined || nodeFor(overview, wanted.node) === node) return node
  throw new HomelabError(
    'conflict',
    `The template ${create.template} is on ${node}, not on ${wanted.node}.`,
    {
      hint: `Leave \`node\` out; afterwards \`guest migrate\` moves it.`,
    },
  )
}

/** @throws HomelabError `not-found` */
function vmTemplate(template: string | number, { guests }: Overview): Overview['guests'][number] {
  const wanted = String(template).toLowerCase()
  const found = guests.find(
    (guest) =>
      guest.template &&
      guest.type === 'qemu' &&
      (guest.name.toLowerCase() === wanted || String(guest.vmid) === wanted),
  )
  if (found !== undefined) return found
  throw new HomelabError('not-found', `There is no VM template "${template}".`, {
    hint: '`guest list` shows those that there are.',
  })
}

/** Where its folders are; else where the most memory is free. */
function bestNode(overview: Overview, { mounts }: Blueprint, { lab, shells }: ProvisionServices): string {
  const online = overview.nodes.filter(({ status }) => status === 'online')
  const homes = lab.inventory.storages.flatMap(({ path, node }) =>
    node !== undefined && path !== undefined && mounts.some(({ source }) => source.startsWith(path))
      ? [node]
      : [],
  )
  const free = ({ maxmem, mem }: (typeof online)[number]) => maxmem - mem
  const [best] = online
    .filter(({ node }) => shells.has(node) && (homes.length === 0 || homes.includes(node)))
    .toSorted((a, b) => free(b) - free(a))
  return best?.node ?? nodeFor(overview, undefined)
}

function assertReachable(node: string, { create }: Blueprint, { shells }: ProvisionServices): void {
  if (create.by === 'vm' || shells.has(node)) return
  throw new HomelabError(
    'config',
    `There is no SSH access to ${node}: commands cannot run in containers there.`,
    {
      hint: `Add \`proxmox.ssh.${node}\` to homelab.yaml: a token may neither mount folders nor install anything.`,
      data: { node },
    },
  )
}

function roomFor(blueprint: Blueprint, overview: Overview, node: string, storage: string): Found['room'] {
  const machine = overview.nodes.find((each) => each.node === node)
  const place = overview.storages.find((each) => each.node === node && each.storage === storage)
  const memoryFree = (machine?.maxmem ?? 0) - (machine?.mem ?? 0)
  const diskFree = (place?.total ?? 0) - (place?.used ?? 0)
  const tight = [
    ...(blueprint.memory * MIB > memoryFree
      ? [`${bytes(blueprint.memory * MIB)} of memory, and ${bytes(memoryFree)} are free`]
      : []),
    ...(blueprint.disk * GIB > diskFree
      ? [`${bytes(blueprint.disk * GIB)} on ${storage}, and ${bytes(diskFree)} are free`]
      : []),
  ]
  if (tight.length === 0) return { memoryFree, diskFree }
  throw new HomelabError(
    'conflict',
    `There is no room for ${blueprint.title} on ${node}: it wants ${tight.join('; ')}.`,
    {
      hint: 'Give it less (`memory:`, `disk:`), another `node:` or `storage:`, or make room first: `top memory`.',
      data: { node, storage, memoryFree, diskFree },
    },
  )
}

async function sourceOf(
  { create }: Blueprint,
  overview: Overview,
  node: string,
  { proxmox }: ProvisionServices,
  signal: AbortSignal,
): Promise<string> {
  if (create.by === 'script') return create.script
  if (create.by === 'template')
    return (await templateNamed(create.template, node, { overview, proxmox }, signal)).volid
  return String(vmTemplate(create.template, overview).vmid)
}

function networkOf(
  { ip, gateway, bridge }: Wanted,
  overview: Overview,
  { lab }: ProvisionServices,
): { readonly net: string; readonly taken: readonly string[] } {
  const address = ip?.split('/')[0]
  const other = lab.inventory.services.find((each) => address !== undefined && each.address === address)
  if (other !== undefined)
    throw new HomelabError('conflict', `${address} is the address of ${other.name} in homelab.yaml.`, {
      hint: 'Give another `ip`, or leave it out for DHCP.',
    })
  const parts = [
    'name=eth0',
    `bridge=${bridge}`,
    `ip=${ip ?? 'dhcp'}`,
    ...(gateway === undefined ? [] : [`gw=${gateway}`]),
  ]
  const isStatic = ip !== undefined
  return {
    net: parts.join(','),
    taken:
      isStatic && gateway === undefined
        ? ['It has an address without a gateway: it reaches its own network only.']
        : overview.filtered
          ? ['The token does not see every guest: whether the name is free everywhere is not known.']
          : [],
  }
}

type Host = Awaited<ReturnType<typeof lookAtHost>> | undefined

/** @returns those that have to be made */
function foldersOf({ mounts }: Blueprint, host: Host, node: string): readonly string[] {
  const all = mounts.flatMap(({ source }) => {
    const seen = host?.paths[source]
    if (seen?.unmounted !== undefined)
      throw new HomelabError(
        'conflict',
        `${seen.unmounted} is not mounted on ${node}, so ${source} is not there.`,
        {
          hint: `Mount it on the node, then try again: what is written there now would be on another disk.`,
          data: { path: source, unmounted: seen.unmounted },
        },
      )
    if (seen === undefined || seen.kind === 'folder') return []
    if (seen.kind !== 'absent')
      throw new HomelabError('conflict', `${source} on ${node} is no folder.`, { data: { path: source } })
    // A folder at the top would land on the system's own disk.
    if (seen.on === '/')
      throw new HomelabError('not-found', `${node} has no folder ${source}.`, {
        hint: 'Make it, or write a blueprint of your own with where it is: docs/blueprints.md.',
        data: { path: source },
      })
    // With those above it that would be made for it.
    return pathsTo(source).filter((path) => host?.paths[path]?.kind === 'absent')
  })
  return [...new Set(all)]
}

/** As Debian numbers its groups: whose the device is inside the container. */
const groupOf = (path: string): { readonly gid?: number } =>
  /^\/dev\/dri\/render/.test(path) ? { gid: 104 } : /^\/dev\/dri\/card/.test(path) ? { gid: 44 } : {}

/** @throws HomelabError `not-found` for what the node does not have */
async function devicesFor(
  { gpu }: Blueprint,
  node: string,
  { shells }: ProvisionServices,
  signal: AbortSignal,
): Promise<Found['devices']> {
  if (gpu === undefined) return []
  const shell = shells.host(node)
  const orWithout = (error: unknown): never => {
    if (!isHomelabError(error) || error.code !== 'not-found') throw error
    throw new HomelabError('not-found', error.message, {
      hint: `${error.hint ?? ''} Or go without: \`gpu:false\`.`.trim(),
      data: { node },
      cause: error,
    })
  }
  if (typeof gpu === 'string')
    return (await devicesOf(gpu, shell, { signal }).catch(orWithout)).map(({ path }) => ({
      path,
      ...groupOf(path),
    }))
  const { devices } = await lookAtHost(shell, { devices: gpu.map(({ path }) => path) }, { signal })
  const absent = gpu.find(({ path }) => devices[path] == null)
  if (absent !== undefined) orWithout(new HomelabError('not-found', `${node} has no device ${absent.path}.`))
  return gpu.map(({ path, uid, gid }) => ({ path, ...plain({ uid, gid }) }))
}

const plain = (device: {
  readonly uid?: number | undefined
  readonly gid?: number | undefined
}): Omit<Device, 'path'> =>
  Object.fromEntries(Object.entries(device).filter(([, value]) => value !== undefined))

async function missingNeeds(
  { needs, title }: Blueprint,
  { lab }: ProvisionServices,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const rows = await lab.services({ signal })
  return needs.flatMap((need) => {
    const row = rows.find((each) => each.name.toLowerCase() === need.toLowerCase())
    if (row?.target === undefined)
      return [`${title} needs ${need}, which is not there: \`provision ${need}\`.`]
    return row.target.guest.status === 'running'
      ? []
      : [`${title} needs ${need}, which is ${row.target.guest.status}.`]
  })
}

function unsaved(
  { mounts, backup }: Blueprint,
  plans: readonly string[],
  saved: boolean,
  any: boolean,
): readonly string[] {
  return [
    ...(!saved && backup && !any ? ['No plan saves anything here: `backups` of homelab.yaml is empty.'] : []),
    ...(mounts.length > 0 && plans.length === 0
      ? [`What is in ${mounts.map(({ source }) => source).join(', ')} is in no archive of the guest.`]
      : []),
  ]
}
