import { configText } from '../../files/conf.ts'
import { FileLock } from '../../lab/lock.ts'
import type { Guest } from '../../lab/model.ts'
import { nameOf } from '../../lab/model.ts'
import type { Sim } from '../../sim.ts'
import type { Mount } from '../archive.ts'
import { archiveName, findVolume, mountsOf, notesOf, prunable, removeVolume } from '../archive.ts'
import { badParameters, die } from '../error.ts'
import { flag, maybe, oneOf, text, vmid, whole } from '../params.ts'
import type { Call, Route } from '../route.ts'
import { permit } from '../route.ts'
import type { TaskContext } from '../tasks.ts'

/** One backup runs on a node at a time; the others wait, three hours if nothing else was asked for. */
const locks = new WeakMap<Sim, Map<string, FileLock>>()

function nodeLock(sim: Sim, node: string): FileLock {
  const ofSim = locks.get(sim) ?? new Map<string, FileLock>()
  locks.set(sim, ofSim)
  const lock = ofSim.get(node) ?? new FileLock()
  ofSim.set(node, lock)
  return lock
}

const time = (seconds: number): string => new Date(seconds * 1000).toISOString().slice(11, 19)

async function backUp(
  sim: Sim,
  guest: Guest,
  storage: string,
  values: Call['values'],
  task: TaskContext,
  share: number,
): Promise<void> {
  const kind = guest.type === 'lxc' ? 'CT' : 'VM'
  const began = sim.clock.seconds()
  task.log(`INFO: Starting Backup of VM ${guest.vmid} (${guest.type})`)
  task.log(`INFO: Backup started at ${new Date(began * 1000).toISOString().slice(0, 19).replace('T', ' ')}`)
  task.log(`INFO: status = ${guest.state}`)
  sim.power.checkLock(guest)
  guest.lock = 'backup'
  sim.lab.touch()
  try {
    task.log(`INFO: ${kind} Name: ${nameOf(guest)}`)
    for (const mount of mountsOf(guest.type, guest.config)) task.log(`INFO: ${mountLine(guest, mount)}`)
    // A real one takes longer than the second that its name is made of.
    let at = sim.clock.now()
    const isTaken = (name: string) => sim.lab.volumes.some(({ volid: other }) => other === name)
    while (isTaken(archiveName(storage, guest, at, values.compress))) at += 1000
    const volid = archiveName(storage, guest, at, values.compress)
    const file = `/var/lib/vz/dump/${volid.split('/')[1]}`
    task.log(`INFO: backup mode: ${values.mode ?? 'snapshot'}`)
    task.log(`INFO: creating vzdump archive '${file}'`)
    const whole = Math.round(guest.load.disk * 0.45)
    for (let percent = 25; percent <= 100; percent += 25) {
      await task.spend(share / 4, sim.real === undefined ? 20_000 : 2_000)
      task.log(
        `INFO: ${String(percent).padStart(3)}% (${((whole * percent) / 100 / 1024 ** 3).toFixed(1)} GiB)`,
      )
      if (percent === 50 && sim.faults.fullStorage.includes(storage)) {
        task.log('INFO: zstd: error 70 : Write error : cannot write block : No space left on device')
        throw new Error(`command 'set -o pipefail && tar cpf - ./ | zstd >${file}.dat' failed: exit code 70`)
      }
    }
    const truncated = sim.faults.truncateArchives > 0
    if (truncated) sim.faults.truncateArchives -= 1
    const size = truncated ? Math.round(whole / 9) : whole
    task.log(`INFO: archive file size: ${(size / 1024 ** 2).toFixed(0)}MB`)
    const target = sim.lab.storages.find(({ name, node }) => name === storage && node === guest.node)
    if (target) target.used += size
    sim.real?.writeArchive(volid, guest, sim.clock.seconds())
    sim.lab.volumes.push({
      storage,
      node: guest.node,
      volid,
      content: 'backup',
      format: volid.slice(volid.indexOf(guest.type === 'lxc' ? '.tar' : '.vma') + 1),
      size,
      ctime: sim.clock.now(),
      vmid: guest.vmid,
      notes: notesOf(values['notes-template'], guest),
      protected: values.protected === '1',
      config: { ...guest.config },
      inside: sim.insides.saved(guest.vmid),
      truncated,
    })
    if (values['prune-backups'] !== undefined) prune(sim, guest, storage, values['prune-backups'], task)
  } finally {
    guest.lock = undefined
    sim.lab.touch()
  }
  task.log(`INFO: Finished Backup of VM ${guest.vmid} (${time(sim.clock.seconds() - began)})`)
}

