/** Whether there is room for a service, beside what others that are being made at the same time will take. */
import { HomelabError } from '../errors.ts'
import { bytes } from '../operation/view.ts'
import type { Overview, Proxmox } from '../proxmox/types.ts'
import type { Blueprint } from './blueprint.ts'
import { type Machine, sizeOf } from './machine.ts'
import type { Found } from './types.ts'

const MIB = 2 ** 20
const GIB = 2 ** 30

type Reserving = Pick<Proxmox['provision'], 'room'>

/** Bytes of a node that nobody uses and no service that is being made will. */
export const freeMemory = ({ node, maxmem, mem }: Overview['nodes'][number], { room }: Reserving): number =>
  maxmem - mem - room.claimed({ node, storage: '', shared: false }).memory

/** @throws HomelabError `conflict` with what is missing */
export function roomFor(
  blueprint: Blueprint,
  overview: Overview,
  { node, storage, machine }: Pick<Found, 'node' | 'storage'> & { readonly machine?: Machine | undefined },
  provision: Reserving,
): Found['room'] {
  const computer = overview.nodes.find((each) => each.node === node)
  const disk = overview.storages.find((each) => each.node === node && each.storage === storage)
  const room = {
    shared: disk?.shared === true,
    memoryFree: (computer?.maxmem ?? 0) - (computer?.mem ?? 0),
    diskFree: (disk?.total ?? 0) - (disk?.used ?? 0),
    // A clone is as large as its template at least, whatever the blueprint says.
    ...(machine === undefined ? {} : { disk: sizeOf(blueprint, machine) }),
  }
  assertRoom(blueprint, { node, storage, room }, provision)
  return room
}

type Placed = Pick<Found, 'node' | 'storage' | 'room'>

function assertRoom(
  { title, memory, disk: gib }: Blueprint,
  { node, storage, room: { shared, memoryFree, diskFree, disk = gib * GIB } }: Placed,
  { room }: Reserving,
  key?: string,
): void {
  const claimed = room.claimed({ node, storage, shared }, key)
  const tight = (wanted: number, free: number, by: number, on: string): readonly string[] =>
    wanted <= free - by
      ? []
      : [
          `${bytes(wanted)} ${on}, and ${bytes(Math.max(0, free - by))} are free${by === 0 ? '' : ` beside ${bytes(by)} for what is being made`}`,
        ]
  const missing = [
    ...tight(memory * MIB, memoryFree, claimed.memory, 'of memory'),
    ...tight(disk, diskFree, claimed.disk, `on ${storage}`),
  ]
  if (missing.length === 0) return
  throw new HomelabError(
    'conflict',
    `There is no room for ${title} on ${node}: it wants ${missing.join('; ')}.`,
    {
      hint: 'Give it less (`memory:`, `disk:`), another `node:` or `storage:`, or make room first: `top memory`.',
      data: { node, storage, memoryFree: memoryFree - claimed.memory, diskFree: diskFree - claimed.disk },
    },
  )
}

/**
 * Takes it for a run, at one moment with the question whether it is there.
 * @throws HomelabError `conflict` when others took it since it was looked at
 */
export function claimRoom(key: string, found: Found, provision: Reserving): void {
  assertRoom(found.from.blueprint, found, provision, key)
  holdRoom(key, found, provision)
}

/**
 * The same for a run that had it already, before a crash.
 * @param made its guest is there: its disk is in what the storage says is used, and its memory is not yet
 */
export function holdRoom(key: string, found: Found, { room }: Reserving, made = false): void {
  const { node, storage, from } = found
  const { memory, disk } = from.blueprint
  const bytesOf = { memory: memory * MIB, disk: made ? 0 : (found.room.disk ?? disk * GIB) }
  room.claim(key, { node, storage, shared: found.room.shared, ...bytesOf })
}
