import { setTimeout as sleep } from 'node:timers/promises'
import type { Storage } from '../../lab/model.ts'
import type { Sim } from '../../sim.ts'
import type { Caller } from '../access.ts'
import { die, PveError } from '../error.ts'
import type { Values } from '../params.ts'
import { flag, maybe, oneOf, text, vmid } from '../params.ts'
import type { Route } from '../route.ts'
import { referenced } from '../unreferenced.ts'
import { history } from './rrd.ts'

/** pveproxy waits this long for pvedaemon. */
const PROXY_MS = 30_000
const SEE = ['Datastore.Audit', 'Datastore.AllocateSpace']

/** Waits as long as the storage takes to answer. @throws PveError 596 when that is longer than the proxy waits */
async function wake(sim: Sim, names: readonly string[]): Promise<void> {
  const { hungStorage, slowStorage } = sim.faults
  const waits = names.map((name) =>
    hungStorage.includes(name) ? Number.POSITIVE_INFINITY : (slowStorage[name] ?? 0),
  )
  const longest = Math.max(0, ...waits)
  const patience = sim.clock.scaled(PROXY_MS)
  if (longest > 0) await sleep(Math.min(longest, patience), undefined, { ref: false })
  if (longest > patience) throw new PveError(596, 'Connection timed out')
}

const view = (storage: Storage): object => ({
  type: storage.plugin,
  content: storage.content,
  active: 1,
  enabled: 1,
  shared: storage.shared ? 1 : 0,
  total: storage.total,
  used: storage.used,
  avail: storage.total - storage.used,
})

function storageOf(sim: Sim, values: Values): Storage {
  const storage = sim.lab.storages.find(({ name, node }) => name === values.storage && node === values.node)
  if (!storage) throw die(`storage '${values.storage}' does not exist`)
  return storage
}

/** Backups are seen only by who may allocate space there and back the guest up; Datastore.Audit alone gives []. */
function maySeeVolume(
  sim: Sim,
  caller: Caller,
  content: string,
  storage: string,
  owner: number | undefined,
): boolean {
  if (sim.access.may(caller, `/storage/${storage}`, ['Datastore.Allocate'])) return true
  if (content === 'vztmpl' || content === 'iso') return true
  if (owner === undefined) return false
  if (content === 'backup') {
    return (
      sim.access.may(caller, `/storage/${storage}`, ['Datastore.AllocateSpace']) &&
      sim.access.may(caller, `/vms/${owner}`, ['VM.Backup'])
    )
  }
  return sim.access.may(caller, `/vms/${owner}`, ['VM.Config.Disk'])
}

export const storageRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/nodes/{node}/storage',
    params: {
      content: maybe(text),
      enabled: flag,
      format: flag,
      storage: maybe({ type: 'string', format: 'storage' }),
      target: maybe(text),
    },
    allow: 'all',
    handle: async ({ sim, caller, values }) => {
      if (sim.faults.empty) return []
      const wanted = values.content?.split(',')
      const seen = sim.lab.storages.filter(
        ({ name, node, content }) =>
          node === values.node &&
          (values.storage === undefined || values.storage === name) &&
          (!wanted || wanted.some((kind) => content.split(',').includes(kind))) &&
          sim.access.may(caller, `/storage/${name}`, SEE, true),
      )
      await wake(
        sim,
        seen.map(({ name }) => name),
      )
      return seen.map((storage) => ({
        storage: storage.name,
        ...view(storage),
        used_fraction: storage.used / storage.total,
      }))
    },
  },
  {
    verb: 'GET',
    path: '/nodes/{node}/storage/{storage}/status',
    allow: { path: '/storage/{storage}', privs: SEE, any: true },
    handle: async ({ sim, values }) => {
      const storage = storageOf(sim, values)
      await wake(sim, [storage.name])
      return view(storage)
    },
  },
  {
    verb: 'GET',
    path: '/nodes/{node}/storage/{storage}/rrddata',
    params: { timeframe: oneOf('hour', 'day', 'week', 'month', 'year'), cf: maybe(oneOf('AVERAGE', 'MAX')) },
    allow: { path: '/storage/{storage}', privs: SEE, any: true },
    handle: ({ sim, values }) => {
      const { node, total, used } = storageOf(sim, values)
      const now = sim.clock.seconds()
      return history(sim, values.timeframe ?? 'hour', sim.lab.node(node)?.bootedAt ?? 0, (_, round) => ({
        total,
        // It has grown by a thousandth a day, with a little up and down.
        used: Math.round(used - (total * (now - round)) / 86_400 / 1_000 - (round % 7) * total * 1e-5),
      }))
    },
  },
  {
    verb: 'GET',
    path: '/nodes/{node}/storage/{storage}/content',
    params: { content: maybe(text), vmid: maybe(vmid) },
    allow: { path: '/storage/{storage}', privs: SEE, any: true },
    handle: async ({ sim, caller, values }) => {
      const storage = storageOf(sim, values)
      await wake(sim, [storage.name])
      return [...sim.lab.volumes, ...referenced(sim, storage.node)]
        .filter(
          (volume) =>
            volume.storage === storage.name &&
            volume.node === storage.node &&
            (values.content === undefined || volume.content === values.content) &&
            (values.vmid === undefined || volume.vmid === Number(values.vmid)) &&
            maySeeVolume(sim, caller, volume.content, storage.name, volume.vmid),
        )
        .map(({ volid, content, format, size, ctime, vmid: owner, notes, protected: kept }) => ({
          volid,
          content,
          format,
          size,
          ctime: Math.floor(ctime / 1000),
          ...(owner !== undefined && { vmid: owner }),
          ...(content === 'backup' && { subtype: volid.includes('qemu') ? 'qemu' : 'lxc' }),
          // As Proxmox reads it from beside the archive: one line of it.
          ...(notes !== undefined && { notes: notes.split('\n', 1)[0] }),
          ...(kept && { protected: 1 }),
        }))
    },
  },
]
