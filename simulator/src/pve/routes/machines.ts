/** Virtual machines that come and go: restore and destroy. */
import { dhcp } from '../../lab/dhcp.ts'
import { makeGuest } from '../../lab/homelab.ts'
import { GiB, MiB } from '../../lab/model.ts'
import { archived, freshNets, unpack } from '../archive.ts'
import { based } from '../disks.ts'
import { badParameters, die } from '../error.ts'
import { guestOf } from '../guests.ts'
import { flag, maybe, oneOf, text, vmid, whole } from '../params.ts'
import type { Call, Route } from '../route.ts'
import { permit } from '../route.ts'
import { destroyed } from '../unreferenced.ts'
import { qemuConfig } from './config.ts'
import { disks } from './resize.ts'

function restore(call: Call): string {
  const { sim, caller, values } = call
  const { archive: volid, force, unique, start, storage = 'local', node = '', ...others } = values
  const { vmid: id, bwlimit, pool: _pool, ...given } = others
  const number = Number(id)
  const existing = sim.lab.guests.get(number)
  if (volid === undefined) throw badParameters({ archive: 'not simulated without an archive' })
  if (!(existing && sim.access.may(caller, `/vms/${id}`, ['VM.Backup'])))
    permit(sim, caller, `/vms/${id}`, ['VM.Allocate'])
  permit(sim, caller, `/storage/${storage}`, ['Datastore.AllocateSpace'])
  if (bwlimit !== undefined) permit(sim, caller, '/', ['Sys.Modify'])
  if (existing && force !== '1')
    throw die(`unable to restore VM ${id} - VM ${id} already exists on node '${existing.node}'`)
  if (existing && (existing.type !== 'qemu' || existing.node !== node))
    throw die(`unable to restore VM ${id} - CT ${id} already exists on node '${existing.node}'`)
  if (existing?.lock) throw die(`VM is locked (${existing.lock})`)
  if (existing && existing.state !== 'stopped') throw die(`unable to restore VM ${id} - VM is running`)
  const archive = archived(sim, volid, 'qemu')
  if (!archive) throw die(`volume '${volid}' does not exist`)
  const target = sim.lab.storages.find((each) => each.name === storage && each.node === node)
  if (!target) throw die(`storage '${storage}' does not exist`)
  if (!target.content.includes('images')) throw die(`storage '${storage}' does not support vm images`)
  const config = {
    ...archive.config,
    ...given,
    ...(unique === '1' ? freshNets('qemu', { ...archive.config, ...given }, sim) : {}),
  }
  sim.journal.change(number, 'restore')
  const guest =
    existing ??
    makeGuest({
      vmid: number,
      name: config.name ?? `VM${id}`,
      type: 'qemu',
      node,
      cores: Number(config.cores ?? 1),
      memory: Number(config.memory ?? 512) * MiB,
      disk: 8 * GiB,
      tags: [],
      ip: dhcp(number),
      startedAt: 0,
      running: false,
    })
  if (!existing) guest.config = {}
  guest.lock = 'create'
  if (!existing) sim.lab.add(guest)
  return sim.tasks.start(node, 'qmrestore', String(id), caller.id, async (task) => {
    try {
      task.log(`restore vma archive: zstd -q -d -c /var/lib/vz/dump/${volid.split('/')[1]} | vma extract`)
      await unpack(sim, task, storage, archive.truncated)
      guest.config = config
    } catch (error) {
      sim.lab.remove(guest)
      throw error
    } finally {
      guest.lock = undefined
      sim.lab.touch()
    }
    if (start === '1') sim.power.startTask(guest, caller.id)
  })
}

export const machineRoutes: readonly Route[] = [
  {
    verb: 'POST',
    path: '/nodes/{node}/qemu',
    params: {
      ...Object.fromEntries(
        Object.entries(qemuConfig).filter(([name]) => name !== 'delete' && name !== 'digest'),
      ),
      vmid,
      archive: maybe(text),
      bwlimit: whole(0),
      force: { ...flag, requires: 'archive' },
      pool: maybe(text),
      start: flag,
      storage: maybe({ type: 'string', format: 'storage' }),
      unique: { ...flag, requires: 'archive' },
    },
    allow: 'all',
    handle: restore,
  },
  {
    verb: 'POST',
    path: '/nodes/{node}/qemu/{vmid}/template',
    params: { disk: maybe(oneOf(...disks.qemu)) },
    allow: { path: '/vms/{vmid}', privs: ['VM.Allocate'] },
    handle: ({ sim, caller, values }) => {
      const guest = guestOf(sim, 'qemu', values)
      if (guest.lock) throw die(`VM is locked (${guest.lock})`)
      if (guest.snapshots.length > 0) throw die('unable to create template, because VM contains snapshots')
      if (guest.template) throw die("you can't convert a template to a template")
      if (guest.state !== 'stopped') throw die("you can't convert a VM to template if VM is running")
      sim.journal.change(guest.vmid, 'template')
      return sim.tasks.start(guest.node, 'qmtemplate', String(guest.vmid), caller.id, (task) =>
        sim.power.locked(guest, async () => {
          await task.spend(1, 1_000)
          guest.config = { ...based(guest.config), template: '1' }
          guest.template = true
          sim.lab.touch()
        }),
      )
    },
  },
  {
    verb: 'DELETE',
    path: '/nodes/{node}/qemu/{vmid}',
    params: { 'destroy-unreferenced-disks': flag, purge: flag, skiplock: flag },
    allow: { path: '/vms/{vmid}', privs: ['VM.Allocate'] },
    handle: ({ sim, caller, values }) => {
      const guest = guestOf(sim, 'qemu', values)
      if (guest.config.protection === '1')
        throw die(`can't remove VM ${guest.vmid} - protection mode enabled`)
      if (guest.ha && values.purge !== '1')
        throw die(`unable to remove VM ${guest.vmid} - used in HA resources and purge parameter not set.`)
      if (guest.lock) throw die(`VM is locked (${guest.lock})`)
      if (guest.state !== 'stopped') throw die(`VM ${guest.vmid} is running - destroy failed`)
      sim.journal.change(guest.vmid, 'destroy')
      return sim.tasks.start(guest.node, 'qmdestroy', String(guest.vmid), caller.id, (task) =>
        sim.power.locked(guest, async () => {
          await task.spend(1, 1_500)
          destroyed(sim, guest, values['destroy-unreferenced-disks'] === '1')
        }),
      )
    },
  },
]
