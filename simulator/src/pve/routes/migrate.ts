/** Guests that move to another node. Facts: PVE's API2/LXC and API2/Qemu, migrate_vm. */
import type { Guest, GuestType } from '../../lab/model.ts'
import { isManaged } from '../../lab/model.ts'
import { disksIn, sizeIn, storageOf, volumeOf } from '../disks.ts'
import { badParameters, die } from '../error.ts'
import { guestOf } from '../guests.ts'
import { haMove } from '../ha.ts'
import { localDisks, localResources, moveTask } from '../move.ts'
import { flag, maybe, oneOf, text, whole } from '../params.ts'
import type { Call, Route } from '../route.ts'

const running = (guest: Guest): boolean => guest.state !== 'stopped'

function migrate(call: Call, type: GuestType): string {
  const { sim, caller, values } = call
  const guest = guestOf(sim, type, values)
  const { target = '' } = values
  if (target === guest.node) throw badParameters({ target: 'target is local node.' })
  if (!sim.lab.quorate()) throw die('cluster not ready - no quorum?')
  if (!sim.lab.node(target)) throw die(`no such cluster node '${target}'`)
  const online = values.online === '1'
  const restart = values.restart === '1'
  if (running(guest) && type === 'lxc' && !online && !restart)
    throw die("can't migrate running container without --online or --restart")
  if (running(guest) && type === 'qemu' && !online) throw die("can't migrate running VM without --online")
  if (isManaged(guest)) return ask(call, guest, target)
  return moveTask(sim, guest, caller.id, {
    target,
    restart,
    online,
    withLocalDisks: values['with-local-disks'] === '1',
    storage: values['target-storage'] ?? values.targetstorage,
  })
}

/** A managed guest is moved by the manager: the task only asks for it. */
function ask({ sim, caller }: Call, guest: Guest, target: string): string {
  const kind = guest.type === 'lxc' ? 'CT' : 'VM'
  sim.journal.change(guest.vmid, 'hamigrate')
  return sim.tasks.start(guest.node, 'hamigrate', String(guest.vmid), caller.id, async (task) => {
    task.log(`Requesting HA migration for ${kind} ${guest.vmid} to node ${target}`)
    await task.spend(1, 800)
    haMove(sim, guest, target)
  })
}

/** What a machine has that stays behind, and where it could go. */
function preconditions({ sim, values }: Call): object {
  const guest = guestOf(sim, 'qemu', values)
  const isLocal = new Set(localDisks(sim, guest).map(([key]) => key))
  const disks = disksIn('qemu', guest.config)
  const missing = (node: string): readonly string[] => [
    ...new Set(
      disks
        .map(([, value]) => storageOf(value))
        .filter((name) => !sim.lab.storages.some((each) => each.node === node && each.name === name)),
    ),
  ]
  const others = sim.lab.nodes.map(({ name }) => name).filter((name) => name !== guest.node)
  return {
    running: running(guest) ? 1 : 0,
    local_disks: disks
      .filter(([key]) => isLocal.has(key))
      .map(([, value]) => ({ volid: volumeOf(value), size: sizeIn(value), cdrom: 0, is_unused: 0 })),
    local_resources: localResources(guest),
    'mapped-resources': [],
    'mapped-resource-info': {},
    ...(!running(guest) && {
      allowed_nodes: others.filter((name) => missing(name).length === 0),
      not_allowed_nodes: Object.fromEntries(
        others
          .filter((name) => missing(name).length > 0)
          .map((name) => [name, { unavailable_storages: missing(name) }]),
      ),
    }),
  }
}

const allow = { path: '/vms/{vmid}', privs: ['VM.Migrate'] }

export const migrateRoutes: readonly Route[] = [
  {
    verb: 'POST',
    path: '/nodes/{node}/lxc/{vmid}/migrate',
    params: {
      target: text,
      online: flag,
      restart: flag,
      timeout: whole(),
      'target-storage': maybe(text),
      bwlimit: maybe({ type: 'number', minimum: 0 }),
    },
    allow,
    handle: (call) => migrate(call, 'lxc'),
  },
  {
    verb: 'GET',
    path: '/nodes/{node}/qemu/{vmid}/migrate',
    params: { target: maybe(text) },
    allow,
    handle: preconditions,
  },
  {
    verb: 'POST',
    path: '/nodes/{node}/qemu/{vmid}/migrate',
    params: {
      target: text,
      online: flag,
      force: flag,
      migration_type: maybe(oneOf('secure', 'insecure')),
      migration_network: maybe(text),
      'with-local-disks': flag,
      targetstorage: maybe(text),
      bwlimit: whole(0),
    },
    allow,
    handle: (call) => migrate(call, 'qemu'),
  },
]
