/** A VM for a service: a full clone of a template. All of it is the API token's to do, but for what a killed clone leaves. */
import type { Json } from '../operation/types.ts'
import { configOf, isHalfMade, make, unknownTask } from '../operations/guest/making.ts'
import { unlocking } from '../operations/guest/unlock.ts'
import { configLines, option } from '../proxmox/guest-config.ts'
import type { GuestRef } from '../proxmox/types.ts'
import { bears, describe, tags } from './label.ts'
import { growsTo } from './machine.ts'
import type { Found } from './types.ts'
import { again, type Work } from './work.ts'

type Undoing = (guest: GuestRef, isOurs: (config: Readonly<Record<string, Json>>) => boolean) => void

/**
 * What a clone does not have from its template.
 * @param now its configuration as it is: its card's address on the network is its own already
 */
export function cloneConfig(
  found: Found,
  { net0 = '', balloon }: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  const { net, from } = found
  const { cores, memory } = from.blueprint
  const bridge = option(net, 'bridge') ?? ''
  const before = option(net0, 'bridge')
  const told = net.split(',').filter((part) => /^(ip|gw)=/.test(part))
  return {
    // The blueprint counts all of them, and a template may have several sockets of them.
    sockets: '1',
    cores: String(cores),
    memory: String(memory),
    // Proxmox refuses one that is larger than its memory.
    ...(balloon === undefined ? {} : { balloon: String(Math.min(Number(balloon), memory)) }),
    onboot: '1',
    tags: tags(found),
    ...(told.length === 0 ? {} : { ipconfig0: told.join(',') }),
    ...(before === undefined || before === bridge
      ? {}
      : { net0: net0.replace(`bridge=${before}`, `bridge=${bridge}`) }),
  }
}

/** @param undo takes it away again, when it is what this run made */
export async function byClone(work: Work, undo: Undoing): Promise<GuestRef> {
  const { found, services, verbs, mark } = work
  const { name, node, storage, source } = found
  const { proxmox } = services
  const description = describe(found.from.blueprint.title, mark)
  const isOurs = bears(mark)
  const template: GuestRef = { vmid: Number(source), type: 'qemu', node, name: source }
  const { guest } = await make(
    {
      vmid: found.vmid ?? undefined,
      guest: { type: 'qemu', node, name },
      verb: 'clone',
      what: `Making ${name}`,
      act: (vmid) => proxmox.provision.clone(template, { vmid, name, full: true, storage, description }),
      find: async (vmid, { since, claimed }) => {
        // Its task is the template's, and that of any other clone of it: what is under its number says whose it is.
        const config = await configOf({ vmid, type: 'qemu', node, name }, services)
        if (config === undefined) return undefined
        const isMine = isOurs(config)
        if (!isMine && !isHalfMade(config.lock)) return undefined
        const found = await proxmox.provision.findClone(template, since, claimed)
        return isMine ? (found ?? unknownTask) : found
      },
      isOurs,
      ...unlocking(services.shells, node),
    },
    services,
    verbs,
  )
  undo(guest, isOurs)
  await again(work, 'size', async () => {
    const now = configLines(await proxmox.guestConfig(guest, verbs.signal))
    await proxmox.configure(guest, cloneConfig(found, now))
    return null
  })
  await enlarge(work, guest)
  return guest
}

async function enlarge(work: Work, guest: GuestRef): Promise<void> {
  const { found, services, verbs } = work
  const { machine, from } = found
  const size = machine === undefined ? 0 : growsTo(from.blueprint, machine)
  if (machine === undefined || size === 0) return
  const { disk } = machine
  const { provision } = services.proxmox
  verbs.report({ text: `Enlarging ${disk} of ${guest.name}` })
  await again(work, 'disk', async () => {
    // The whole size and not the difference: done twice, it is still the same.
    const upid = await provision.resize(guest, { disk, bytes: size })
    const what = `Enlarging ${disk} of ${guest.name} on ${guest.node}`
    if (upid !== '') await provision.wait(upid, what, { signal: verbs.signal })
    return null
  })
}