const mountLine = (guest: Guest, { key, kind, source, target, included }: Mount): string => {
  if (guest.type === 'qemu')
    return included ? `include disk '${key}' '${source}'` : `exclude disk '${key}' '${source}' (backup=no)`
  const what = `${key === 'rootfs' ? '' : `${kind} `}mount point ${key} ('${target}')`
  if (included) return `including mount point ${key} ('${target}') in backup`
  return `excluding ${what} from backup (${kind === 'volume' ? 'disabled' : 'not a volume'})`
}

function prune(sim: Sim, guest: Guest, storage: string, spec: string, task: TaskContext): void {
  task.log(`INFO: prune older backups with retention: ${spec}`)
  const own = sim.lab.volumes.filter(
    (volume) => volume.content === 'backup' && volume.storage === storage && volume.vmid === guest.vmid,
  )
  const gone = prunable(own, spec)
  for (const volume of gone) {
    task.log(`INFO: removing backup '${volume.volid}'`)
    removeVolume(sim, volume)
  }
  task.log(`INFO: pruned ${gone.length} backup(s)`)
}

function chosen(sim: Sim, values: Call['values']): readonly Guest[] {
  const excluded = (values.exclude ?? '').split(/[,;\s]+/).map(Number)
  if (values.all === '1') {
    return [...sim.lab.guests.values()].filter(
      (guest) => guest.node === values.node && !excluded.includes(guest.vmid),
    )
  }
  const wanted = (values.vmid ?? '').split(/[,;\s]+/).filter(Boolean)
  const wrong = wanted.find((id) => !/^[1-9]\d{2,8}$/.test(id))
  if (wrong !== undefined)
    throw badParameters({ vmid: 'invalid format - value does not look like a valid VM ID' })
  if (wanted.length === 0) throw badParameters({ vmid: 'property is missing and it is not optional' })
  return wanted.flatMap((id) => sim.lab.guests.get(Number(id)) ?? [])
}

function vzdump(call: Call): string {
  const { sim, values, caller } = call
  const node = values.node ?? ''
  const storage = values.storage ?? 'local'
  const guests = chosen(sim, values)
  for (const guest of guests) permit(sim, caller, `/vms/${guest.vmid}`, ['VM.Backup'])
  permit(sim, caller, `/storage/${storage}`, ['Datastore.AllocateSpace'])
  if (values['prune-backups'] !== undefined || values.maxfiles !== undefined)
    permit(sim, caller, `/storage/${storage}`, ['Datastore.Allocate'])
  if (values.bwlimit !== undefined || values.ionice !== undefined) permit(sim, caller, '/', ['Sys.Modify'])
  const target = sim.lab.storages.find(({ name, node: on }) => name === storage && on === node)
  if (!target)
    throw die(`could not get storage information for '${storage}': storage '${storage}' does not exist`)
  if (!target.content.split(',').includes('backup'))
    throw die(
      `could not get storage information for '${storage}': can't use storage '${storage}' for backups - wrong content type`,
    )
  const here = guests.filter((guest) => guest.node === node)
  // Nothing to do on this node is a success without a task.
  if (here.length === 0) return 'OK'
  for (const guest of here) sim.journal.change(guest.vmid, 'vzdump')
  const id = here.length === 1 ? String(here[0]?.vmid) : ''
  return sim.tasks.start(node, 'vzdump', id, caller.id, async (task) => {
    task.log(
      `INFO: starting new backup job: vzdump ${here.map(({ vmid }) => vmid).join(' ')} --storage ${storage}`,
    )
    const lock = nodeLock(sim, node)
    const minutes = Number(values.lockwait ?? 180)
    if (!(await lock.acquire(sim.clock.scaled(minutes * 60_000))))
      throw new Error("can't acquire lock '/var/run/vzdump.lock' - got timeout")
    try {
      const failed: string[] = []
      for (const guest of here) {
        await backUp(sim, guest, storage, values, task, 1 / here.length).catch((error: unknown) => {
          if (task.signal.aborted) throw error
          const text = error instanceof Error ? error.message : String(error)
          task.log(`ERROR: Backup of VM ${guest.vmid} failed - ${text}`)
          failed.push(text)
        })
      }
      task.log(`INFO: Backup job finished ${failed.length > 0 ? 'with errors' : 'successfully'}`)
      // Why is in the log alone, also when it was one guest only.
      if (failed.length > 0) throw new Error('job errors')
    } finally {
      lock.release()
    }
  })
}

