/** Containers that come and go: create, restore, destroy. */
import { dhcp } from '../../lab/dhcp.ts'
import { makeGuest } from '../../lab/homelab.ts'
import { fit } from '../../lab/lab.ts'
import type { Guest, Storage } from '../../lab/model.ts'
import { GiB, MiB } from '../../lab/model.ts'
import type { Archive } from '../archive.ts'
import { archived, freshNets, unpack } from '../archive.ts'
import { allocated, disksIn, storageOf } from '../disks.ts'
import { badParameters, die, PveError } from '../error.ts'
import { guestOf } from '../guests.ts'
import { flag, maybe, text, vmid } from '../params.ts'
import type { Call, Route } from '../route.ts'
import { permit } from '../route.ts'
import type { TaskContext } from '../tasks.ts'
import { beginDisks, destroyed, firstFree } from '../unreferenced.ts'
import { lxcConfig } from './config.ts'
import { rootOnly } from './config-rights.ts'

const isMount = (name: string): boolean => name === 'rootfs' || /^mp\d+$/.test(name)

function permitCreate(call: Call, existing: Guest | undefined): void {
  const { sim, caller, values } = call
  const target = `/vms/${values.vmid}`
  const restore = values.restore === '1'
  if (!(restore && existing && sim.access.may(caller, target, ['VM.Backup'])))
    permit(sim, caller, target, ['VM.Allocate'])
  permit(sim, caller, `/storage/${values.storage ?? 'local'}`, ['Datastore.AllocateSpace'])
  const source = (values.ostemplate ?? '').split(':')[0] ?? ''
  if (source) permit(sim, caller, `/storage/${source}`, ['Datastore.AllocateSpace', 'Datastore.Audit'], true)
  const bridge = /bridge=([^,]+)/.exec(values.net0 ?? '')?.[1]
  if (bridge !== undefined) permit(sim, caller, `/sdn/zones/localnetwork/${bridge}`, ['SDN.Use'])
  if (restore && values.unprivileged === '0') permit(sim, caller, '/', ['Sys.Modify'])
}

const settings = (values: Call['values']): Record<string, string> =>
  Object.fromEntries(
    Object.entries(values)
      .filter(([name]) => name in lxcConfig || /^(net|mp|dev)\d+$/.test(name))
      .filter(([name]) => name !== 'delete' && name !== 'digest'),
  )

function create(call: Call): string {
  const { sim, caller, values } = call
  const id = Number(values.vmid)
  const node = values.node ?? ''
  const existing = sim.lab.guests.get(id)
  const restore = values.restore === '1'
  permitCreate(call, existing)
  const given = settings(values)
  rootOnly(caller, given, values.unprivileged === '1')
  if (existing && !(restore && values.force === '1'))
    throw die(
      `unable to ${restore ? 'restore' : 'create'} CT ${id} - CT ${id} already exists on node '${existing.node}'`,
    )
  if (existing && (existing.type !== 'lxc' || existing.node !== node))
    throw die(`unable to restore CT ${id} - VM ${id} already exists`)
  if (existing && existing.state !== 'stopped') throw die(`unable to restore CT ${id} - CT ${id} is running`)
  const template = values.ostemplate ?? ''
  if (!/^[a-z][\w.-]*:\S+$/i.test(template))
    throw badParameters({ ostemplate: `unable to parse volume ID '${template}'` })
  if (existing?.lock) throw die(`CT is locked (${existing.lock})`)
  const archive = restore ? archived(sim, template, 'lxc') : undefined
  if (restore ? !archive : !sim.lab.volumes.some(({ volid }) => volid === template))
    throw die(`volume '${template}' does not exist`)
  const where = values.rootfs === undefined ? (values.storage ?? 'local') : storageOf(values.rootfs)
  const target = sim.lab.storages.find((each) => each.name === where && each.node === node)
  if (!restore) checkNew(call, where, target)
  if (restore && !target) throw die(`storage '${values.storage}' does not exist`)
  if (restore && !given.rootfs && !target?.content.includes('rootdir'))
    throw die(`storage '${target?.name}' does not support container directories`)
  // Mount points of the archive are taken over as they are, unless all of them are given anew.
  const mountsGiven = Object.keys(given).some(isMount)
  const inherited = Object.fromEntries(
    Object.entries(archive?.config ?? {}).filter(
      ([name]) =>
        !(mountsGiven && isMount(name)) &&
        // "skipping custom lxc options, restore manually as root"
        !(name.startsWith('lxc.') && caller.id !== 'root@pam'),
    ),
  )
  const binds = Object.entries(inherited).some(
    ([name, value]) => /^mp\d+$/.test(name) && value.startsWith('/'),
  )
  if (binds && caller.id !== 'root@pam')
    throw new PveError(
      403,
      'Permission check failed (restoring a container with bind mounts is only possible for root)',
    )
  const config = {
    ...inherited,
    ...given,
    // Of the archive, also where others are given: `unique` goes past what the call says of them.
    ...(restore && values.unique === '1' ? freshNets('lxc', inherited, sim) : {}),
  }
  sim.journal.change(id, restore ? 'restore' : 'create')
  // The number is taken before the worker starts: a second caller with the same one is told so.
  const guest =
    existing ??
    makeGuest({
      vmid: id,
      name: config.hostname ?? `CT${id}`,
      node,
      cores: Number(config.cores ?? 1),
      memory: Number(config.memory ?? 512) * MiB,
      disk: 8 * GiB,
      tags: [],
      ip: /(?:^|,)ip=([\d.]+)\//.exec(config.net0 ?? '')?.[1] ?? dhcp(id),
      startedAt: 0,
      running: false,
    })
  // Until its worker is done, all that is written of a new one is its lock.
  const wanted = allocated(
    'lxc',
    id,
    restore ? config : fresh(guest, config, where),
    existing ? 0 : firstFree(sim, id),
  )
  if (!existing) guest.config = {}
  guest.lock = 'create'
  if (!existing) sim.lab.add(guest)
  return sim.tasks.start(node, restore ? 'vzrestore' : 'vzcreate', String(id), caller.id, (task) =>
    build(call, guest, task, wanted, archive),
  )
}

