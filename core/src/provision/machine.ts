/** A VM template, and what a clone of it can have otherwise: the size of its disk, its bridge, and by cloud-init its address. */
import { HomelabError } from '../errors.ts'
import { bootDisk, sizeIn } from '../operations/guest/resize.ts'
import { configLines, mountsOf, option } from '../proxmox/guest-config.ts'
import type { GuestRef, Proxmox } from '../proxmox/types.ts'
import type { Blueprint } from './blueprint.ts'
import type { Wanted } from './wanted.ts'

const GIB = 2 ** 30

/** Plain JSON: it is kept with the run. */
export interface Machine {
  /** The disk that it boots from, such as `scsi0`; empty when that cannot be told: then no clone gets a larger one. */
  readonly disk: string
  /** Of that disk. */
  readonly bytes: number
  /** Of all its disks. */
  readonly total: number
  /** Of its first card; empty when it has none. */
  readonly bridge: string
  /** It has a drive for cloud-init, so that Proxmox tells it its address. */
  readonly cloudInit: boolean
  /** Its own address is written in it: two clones would have the same one. */
  readonly fixed: boolean
  /** Its guest agent is asked for its addresses. */
  readonly agent: boolean
}

export async function machineOf(
  template: GuestRef,
  proxmox: Pick<Proxmox, 'guestConfig'>,
  signal: AbortSignal,
): Promise<Machine> {
  const lines = configLines(await proxmox.guestConfig(template, signal))
  const disks = mountsOf('qemu', lines).filter(({ kind }) => kind === 'volume')
  const own = disks.filter(({ key }) => !/^(efidisk|tpmstate)/.test(key))
  const root = own.find(({ key }) => key === bootDisk(lines)) ?? (own.length === 1 ? own[0] : undefined)
  const address = option(lines.ipconfig0 ?? '', 'ip')
  return {
    disk: root?.key ?? '',
    bytes: sizeIn(root?.size) ?? 0,
    total: disks.reduce((sum, { size }) => sum + (sizeIn(size) ?? 0), 0),
    bridge: option(lines.net0 ?? '', 'bridge') ?? '',
    cloudInit: Object.entries(lines).some(
      ([key, value]) =>
        /^(ide|sata|scsi|virtio)\d+$/.test(key) && /[:/](vm-\d+-)?cloudinit(\.\w+)?(,|$)/.test(value),
    ),
    fixed: address !== undefined && address !== 'dhcp',
    agent: (lines.agent ?? '').split(',').some((part) => /^(enabled=)?1$/.test(part)),
  }
}

/** Bytes that its disk grows to; 0: it stays as its template has it. */
export const growsTo = ({ disk: gib }: Pick<Blueprint, 'disk'>, { disk, bytes }: Machine): number =>
  disk !== '' && gib * GIB > bytes ? gib * GIB : 0

/** Bytes that all its disks take. */
export const sizeOf = (blueprint: Pick<Blueprint, 'disk'>, machine: Machine): number =>
  machine.total + Math.max(0, growsTo(blueprint, machine) - machine.bytes)

/** @throws HomelabError `usage` for an address that nobody could tell the VM */
export function assertAddressable(
  { ip, gateway }: Wanted,
  template: string | number,
  { cloudInit }: Machine,
): void {
  if (ip === undefined && gateway === undefined) return
  if (!cloudInit)
    throw new HomelabError(
      'usage',
      `The template ${template} has no drive for cloud-init: a VM of it sets its own address.`,
      {
        hint: 'Leave `ip` and `gateway` out and set them in the VM, or give the template such a drive: `qm set VMID --ide2 STORAGE:cloudinit`.',
      },
    )
  if (ip === undefined)
    throw new HomelabError('usage', 'A gateway goes with an address of its own.', {
      hint: 'Say `ip:` too, or leave `gateway` out: DHCP names one.',
    })
}

/** @param exposed whether it is to have a name outside @throws HomelabError `conflict` when nobody would know where it is */
export function agentWarnings(
  { ip }: Wanted,
  template: string | number,
  { agent }: Machine,
  exposed: boolean,
): readonly string[] {
  if (agent || ip !== undefined) return []
  if (exposed)
    throw new HomelabError(
      'conflict',
      `Nobody would know the address of a VM from ${template}: it has no guest agent.`,
      {
        hint: 'Install qemu-guest-agent in the template and set its option `agent: 1`; or say `ip:`, or `expose:false`.',
      },
    )
  return [
    `${template} has no guest agent (\`agent: 1\`): its address will not be known, and Prometheus is not told of it.`,
  ]
}

/** What its plan should say of its disk. */
export function diskWarnings(
  { disk: asked }: Wanted,
  blueprint: Pick<Blueprint, 'disk'>,
  machine: Machine,
): readonly string[] {
  if (growsTo(blueprint, machine) > 0)
    return machine.cloudInit
      ? []
      : ['Its disk gets larger; the partition on it has to be enlarged from inside.']
  if (asked === undefined || asked * GIB === machine.bytes) return []
  return machine.disk === ''
    ? ["Which of the template's disks it boots from cannot be told: `disk` is not used."]
    : ["Its template's disk is larger than `disk`, and stays so: a disk never gets smaller."]
}
