/** Guests made of guests. Facts: PVE's API2/LXC and API2/Qemu, clone_vm. */
import { dhcp } from '../../lab/dhcp.ts'
import { makeGuest } from '../../lab/homelab.ts'
import type { Guest, GuestType } from '../../lab/model.ts'
import { MiB } from '../../lab/model.ts'
import { freshNets } from '../archive.ts'
import { canClone, cloned, disksIn, sizeIn, storageOf } from '../disks.ts'
import { die } from '../error.ts'
import { guestOf } from '../guests.ts'
import { flag, maybe, oneOf, text, vmid, whole } from '../params.ts'
import type { Call, Route } from '../route.ts'
import { permit } from '../route.ts'
import type { TaskContext } from '../tasks.ts'
import { beginDisks, firstFree } from '../unreferenced.ts'

const kind = (type: GuestType): string => (type === 'lxc' ? 'CT' : 'VM')

interface Wanted {
  readonly id: number
  readonly full: boolean
  readonly storage: string | undefined
  readonly config: Readonly<Record<string, string>>
}

function check(call: Call, source: Guest): Wanted {
  const { sim, caller, values } = call
  const { storage, snapname } = values
  const id = Number(values.newid)
  const full = values.full === undefined ? !source.template : values.full === '1'
  permit(sim, caller, `/vms/${source.vmid}`, ['VM.Clone'])
  permit(sim, caller, `/vms/${id}`, ['VM.Allocate'])
  const snapshot = source.snapshots.find(({ name }) => name === snapname)
  if (snapname !== undefined && !snapshot) throw die(`snapshot '${snapname}' does not exist`)
  const { template: _template, ...config } = snapshot?.config ?? source.config
  for (const [, value] of disksIn(source.type, config))
    if (!value.startsWith('/'))
      permit(sim, caller, `/storage/${storage ?? storageOf(value)}`, ['Datastore.AllocateSpace'])
  for (const [, net] of Object.entries(config).filter(([key]) => /^net\d+$/.test(key))) {
    const bridge = /bridge=([^,]+)/.exec(net)?.[1]
    if (bridge !== undefined) permit(sim, caller, `/sdn/zones/localnetwork/${bridge}`, ['SDN.Use'])
  }
  if (storage !== undefined && !full) throw die("parameter 'storage' not allowed for linked clones")
  if (source.lock) throw die(`${kind(source.type)} is locked (${source.lock})`)
  const existing = sim.lab.guests.get(id)
  if (existing)
    throw die(
      source.type === 'lxc'
        ? `${kind(existing.type)} ${id} already exists on node '${existing.node}'`
        : `unable to create VM ${id}: config file already exists`,
    )
  for (const [key, value] of disksIn(source.type, config)) {
    if (value.startsWith('/')) throw die(`unable to clone mountpoint '${key}' (type bind)`)
    if (full && source.type === 'lxc' && source.state !== 'stopped' && snapname === undefined)
      throw die('Cannot do full clones on a running container without snapshots')
    if (canClone(sim, source, full ? 'copy' : 'clone', snapname)) continue
    throw die(
      source.type === 'lxc'
        ? `${full ? 'Full' : 'Linked'} clone feature for '${value.split(',')[0]}' is not available`
        : `${full ? 'Full' : 'Linked'} clone feature is not supported for drive '${key}'`,
    )
  }
  return { id, full, storage, config }
}

function clone(call: Call, source: Guest): string {
  const { sim, caller, values } = call
  const wanted = check(call, source)
  const { id, config } = wanted
  const { type, node } = source
  const named = values.hostname ?? values.name
  const name = named ?? (type === 'lxc' ? (config.hostname ?? `CT${id}`) : `Copy-of-VM-${config.name}`)
  sim.journal.change(id, 'clone')
  const guest = makeGuest({
    vmid: id,
    name,
    type,
    node,
    cores: Number(config.cores ?? 1),
    memory: Number(config.memory ?? 512) * MiB,
    disk: disksIn(type, config).reduce((sum, [, value]) => sum + sizeIn(value), 0),
    tags: [],
    ip: dhcp(id),
    startedAt: 0,
    running: false,
  })
  guest.config = {}
  guest.image = source.image
  guest.lock = type === 'lxc' ? 'create' : 'clone'
  sim.lab.add(guest)
  const made = {
    ...config,
    ...cloned(type, id, config, { ...wanted, first: firstFree(sim, id) }),
    ...freshNets(type, config, sim),
    [type === 'lxc' ? 'hostname' : 'name']: name,
    ...(values.description !== undefined && { description: values.description }),
  }
  // The task is the source's.
  const task = type === 'lxc' ? 'vzclone' : 'qmclone'
  return sim.tasks.start(node, task, String(source.vmid), caller.id, (context) =>
    copy(call, source, guest, made, wanted, context),
  )
}

async function copy(
  { sim }: Call,
  source: Guest,
  guest: Guest,
  config: Record<string, string>,
  { full, storage }: Wanted,
  task: TaskContext,
): Promise<void> {
  if (source.type === 'lxc') source.lock = 'disk'
  const endDisks = beginDisks(sim, guest, config)
  try {
    for (const [key, value] of disksIn(source.type, source.config))
      task.log(
        source.type === 'lxc'
          ? `create ${full ? 'full' : 'linked'} clone of mountpoint ${key} (${value.split(',')[0]})`
          : `create ${full ? 'full' : 'linked'} clone of drive ${key} (${value.split(',')[0]})`,
      )
    await task.spend(0.5, full ? 8_000 : 1_000)
    const target = storage ?? storageOf(disksIn(source.type, source.config)[0]?.[1] ?? '')
    if (full && sim.faults.fullStorage.includes(target))
      throw new Error(`zfs error: cannot create '${target}': out of space`)
    await task.spend(0.5, full ? 8_000 : 1_000)
    guest.config = config
    endDisks()
    guest.lock = undefined
  } catch (error) {
    // A worker that was killed clears nothing up.
    if (!(error instanceof Error && error.message === 'unexpected status')) {
      endDisks()
      sim.lab.remove(guest)
    }
    throw error
  } finally {
    source.lock = undefined
    sim.lab.touch()
  }
}

const shared = {
  newid: vmid,
  description: maybe(text),
  full: flag,
  pool: maybe(text),
  snapname: maybe({ type: 'string', format: 'configid' } as const),
  storage: maybe({ type: 'string', format: 'storage' } as const),
  target: maybe(text),
}
const dnsName = maybe({ type: 'string', format: 'dns-name' } as const)

export const cloneRoutes: readonly Route[] = [
  {
    verb: 'POST',
    path: '/nodes/{node}/lxc/{vmid}/clone',
    params: { ...shared, bwlimit: maybe({ type: 'number', minimum: 0 }), hostname: dnsName },
    allow: 'all',
    handle: (call) => clone(call, guestOf(call.sim, 'lxc', call.values)),
  },
  {
    verb: 'POST',
    path: '/nodes/{node}/qemu/{vmid}/clone',
    params: { ...shared, bwlimit: whole(0), format: maybe(oneOf('raw', 'qcow2', 'vmdk')), name: dnsName },
    allow: 'all',
    handle: (call) => clone(call, guestOf(call.sim, 'qemu', call.values)),
  },
]