async function build(
  { sim, caller, values }: Call,
  guest: Guest,
  task: TaskContext,
  config: Readonly<Record<string, string>>,
  archive: Archive | undefined,
): Promise<void> {
  // One that was there before is named by its configuration all the time.
  const endDisks = disksIn('lxc', guest.config).length > 0 ? () => {} : beginDisks(sim, guest, config)
  try {
    task.log(`extracting archive '${values.ostemplate ?? ''}'`)
    await unpack(sim, task, values.storage ?? 'local', archive?.truncated ?? false)
    task.log('Detected container architecture: amd64')
    guest.config = { ...config }
    endDisks()
    if (archive?.inside !== undefined) sim.insides.put(guest.vmid, archive.inside)
    guest.lock = undefined
    fit(guest)
  } catch (error) {
    // A worker that was killed clears nothing up.
    const killed = error instanceof Error && error.message === 'unexpected status'
    // Also when it was there before: its old volumes are destroyed before the archive is unpacked.
    if (!killed) {
      endDisks()
      sim.lab.remove(guest)
    }
    throw error
  } finally {
    sim.lab.touch()
  }
  // A task of its own: the end of this one does not say that the container runs.
  if (values.start === '1') sim.power.startTask(guest, caller.id)
}

/** @throws PveError as the real one does for what a new container asks of its storage and its password */
function checkNew({ values }: Call, where: string, target: Storage | undefined): void {
  if (!target) throw die(`storage '${where}' does not exist`)
  if (!target.content.split(',').includes('rootdir'))
    throw badParameters({ storage: `storage '${where}' does not support container directories` })
  if (values.password !== undefined && values.password.length < 5)
    throw badParameters({ password: 'value must be at least 5 characters long' })
}

/** What is in the file of a container that was just made, besides what was asked for. */
function fresh(
  guest: Guest,
  asked: Readonly<Record<string, string>>,
  storage: string,
): Record<string, string> {
  const address = /hwaddr=[^,]+/.exec(guest.config.net0 ?? '')?.[0] ?? ''
  const config = {
    arch: 'amd64',
    hostname: `CT${guest.vmid}`,
    memory: '512',
    ostype: 'debian',
    rootfs: `${storage}:4`,
    swap: '512',
    ...asked,
  }
  const nets = Object.entries(config)
    .filter(([name, net]) => /^net\d+$/.test(name) && !net.includes('hwaddr='))
    .map(([name, net]) => [name, `${net},${address},type=veth`] as const)
  return { ...config, ...Object.fromEntries(nets) }
}

export const containerRoutes: readonly Route[] = [
  {
    verb: 'POST',
    path: '/nodes/{node}/lxc',
    params: {
      ...Object.fromEntries(
        Object.entries(lxcConfig).filter(([name]) => name !== 'delete' && name !== 'digest'),
      ),
      vmid,
      ostemplate: text,
      force: flag,
      bwlimit: maybe({ type: 'number', minimum: 0 }),
      'ignore-unpack-errors': flag,
      password: maybe(text),
      pool: maybe(text),
      restore: flag,
      'ssh-public-keys': maybe(text),
      start: flag,
      storage: maybe({ type: 'string', format: 'storage' }),
      template: flag,
      unique: { ...flag, requires: 'restore' },
    },
    allow: 'all',
    handle: create,
  },
  {
    verb: 'DELETE',
    path: '/nodes/{node}/lxc/{vmid}',
    params: { 'destroy-unreferenced-disks': flag, force: flag, purge: flag },
    allow: { path: '/vms/{vmid}', privs: ['VM.Allocate'] },
    handle: (call) => {
      const { sim, caller, values } = call
      const guest = guestOf(sim, 'lxc', values)
      if (guest.config.protection === '1')
        throw die(`can't remove CT ${guest.vmid} - protection mode enabled`)
      // Also with `force`, which is for one that runs.
      if (guest.lock) throw die(`CT is locked (${guest.lock})`)
      if (guest.ha && values.purge !== '1')
        throw die(`unable to remove CT ${guest.vmid} - used in HA resources and purge parameter not set.`)
      if (guest.state !== 'stopped' && values.force !== '1')
        throw die(`unable to destroy CT ${guest.vmid} - container is running`)
      sim.journal.change(guest.vmid, 'destroy')
      return sim.tasks.start(guest.node, 'vzdestroy', String(guest.vmid), caller.id, (task) =>
        sim.power.locked(guest, async () => {
          await task.spend(1, 1_500)
          if (guest.state !== 'stopped') sim.lab.setState(guest, 'stopped')
          destroyed(sim, guest, values['destroy-unreferenced-disks'] === '1')
        }),
      )
    },
  },
]
