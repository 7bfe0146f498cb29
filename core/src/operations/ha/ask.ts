/** What the changes of HA share: the guest, what it means for it, and its end read from the guest itself. */
import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import type { Target } from '../../inventory/types.ts'
import type { Needed } from '../../operation/types.ts'
import { guestPlace } from '../../operation/view.ts'
import type { GuestConfig } from '../../proxmox/backup-types.ts'
import type { HaState } from '../../proxmox/cluster-types.ts'
import { configLines, mountsOf, option } from '../../proxmox/guest-config.ts'
import type { Overview } from '../../proxmox/types.ts'
import { one } from '../guest/one.ts'
import { nextLook } from '../guest/pace.ts'

export const haNeeds = ['lab', 'proxmox', 'clock'] as const
export type HaServices = Needed<typeof haNeeds>

export const haState = z.enum(['started', 'stopped', 'disabled', 'ignored'])

export const HaOutput = z.object({
  name: z.string(),
  vmid: z.int(),
  type: z.enum(['lxc', 'qemu']),
  node: z.string(),
  /** What HA is asked for now; absent when it does not look after the guest any more. */
  wanted: z.string().optional(),
  /** What the guest is. */
  status: z.string(),
})
export type HaOutput = z.infer<typeof HaOutput>

/** Seconds that HA gets to start or stop the guest: a round of 10 s, and a clean shutdown. */
const ACT_SECONDS = 300

/** Looked up freshly: a guest that HA looks after may have been moved. */
export async function haTarget({ lab }: HaServices, name: string, signal: AbortSignal): Promise<Target> {
  await lab.overview({ fresh: true, signal })
  return await one(lab, name, signal)
}

/** Why HA could not start it on another node; [] when it could. */
export async function tiesOf(
  { guest }: Target,
  { lab, proxmox }: HaServices,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const config = configLines(await proxmox.guestConfig(guest, signal))
  const jobs = await proxmox.replication.jobs(signal).catch(() => [])
  signal.throwIfAborted()
  const replicated = jobs.some(({ vmid, disabled }) => vmid === guest.vmid && !disabled)
  return ties(guest, config, await lab.overview({ signal }), replicated)
}

export function ties(
  guest: Pick<Target['guest'], 'type' | 'node'>,
  config: GuestConfig,
  overview: Pick<Overview, 'storages'>,
  replicated: boolean,
): readonly string[] {
  const mounts = mountsOf(guest.type, config)
  const isShared = (volume: string): boolean =>
    overview.storages.some(
      ({ storage, node, shared }) => storage === volume.split(':')[0] && node === guest.node && shared,
    )
  const own = mounts.filter(
    ({ kind, key }) => kind !== 'volume' && option(config[key] ?? '', 'shared') !== '1',
  )
  const local = mounts.filter(({ kind, source }) => kind === 'volume' && !isShared(source))
  return [
    ...own.map(
      ({ key, source }) => `Its ${key} (${source}) is of ${guest.node} alone: HA cannot start it elsewhere.`,
    ),
    ...(local.length === 0
      ? []
      : replicated
        ? ['Its disks are replicated: started elsewhere, it is as it was at the last replication.']
        : [
            `Its disks are on ${guest.node} alone: when that is gone, HA has nothing to start elsewhere. Shared storage or \`replication add\` helps.`,
          ]),
  ]
}

/** HA needs a majority to act at all, and a node without one restarts itself. */
export async function quorumWarnings(
  { proxmox }: HaServices,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const cluster = await proxmox.cluster.status(signal).catch(() => undefined)
  signal.throwIfAborted()
  if (cluster === undefined) return []
  if (cluster.name === undefined)
    throw new HomelabError('conflict', 'There is no cluster: HA needs other nodes.', {
      hint: '`cluster status` shows it; Proxmox makes one under Datacenter → Cluster.',
    })
  const few = cluster.nodes.length < 3 && cluster.qdevice !== true
  return [
    'A node with guests of HA that loses the quorum restarts itself.',
    ...(few
      ? ['With two nodes and no QDevice there is no quorum when one is gone, so HA starts nothing.']
      : []),
  ]
}

/** What HA will do with the guest, in words. */
export function actOf({ guest, name }: Target, state: HaState): string {
  const running = guest.status === 'running'
  if (state === 'ignored') return `HA leaves ${name} as it is`
  if (state === 'started') return running ? `HA keeps ${name} running` : `HA starts ${name}, within some 10 s`
  return running ? `HA shuts ${name} down, within some 10 s` : `HA keeps ${name} stopped`
}

/** Waits until the guest is what HA was asked for. @throws HomelabError `timeout` */
export async function reached(
  { guest, name }: Target,
  state: HaState,
  { proxmox, clock }: HaServices,
  signal: AbortSignal,
): Promise<string> {
  const began = clock.monotonic()
  for (;;) {
    const { status } = await proxmox.guestStatus(guest, signal)
    if (state === 'ignored' || (status === 'stopped') === (state !== 'started')) return status
    if (clock.monotonic() - began >= ACT_SECONDS * 1000)
      throw new HomelabError(
        'timeout',
        `HA was asked for ${name} to be ${state}, but ${guestPlace(guest)} is ${status} after ${ACT_SECONDS} s.`,
        { hint: '`ha status` shows what HA does.', data: { vmid: guest.vmid, status } },
      )
    await clock.sleep(nextLook(clock.monotonic() - began), signal)
  }
}

export const haFields = ({ status, wanted }: HaOutput) => ({
  kind: 'fields' as const,
  fields: [
    { name: 'State', value: status },
    { name: 'HA', value: wanted === undefined ? 'does not look after it' : `is asked for ${wanted}` },
  ],
})
