import type { Guest, Node, Storage } from '../../lab/model.ts'
import { nameOf } from '../../lab/model.ts'
import { noise } from '../../random.ts'
import type { Sim } from '../../sim.ts'
import type { Caller } from '../access.ts'
import { badParameters, die } from '../error.ts'
import { usageOf } from '../guests.ts'
import { maybe, oneOf } from '../params.ts'
import type { Route } from '../route.ts'
import { Ready } from '../route.ts'
import { mayReadTask, taskRow } from './task-view.ts'

/** Usage of a node: what its guests and Proxmox itself take. */
export function nodeUsage(sim: Sim, node: Node): { cpu: number; mem: number; uptime: number } {
  const wave = noise(Number(node.ip.split('.').at(-1)), sim.lab.round())
  return {
    cpu: 0.06 + 0.12 * wave,
    mem: Math.round(node.memory * (0.58 + 0.04 * wave)),
    uptime: Math.floor((sim.lab.collectedAt() - node.bootedAt) / 1000),
  }
}

function nodeRow(sim: Sim, caller: Caller, node: Node): object {
  const online = sim.lab.online(node.name)
  const row = {
    id: `node/${node.name}`,
    node: node.name,
    type: 'node',
    status: online ? 'online' : 'offline',
  }
  if (!sim.access.may(caller, `/nodes/${node.name}`, ['Sys.Audit'])) return row
  if (!online) return { ...row, level: '' }
  return {
    ...row,
    level: '',
    ...nodeUsage(sim, node),
    maxcpu: node.cores,
    maxmem: node.memory,
    disk: node.rootfs.used,
    maxdisk: node.rootfs.total,
    'cgroup-mode': 2,
  }
}

function guestRow(sim: Sim, guest: Guest, round: number, at: number): object {
  const seen = sim.lab.collected(guest)
  const base = {
    id: `${guest.type}/${guest.vmid}`,
    vmid: guest.vmid,
    type: guest.type,
    node: guest.node,
    template: guest.template ? 1 : 0,
    ...(guest.lock && { lock: guest.lock }),
    ...(guest.pool && { pool: guest.pool }),
    ...(guest.config.tags && { tags: guest.config.tags }),
    ...(guest.ha && { hastate: guest.ha }),
  }
  if (!seen) return { ...base, status: 'unknown' }
  return {
    ...base,
    name: nameOf(guest),
    // The collected numbers tell only running from stopped: a paused machine runs.
    status: seen.state === 'stopped' ? 'stopped' : 'running',
    maxcpu: guest.maxcpu,
    maxmem: guest.maxmem,
    maxdisk: guest.maxdisk,
    ...usageOf(guest, seen.state, seen.startedAt, at, round),
  }
}

const storageRow = (sim: Sim, storage: Storage): object => ({
  id: `storage/${storage.node}/${storage.name}`,
  type: 'storage',
  storage: storage.name,
  node: storage.node,
  plugintype: storage.plugin,
  content: storage.content,
  shared: storage.shared ? 1 : 0,
  ...(sim.lab.online(storage.node) && !sim.faults.hungStorage.includes(storage.name)
    ? { status: 'available', disk: storage.used, maxdisk: storage.total }
    : { status: 'unknown' }),
})

