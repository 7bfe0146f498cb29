import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Needed, Plan } from '../../operation/types.ts'
import { bytes, guestPlace } from '../../operation/view.ts'
import type { GuestConfig } from '../../proxmox/backup-types.ts'
import { configLines, type Mount, mountsOf } from '../../proxmox/guest-config.ts'
import type { GuestRef } from '../../proxmox/types.ts'
import { guestInput } from './inputs.ts'
import { one } from './one.ts'

const input = z.object({
  guest: guestInput,
  size: z
    .string()
    .regex(/^\+?\d+(?:\.\d+)?\s?[MGT](?:i?B)?$/i, 'a size such as 32G, or +8G for so much more')
    .describe('Its whole new size such as 32G, or +8G for so much more'),
  disk: z.string().optional().describe('Such as rootfs, mp0, scsi0; default: the root disk'),
})
type Input = z.infer<typeof input>
type Services = Needed<readonly ['lab', 'proxmox']>

export const guestResize = defineOperation({
  id: 'guest.resize',
  chat: 'guest resize',
  title: 'Enlarge a disk of a guest',
  description:
    'To a new size, or by so much. A disk never gets smaller again. In a VM the partition on it has to be enlarged from inside.',
  risk: 'change',
  permission: 'admin',
  rare: true,
  input,
  output: z.object({
    name: z.string(),
    vmid: z.int(),
    type: z.enum(['lxc', 'qemu']),
    node: z.string(),
    disk: z.string(),
    /** Bytes. */
    before: z.number(),
    after: z.number(),
    upid: z.string().optional(),
  }),
  positional: ['guest', 'size'],
  examples: ['guest resize immich +8G', 'guest resize homeassistant 64G disk:scsi0'],
  needs: ['lab', 'proxmox'],
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { name, guest, disk, before, after } = await find(wanted, services, signal)
    return {
      summary: `Enlarge ${disk} of ${name} (${guestPlace(guest)}) to ${bytes(after)}`,
      steps: [`${disk} grows from ${bytes(before)} by ${bytes(after - before)}`],
      affects: [],
      warnings: [
        'This cannot be undone: a disk never gets smaller.',
        ...(guest.type === 'qemu' ? ['The partition on it has to be enlarged from inside.'] : []),
      ],
      locks: [`guest/${guest.vmid}`],
      confirm: true,
      state: { disk, before, after },
    }
  },
  async run(wanted, services, verbs) {
    const { proxmox, lab } = services
    const { guest, disk, before, after, digest } = await verbs.step('look', async () => {
      const { name: _name, guest: target, ...found } = await find(wanted, services, verbs.signal)
      const { vmid, type, node, name } = target
      return { ...found, guest: { vmid, type, node, name } }
    })
    verbs.report({ text: `Enlarging ${disk} of ${guest.name}` })
    let here = false
    const upid = await verbs.change<string>(`resize ${disk} of ${guest.vmid}`, {
      act: () => {
        here = true
        // The whole size and not the difference: sent twice by whatever is between, it is still the same.
        return proxmox.provision.resize(guest, { disk, bytes: after, digest })
      },
      find: async ({ since, claimed }) => {
        const task = await proxmox.tasks.latest(guest, 'resize', since, claimed)
        if (task !== undefined) return task
        const { size } = await look(guest, disk, services, verbs.signal)
        return size >= after ? '' : undefined
      },
    })
    if (upid !== '') {
      verbs.log(`resize of ${disk}: ${upid}`)
      await verbs.follow<Json>('task', async (signal) => {
        const what = `Enlarging ${disk} of ${guest.name} on ${guest.node}`
        return (await proxmox.provision.wait(upid, what, { signal, mayHaveEnded: !here })) as unknown as Json
      })
    }
    const { size } = await verbs.step('state', () => look(guest, disk, services, verbs.signal))
    if (size < after)
      throw new HomelabError(
        'failed',
        `${disk} of ${guest.name} is ${bytes(size)} and not ${bytes(after)}.`,
        {
          hint: `\`guest show ${guest.vmid}\` and \`task list\` tell more.`,
          data: { vmid: guest.vmid, disk, before, after: size },
        },
      )
    await lab.overview({ fresh: true }).catch(() => undefined)
    return {
      name: guest.name,
      vmid: guest.vmid,
      type: guest.type,
      node: guest.node,
      disk,
      before,
      after: size,
      ...(upid === '' ? {} : { upid }),
    }
  },
  card: ({ name, vmid, type, node, disk, before, after }) => ({
    title: `${disk} of ${name} is ${bytes(after)} now`,
    tone: 'ok',
    text:
      type === 'qemu'
        ? `It was ${bytes(before)}. The partition on it has to be enlarged from inside.`
        : `It was ${bytes(before)}.`,
    footer: guestPlace({ vmid, type, node }),
  }),
})

