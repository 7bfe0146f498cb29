/** How each thing of the lab is, from one overview and one list of tasks. */
import { type Guest, guestPlace, type Node, type Overview, type ServiceRow } from '@homelab/core'
import type { Task } from '@homelab/core/proxmox'
import { aboutGuest } from './about.ts'
import type { Thing } from './types.ts'

/** Seconds that a node gets to start its guests. */
const BOOT_SECONDS = 300

/** Tasks after which a guest is meant to be down, and those after which it is meant to run. */
const downTypes = /^(vz|qm)(stop|shutdown|suspend|pause)$|^hastop$/
const upTypes = /^(vz|qm)(start|reboot|reset|resume)$|^hastart$/

export const isFailed = ({ exitStatus }: Task): boolean =>
  exitStatus !== undefined && exitStatus !== 'OK' && !exitStatus.startsWith('WARNINGS')

export interface Lookout {
  readonly overview: Overview
  readonly rows: readonly ServiceRow[]
  readonly tasks: readonly Task[]
  /** VMIDs that a run of ours is about. */
  readonly busy: ReadonlySet<number>
  /** VMIDs that a run of ours has stopped. */
  readonly stopped: ReadonlySet<number>
  /** What the file calls a storage of Proxmox. */
  readonly storageNames?: ReadonlyMap<string, string>
}

/** Nodes first, then what stands on them. */
export function thingsOf(lookout: Lookout): readonly Thing[] {
  const { overview } = lookout
  const nodes = new Map(overview.nodes.map((node) => [node.node, node]))
  const guests = guestsOf(lookout.rows)
  const tasks = Map.groupBy(lookout.tasks, ({ id }) => id)
  return [
    ...overview.nodes.map((node) => nodeThing(node, guests)),
    ...overview.storages.map(({ node, storage, status }): Thing => {
      const state =
        nodes.get(node)?.status === 'online' ? (status === 'available' ? 'up' : 'down') : 'unclear'
      const about = { storage: lookout.storageNames?.get(storage) ?? storage, node }
      const key = `storage/${node}/${storage}`
      return { key, kind: 'storage', name: storage, what: `on ${node}`, state, about }
    }),
    ...guests.map(({ guest, name }) =>
      guestThing({ guest, name }, nodes.get(guest.node), tasks.get(String(guest.vmid)) ?? [], lookout),
    ),
  ]
}

interface Named {
  readonly guest: Guest
  readonly name: string
}

/** Each guest once, by the names of the services on it. */
function guestsOf(rows: readonly ServiceRow[]): readonly Named[] {
  const found = new Map<number, { readonly guest: Guest; readonly names: string[] }>()
  for (const { name, target } of rows) {
    if (target === undefined || target.guest.template) continue
    const entry = found.get(target.guest.vmid) ?? { guest: target.guest, names: [] }
    entry.names.push(name)
    found.set(target.guest.vmid, entry)
  }
  return [...found.values()].map(({ guest, names }) => ({ guest, name: names.join(', ') }))
}

const nodeThing = ({ node, status }: Node, guests: readonly Named[]): Thing => ({
  key: `node/${node}`,
  kind: 'node',
  name: node,
  what: 'node',
  about: { node },
  // A token without the right to see a node's state is told `unknown`.
  state: status === 'online' ? 'up' : status === 'offline' ? 'down' : 'unclear',
  ...(status === 'offline'
    ? { why: 'offline', beneath: guests.filter(({ guest }) => guest.node === node).map(({ name }) => name) }
    : {}),
})

function guestThing(
  { guest, name }: Named,
  node: Node | undefined,
  own: readonly Task[],
  lookout: Lookout,
): Thing {
  const thing = { key: `guest/${guest.vmid}`, kind: 'guest' as const, name, what: guestPlace(guest) }
  if (guest.status === 'running') {
    // The overview is up to 10 s old: for that long it may show what a run of ours has stopped.
    return { ...thing, state: lookout.stopped.has(guest.vmid) ? 'unclear' : 'up' }
  }
  if (guest.status === 'unknown' || node === undefined || node.status === 'offline')
    return { ...thing, state: 'unclear' }
  if (guest.lock !== undefined || lookout.busy.has(guest.vmid)) return { ...thing, state: 'unclear' }
  if (own.some(({ exitStatus }) => exitStatus === undefined)) return { ...thing, state: 'unclear' }
  if (lookout.stopped.has(guest.vmid) || stoppedBySomebody(own, lookout.tasks))
    return { ...thing, state: 'off' }
  // 0 where the token may not see it.
  if (node.uptime > 0 && node.uptime < BOOT_SECONDS) return { ...thing, state: 'unclear' }
  return { ...thing, state: 'down', why: guest.status, about: aboutGuest(guest, lookout.rows) }
}

/** Whether the last that was done to this guest was to stop it, and by somebody and not by the shutdown of its node. */
export function stoppedBySomebody(own: readonly Task[], all: readonly Task[]): boolean {
  const last = own
    .filter((task) => !isFailed(task) && (downTypes.test(task.type) || upTypes.test(task.type)))
    .sort((a, b) => b.startTime - a.startTime)[0]
  if (last === undefined || !downTypes.test(last.type)) return false
  return !all.some(
    ({ type, node, startTime, endTime }) =>
      type === 'stopall' &&
      node === last.node &&
      startTime <= last.startTime &&
      (endTime ?? Number.POSITIVE_INFINITY) >= last.startTime,
  )
}
