/** The guest of a new service: made, known as this run's own, and gone again when the run fails. */
import type { Json } from '../operation/types.ts'
import { make } from '../operations/guest/making.ts'
import { unlocking } from '../operations/guest/unlock.ts'
import type { CreateRequest } from '../proxmox/provision-types.ts'
import type { GuestRef } from '../proxmox/types.ts'
import { byScript } from './by-script.ts'
import { byClone } from './clone.ts'
import { featuresFor } from './features.ts'
import { bears, describe, tags } from './label.ts'
import { takeAway } from './take-away.ts'
import type { Work } from './work.ts'

/** @throws HomelabError why there is none; by then nothing is left of it */
export async function create(work: Work): Promise<GuestRef> {
  const { create: how } = work.found.from.blueprint
  if (how.by === 'script') return await byScript(work)
  return how.by === 'vm'
    ? await byClone(work, (...made) => undoGuest(work, ...made))
    : await fromTemplate(work)
}

async function fromTemplate(work: Work): Promise<GuestRef> {
  const { found, services, verbs, mark } = work
  const { name, node, storage, source, net, from } = found
  const { title, cores, memory, swap, disk, unprivileged } = from.blueprint
  const { token: features } = featuresFor(from.blueprint)
  const isOurs = bears(mark)
  const request = (vmid: number): CreateRequest => ({
    node,
    vmid,
    template: source,
    storage,
    hostname: name,
    sizeGib: disk,
    unprivileged,
    config: {
      cores: String(cores),
      memory: String(memory),
      swap: String(swap),
      net0: net,
      onboot: '1',
      tags: tags(found),
      description: describe(title, mark),
      // Others go over SSH: they are root@pam's alone.
      ...(features === undefined ? {} : { features }),
    },
  })
  const { guest } = await make(
    {
      vmid: found.vmid ?? undefined,
      guest: { type: 'lxc', node, name },
      verb: 'create',
      what: `Making ${name}`,
      act: (vmid) => services.proxmox.provision.create(request(vmid)),
      find: (vmid, { since, claimed }) =>
        services.proxmox.provision.findCreate(request(vmid), since, claimed),
      isOurs,
      ...unlocking(services.shells, node),
    },
    services,
    verbs,
  )
  undoGuest(work, guest, isOurs)
  return guest
}

/** What this run made, and nothing else: by its mark. */
function undoGuest(
  { found, services, verbs }: Work,
  guest: GuestRef,
  isOurs: (config: Readonly<Record<string, Json>>) => boolean,
): void {
  verbs.undo(`take ${guest.vmid} away`, () => takeAway(guest, services, isOurs))
  verbs.log(`${found.name} is ${guest.vmid} on ${guest.node}`)
}