function resources(sim: Sim, caller: Caller, type: string | undefined): readonly object[] {
  const wants = (kind: string) => type === undefined || type === kind
  const round = sim.lab.round()
  const at = sim.lab.collectedAt()
  const may = (path: string, ...privs: string[]) =>
    !sim.faults.empty && sim.access.may(caller, path, privs, true)
  const guests = wants('vm')
    ? [...sim.lab.guests.values()].filter((guest) => may(`/vms/${guest.vmid}`, 'VM.Audit'))
    : []
  const pools =
    type === undefined || type === 'vm'
      ? [...new Set(guests.map((guest) => guest.pool))].filter((pool) => pool !== undefined)
      : []
  return [
    ...pools
      .filter((pool) => may(`/pool/${pool}`, 'Pool.Audit'))
      .map((pool) => ({ id: `/pool/${pool}`, type: 'pool', pool })),
    ...guests.map((guest) => guestRow(sim, guest, round, at)),
    // Nodes are shown to everybody, but their numbers only with Sys.Audit.
    ...(wants('node') ? sim.lab.nodes.map((node) => nodeRow(sim, caller, node)) : []),
    ...(wants('storage')
      ? sim.lab.storages
          .filter(({ name }) => may(`/storage/${name}`, 'Datastore.Audit', 'Datastore.AllocateSpace'))
          .map((storage) => storageRow(sim, storage))
      : []),
    ...(wants('sdn') && may('/sdn/zones/localnetwork', 'SDN.Audit', 'SDN.Use', 'SDN.Allocate')
      ? sim.lab.nodes.map(({ name }) => ({
          id: `sdn/${name}/localnetwork`,
          type: 'sdn',
          node: name,
          sdn: 'localnetwork',
          status: sim.lab.online(name) ? 'ok' : 'unknown',
        }))
      : []),
  ]
}

function nextId(sim: Sim, wanted: string | undefined): string {
  if (wanted !== undefined) {
    if (sim.lab.guests.has(Number(wanted))) throw badParameters({ vmid: `VM ${wanted} already exists` })
    return wanted
  }
  for (let id = 100; id < 1_000_000; id += 1) {
    if (!sim.lab.guests.has(id)) return String(id)
  }
  throw die('unable to get any free VMID in range [100, 1000000]')
}

/** Answers of the current picture, serialised once for each caller. */
const cache = new WeakMap<Sim, { picture: string; bodies: Map<string, Buffer> }>()

export const clusterRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/cluster/resources',
    params: { type: maybe(oneOf('vm', 'storage', 'node', 'sdn')) },
    allow: 'all',
    handle: ({ sim, caller, values }) => {
      const picture = `${sim.lab.picture()}.${sim.access.revision}.${sim.faults.hungStorage.join()}`
      const known = cache.get(sim)
      const entry = known?.picture === picture ? known : { picture, bodies: new Map<string, Buffer>() }
      cache.set(sim, entry)
      const key = `${caller.id} ${values.type ?? ''}`
      const body =
        entry.bodies.get(key) ?? Buffer.from(JSON.stringify({ data: resources(sim, caller, values.type) }))
      entry.bodies.set(key, body)
      return new Ready(body)
    },
  },
  {
    verb: 'GET',
    path: '/cluster/tasks',
    allow: 'all',
    handle: ({ sim, caller }) =>
      sim.faults.empty
        ? []
        : sim.tasks
            .recent()
            .filter((task) => sim.access.may(caller, '/', ['Sys.Audit']) || mayReadTask(caller, task.user))
            .map((task) => ({ ...taskRow(task), saved: sim.tasks.isSaved(task) ? '1' : '0' })),
  },
  {
    verb: 'GET',
    path: '/cluster/nextid',
    params: { vmid: maybe({ type: 'integer', minimum: 100, maximum: 999_999_999, format: 'vmid' }) },
    allow: 'all',
    // It only looks: two who ask at the same time get the same number.
    handle: ({ sim, values }) => nextId(sim, values.vmid),
  },
  {
    verb: 'GET',
    path: '/cluster/status',
    allow: { path: '/', privs: ['Sys.Audit'] },
    handle: ({ sim, local }) => [
      ...(sim.lab.nodes.length > 1
        ? [
            {
              id: 'cluster',
              type: 'cluster',
              name: 'homelab',
              nodes: sim.lab.nodes.length,
              quorate: sim.lab.quorate() ? 1 : 0,
              version: sim.lab.nodes.length,
            },
          ]
        : []),
      ...sim.lab.nodes.map(({ name, ip }, index) => ({
        id: `node/${name}`,
        type: 'node',
        name,
        ip,
        level: '',
        local: name === local ? 1 : 0,
        nodeid: sim.lab.nodes.length > 1 ? index + 1 : 0,
        online: sim.lab.online(name) ? 1 : 0,
      })),
    ],
  },
]