function extractConfig({ sim, caller, values }: Call): string {
  const volume = findVolume(sim, values.volume, values.node)
  if (volume?.content !== 'backup') throw die(`volume '${values.volume}' does not exist`)
  permit(sim, caller, `/vms/${volume.vmid}`, ['VM.Backup'])
  permit(sim, caller, `/storage/${volume.storage}`, ['Datastore.AllocateSpace'])
  const config = volume.config ?? sim.lab.guests.get(volume.vmid ?? 0)?.config ?? {}
  const { description, ...settings } = config
  // As in the file itself: the description is a comment, with its line breaks and `%` encoded.
  const comment = (description ?? '').split('\n').map((line) => `#${encodeURIComponent(line)}`)
  return `${(description === undefined ? [] : comment).map((line) => `${line}\n`).join('')}${configText(settings)}`
}

/** What a rule would do to each archive; nothing is removed. */
function marks({ sim, values }: Call): unknown {
  const of = (volume: Sim['lab']['volumes'][number]) => String(volume.vmid)
  const all = sim.lab.volumes.filter(
    (volume) =>
      volume.content === 'backup' &&
      volume.storage === values.storage &&
      (values.vmid === undefined || of(volume) === values.vmid),
  )
  const gone = [...Map.groupBy(all, of).values()].flatMap((own) =>
    prunable(own, values['prune-backups'] ?? 'keep-all=1'),
  )
  return all.map((volume) => ({
    volid: volume.volid,
    ctime: Math.floor(volume.ctime / 1000),
    vmid: volume.vmid,
    type: volume.format.startsWith('tar') ? 'lxc' : 'qemu',
    mark: volume.protected ? 'protected' : gone.includes(volume) ? 'remove' : 'keep',
  }))
}

export const backupRoutes: readonly Route[] = [
  {
    verb: 'GET',
    path: '/nodes/{node}/storage/{storage}/prunebackups',
    params: { 'prune-backups': maybe(text), type: maybe(oneOf('qemu', 'lxc')), vmid: maybe(vmid) },
    allow: { path: '/storage/{storage}', privs: ['Datastore.Audit', 'Datastore.AllocateSpace'], any: true },
    handle: marks,
  },
  {
    verb: 'GET',
    path: '/nodes/{node}/vzdump/extractconfig',
    params: { volume: text },
    allow: 'all',
    handle: extractConfig,
  },
  {
    verb: 'POST',
    path: '/nodes/{node}/vzdump',
    params: {
      all: flag,
      bwlimit: whole(0),
      compress: maybe(oneOf('0', '1', 'gzip', 'lzo', 'zstd')),
      exclude: maybe(text),
      ionice: whole(0, 8),
      lockwait: whole(0),
      mailto: maybe(text),
      mode: maybe(oneOf('snapshot', 'suspend', 'stop')),
      'notes-template': maybe({ ...text, requires: 'storage' }),
      'notification-mode': maybe(oneOf('auto', 'legacy-sendmail', 'notification-system')),
      protected: { ...flag, requires: 'storage' },
      'prune-backups': maybe(text),
      quiet: flag,
      remove: flag,
      stdexcludes: flag,
      stopwait: whole(0),
      storage: maybe({ type: 'string', format: 'storage' }),
      vmid: maybe(text),
      zstd: whole(),
    },
    allow: 'all',
    handle: vzdump,
  },
]
