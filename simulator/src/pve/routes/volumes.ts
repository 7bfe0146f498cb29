/** One volume of a storage: its notes and protection, and its end. */
import type { Volume } from '../../lab/model.ts'
import type { Sim } from '../../sim.ts'
import type { Caller } from '../access.ts'
import { findVolume, removeVolume } from '../archive.ts'
import { die, PveError } from '../error.ts'
import type { Values } from '../params.ts'
import { flag, maybe, text, whole } from '../params.ts'
import type { Route } from '../route.ts'
import { permit } from '../route.ts'

/** By its whole id, or by its name in the storage of the path. */
function volumeOf(sim: Sim, values: Values): Volume {
  const { volume = '', storage = '', node } = values
  const volid = volume.startsWith(`${storage}:`) ? volume : `${storage}:${volume}`
  const found = findVolume(sim, volid, node)
  if (!found) throw die(`volume '${volid}' does not exist`)
  return found
}

function permitVolume(sim: Sim, caller: Caller, volume: Volume): void {
  const where = `/storage/${volume.storage}`
  if (sim.access.may(caller, where, ['Datastore.Allocate'])) return
  if (volume.content !== 'backup') permit(sim, caller, where, ['Datastore.Allocate'])
  permit(sim, caller, where, ['Datastore.AllocateSpace'])
  permit(sim, caller, `/vms/${volume.vmid}`, ['VM.Backup'])
}

export const volumeRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/nodes/{node}/storage/{storage}/content/{volume}',
    params: {},
    allow: 'all',
    handle: ({ sim, caller, values }) => {
      const volume = volumeOf(sim, values)
      permitVolume(sim, caller, volume)
      const { volid, format, size, notes, protected: kept } = volume
      return {
        path: `/var/lib/vz/${volid.slice(volid.indexOf(':') + 1).replace(/^backup\//, 'dump/')}`,
        format,
        size,
        used: size,
        ...(volume.content === 'backup' && { notes: notes ?? '', protected: kept ? 1 : 0 }),
      }
    },
  },
  {
    verb: 'PUT',
    path: '/nodes/{node}/storage/{storage}/content/{volume}',
    params: { notes: maybe(text), protected: flag },
    allow: 'all',
    handle: ({ sim, caller, values }) => {
      const volume = volumeOf(sim, values)
      permitVolume(sim, caller, volume)
      if (volume.content !== 'backup') throw new PveError(501, 'volume attributes are not supported')
      if (values.notes !== undefined) volume.notes = values.notes === '' ? undefined : values.notes
      if (values.protected !== undefined) volume.protected = values.protected === '1'
      return null
    },
  },
  {
    verb: 'DELETE',
    path: '/nodes/{node}/storage/{storage}/content/{volume}',
    params: { delay: whole(1, 30) },
    allow: 'all',
    handle: ({ sim, caller, values }) => {
      const volume = volumeOf(sim, values)
      permitVolume(sim, caller, volume)
      const id = volume.vmid === undefined ? volume.storage : `${volume.vmid}@${volume.storage}`
      // A protected one is found out by the worker: the call itself is accepted.
      return sim.tasks.start(values.node ?? '', 'imgdel', id, caller.id, async (task) => {
        if (volume.protected)
          throw new Error(`cannot remove protected volume '${volume.volid}' on '${volume.storage}'`)
        await task.spend(1, 400)
        removeVolume(sim, volume)
        task.log(`Removed volume '${volume.volid}'`)
      })
    },
  },
]