const units: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 }

/** `8G`, `512M`, `1.5T`; a bare number is bytes, as Proxmox writes it. */
export function sizeIn(text: string | undefined): number | undefined {
  const [, number, unit = ''] = /^\+?(\d+(?:\.\d+)?)\s?([KMGT]?)(?:i?B)?$/i.exec(text ?? '') ?? []
  return number === undefined ? undefined : Math.round(Number(number) * (units[unit.toUpperCase()] ?? 1))
}

async function look(guest: GuestRef, disk: string, { proxmox }: Services, signal: AbortSignal) {
  const config = await proxmox.guestConfig(guest, signal)
  const mount = mountsOf(guest.type, configLines(config)).find(({ key }) => key === disk)
  return { size: sizeIn(mount?.size) ?? 0 }
}

async function find(wanted: Input, { lab, proxmox }: Services, signal: AbortSignal) {
  const { name, guest } = await one(lab, wanted.guest, signal)
  const config = await proxmox.guestConfig(guest, signal)
  const lines = configLines(config)
  const mount = diskOf(name, guest, lines, wanted.disk)
  const { key: disk } = mount
  const before = sizeIn(mount.size)
  if (before === undefined)
    throw new HomelabError('conflict', `Proxmox does not say how large ${disk} of ${name} is.`, {
      hint:
        guest.type === 'lxc'
          ? `On its node: pct rescan --vmid ${guest.vmid}`
          : `On its node: qm disk rescan --vmid ${guest.vmid}`,
    })
  const given = sizeIn(wanted.size) ?? 0
  // Whole MiB, as storages have them.
  const after = Math.ceil((wanted.size.startsWith('+') ? before + given : given) / 2 ** 20) * 2 ** 20
  if (after <= before)
    throw new HomelabError(
      'conflict',
      `${disk} of ${name} is ${bytes(before)} already: a disk only gets larger.`,
      { hint: 'A smaller one needs a new guest: restore its archive with another size.' },
    )
  return { name, guest, disk, before, after, digest: String(config.digest ?? '') }
}

/** @throws HomelabError `not-found` for one that it does not have, `usage` with the choice, `conflict` for what is of the host */
function diskOf(name: string, guest: GuestRef, lines: GuestConfig, wanted: string | undefined): Mount {
  const all = mountsOf(guest.type, lines)
  const own = all.filter(({ kind, key }) => kind === 'volume' && !/^(efidisk|tpmstate)/.test(key))
  const there = `It has ${own.map(({ key }) => key).join(', ') || 'none'}.`
  if (wanted !== undefined) {
    const found = all.find(({ key }) => key === wanted.toLowerCase())
    if (found === undefined)
      throw new HomelabError('not-found', `${name} has no disk ${wanted}.`, { hint: there })
    if (!own.includes(found))
      throw new HomelabError(
        'conflict',
        `${found.key} of ${name} is ${found.source}: nothing of Proxmox to enlarge.`,
        {
          hint: there,
        },
      )
    return found
  }
  const root =
    own.find(({ key }) => key === 'rootfs' || key === bootDisk(lines)) ??
    (own.length === 1 ? own[0] : undefined)
  if (root !== undefined) return root
  throw new HomelabError('usage', `Which disk of ${name}?`, { hint: `Say \`disk:\`. ${there}` })
}

/** `order=scsi0;net0` → the first that is a disk. */
export const bootDisk = ({ boot = '' }: GuestConfig): string | undefined =>
  /order=([^,]*)/
    .exec(boot)?.[1]
    ?.split(';')
    .find((device) => /^(scsi|virtio|sata|ide)\d+$/.test(device))
