/** Whether an archive comes up as a guest, tried on a copy; what was seen is kept in the notes of the archive. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Tone } from '../operation/card.ts'
import type { Json, Verbs } from '../operation/types.ts'
import { bytes, duration } from '../operation/view.ts'
import type { Clock, Shell } from '../ports.ts'
import { isFull } from '../proxmox/backup-errors.ts'
import { typeOfArchive } from '../proxmox/backups.ts'
import { mountsOf } from '../proxmox/guest-config.ts'
import type { GuestType, Overview } from '../proxmox/types.ts'
import { type CopySystem, changeMarks, failedAt, type Marks, passed, type Tried } from './archive-notes.ts'
import { drillGuest, type GuestDrillServices } from './guest-drill.ts'
import { gibOf } from './scratch.ts'

export interface ArchiveToTry {
  /** On which it is restored. */
  readonly node: string
  readonly volid: string
  /** Where the copy's disks go. */
  readonly storage: string
}

export interface ArchiveTried extends Tried {
  readonly vmid: number
  readonly restoreSeconds: number
  readonly bootSeconds: number
  /** Mount points that are in no archive, so that nothing was proven of them. */
  readonly leftOut: readonly string[]
  /** Of one that is `degraded`: the units that failed. */
  readonly units: readonly string[]
  /** Why the notes of the archive do not say it. */
  readonly unkept: string | null
}

/** What there is to say of a copy, and no more. */
export const copyWords: Readonly<
  Record<CopySystem, { readonly does: string; readonly tone: Tone; readonly known: string }>
> = {
  running: { does: 'boots', tone: 'ok', known: 'came up' },
  degraded: {
    does: 'boots',
    tone: 'warning',
    known: 'came up; some of its units failed, with the network off',
  },
  answers: {
    does: 'runs',
    tone: 'neutral',
    known: 'it has no systemd to ask: a program runs in the copy; whether its system comes up is not known',
  },
  started: {
    does: 'starts',
    tone: 'neutral',
    known: 'its copy starts; whether its system comes up is not known',
  },
}

/** Units that fail wherever there is no network. */
const wantsNetwork =
  /^(?:networking|(?:ifupdown|systemd-networkd|NetworkManager|connman)-wait-online(?:@.*)?)\.service$/

/** The same with the names of the units that failed. */
export function copySeen({
  system,
  units,
}: {
  readonly system: CopySystem
  readonly units: readonly string[]
}) {
  const words = copyWords[system]
  if (system !== 'degraded' || units.length === 0) return words
  const usual = units.every((unit) => wantsNetwork.test(unit))
  return {
    ...words,
    tone: usual ? ('ok' as const) : words.tone,
    known: `came up; with the network off ${units.join(', ')} failed`,
  }
}

/** Commands run inside containers alone, and only with a way to their node. */
export const canLook = (type: GuestType | undefined, node: string, { shells }: GuestDrillServices): boolean =>
  type === 'lxc' && shells.has(node)

/** A name for the run, in the notes of the copy: only a guest that carries it is destroyed. */
export const copyRun = (): string =>
  `d${Array.from({ length: 9 }, () => Math.floor(Math.random() * 36).toString(36)).join('')}`

/**
 * Restored, started, asked, destroyed, and noted on the archive.
 * @throws HomelabError of what did not work. That it did not is noted as well, where it was the archive or its copy
 */
export async function tryArchive(
  { run, node, volid, storage }: ArchiveToTry & { readonly run: string },
  services: GuestDrillServices,
  verbs: Verbs,
): Promise<ArchiveTried> {
  const { clock, proxmox } = services
  const check = (shell: Shell, signal: AbortSignal) => systemOf(shell, clock, signal)
  const looked = canLook(typeOfArchive(volid), node, services)
  const request = { run, node, archive: volid, storage, ...(looked ? { check } : {}) }
  const done = await drillGuest(request, services, verbs).catch(async (error: unknown) => {
    const whose = verbs.signal.aborted ? undefined : blame(error)
    if (whose !== undefined) await noteFailure(whose, { node, volid }, services, verbs)
    throw error
  })
  const { system, units } = (done.check ?? { system: 'started', units: [] }) as unknown as SystemSeen
  const kept = await verbs.step('drill: note', async () => {
    const at = clock.now().getTime()
    return {
      at,
      unkept: await noted(
        () => changeMarks(proxmox.backups, { node, archive: volid }, passed({ at, system })),
        verbs,
      ),
    }
  })
  const { vmid, restoreSeconds, bootSeconds, leftOut } = done
  return { ...kept, vmid, restoreSeconds, bootSeconds, system, units, leftOut }
}

/** What a drill came to that did not pass: `archive` failed, or `nobody` knows more of it than before. */
type Blamed = 'archive' | 'nobody'

/** undefined: it can be tried again at once, as nothing was tried. By code and data alone: a run keeps no classes. */
export function blame(error: unknown): Blamed | undefined {
  if (!isHomelabError(error)) return undefined
  if (['cancelled', 'unreachable', 'untrusted', 'locked'].includes(error.code)) return undefined
  return isOfArchive(error) ? 'archive' : 'nobody'
}

/** How a task ends that a person, a signal or its node's end stopped, whatever it wrote on the way. */
const stopped = /unexpected status|interrupt|got signal/i

/** Only what a task or a look at the copy itself has said: that a call got no answer is no word of the archive. */
function isOfArchive(error: HomelabError): boolean {
  const { ofArchive, exitStatus } = error.data ?? {}
  if (!['failed', 'timeout'].includes(error.code) || ofArchive === false || isFull(error)) return false
  if (typeof exitStatus === 'string') return !stopped.test(exitStatus)
  return ofArchive === true
}

/** It proves nothing, and is another guest's turn next all the same. */
export async function noteFailure(
  whose: Blamed,
  { node, volid }: Pick<ArchiveToTry, 'node' | 'volid'>,
  { clock, proxmox }: Pick<GuestDrillServices, 'clock' | 'proxmox'>,
  verbs: Verbs,
): Promise<void> {
  await verbs.step('drill: note the failure', async () => {
    const at = clock.now().getTime()
    const change = whose === 'archive' ? failedAt(at) : (marks: Marks): Marks => ({ ...marks, tried: at })
    return await noted(() => changeMarks(proxmox.backups, { node, archive: volid }, change), verbs)
  })
}

/** @returns why it was not */
async function noted(note: () => Promise<void>, verbs: Verbs): Promise<string | null> {
  try {
    await note()
    return null
  } catch (error) {
    verbs.signal.throwIfAborted()
    if (!isHomelabError(error)) throw error
    verbs.log(`the notes of the archive: ${error.message}`)
    return error.message
  }
}

export interface CopyRoom {
  readonly storage: string
  /** That its disks may grow to. */
  readonly bytes: number
  /** Of the storage; not known without a figure of it. */
  readonly free?: number
}

/** Of a storage that stays free: what writes to it meanwhile are the guests that live there. */
const marginShare = 0.1

/**
 * What the copy takes, and whether there is room. What a container's root file system uses now is the best guess at what
 * that of its copy will; of other volumes, and of VMs, nobody says what they use.
 * @throws HomelabError `conflict` when there is none
 */
export function roomForCopy(
  {
    node,
    storage,
    type,
    config,
  }: Pick<ArchiveToTry, 'node' | 'storage'> & {
    readonly type: GuestType
    readonly config: Readonly<Record<string, string>>
  },
  { guests, storages }: Pick<Overview, 'guests' | 'storages'>,
  vmid: number,
): CopyRoom {
  const sizes = mountsOf(type, config)
    .filter(({ inArchive }) => inArchive)
    .map((mount) => ({ key: mount.key, size: (gibOf(mount.size) ?? 0) * 2 ** 30 }))
  const size = sizes.reduce((sum, mount) => sum + mount.size, 0)
  const place = storages.find((each) => each.storage === storage && each.node === node)
  if (place === undefined || place.total === 0) return { storage, bytes: size }
  const free = place.total - place.used
  const used = guests.find((each) => each.vmid === vmid && each.type === type)?.disk ?? 0
  const root = type === 'lxc' ? (sizes.find(({ key }) => key === 'rootfs')?.size ?? 0) : 0
  const needed = used === 0 ? size : size - root + Math.min(used, root)
  const margin = place.total * marginShare
  if (needed + margin > free)
    throw new HomelabError(
      'conflict',
      `There is no room for a copy on ${storage}: it needs ${bytes(needed)}, ${bytes(free)} are free, and ${bytes(margin)} are to stay so.`,
      {
        hint: `Say another with \`guest drill ${vmid} storage:…\`, or make room: \`storage show ${storage}\`.`,
        data: { storage, node, needed, free, margin },
      },
    )
  return { storage, bytes: size, free }
}

/** What a drill does, and what it costs meanwhile. */
export const drillSteps = (
  archiveBytes: number,
  { storage, bytes: size, free }: CopyRoom,
  looked: boolean,
): readonly string[] => [
  `${bytes(archiveBytes)} of archive are restored to ${storage} under a VMID from 9900 on, with the network off`,
  `its disks take up to ${bytes(size)} meanwhile; ${free === undefined ? `how much ${storage} has free is not known` : `${storage} has ${bytes(free)} free`}`,
  looked
    ? 'the copy is started, and asked whether its system came up'
    : 'the copy is started; whether its system comes up is not looked at',
  'the copy is destroyed; what was seen is written into the notes of the archive',
]

/** Without a network some services wait for it as long as they may: five minutes is Debian's own. */
const comesUpMs = 600_000

interface SystemSeen {
  readonly system: CopySystem
  /** That failed, of one that is `degraded`; [] as well when it does not say. */
  readonly units: readonly string[]
}

/**
 * Whether the system of a container came up.
 * @throws HomelabError `failed` or `timeout` when it did not
 */
export async function systemOf(
  shell: Shell,
  clock: Clock,
  signal: AbortSignal,
): Promise<SystemSeen & { [key: string]: Json }> {
  const until = clock.monotonic() + comesUpMs
  for (;;) {
    const timeoutMs = Math.max(1_000, until - clock.monotonic())
    const { code, stdout, stderr } = await stateOf(shell, timeoutMs, signal)
    const state = stdout.trim()
    if (state === 'running') return { system: state, units: [] }
    if (state === 'degraded') return { system: state, units: await failedUnits(shell, signal) }
    if (code === 126 || code === 127) return { system: await answers(shell, signal), units: [] }
    if (state === 'maintenance')
      throw new HomelabError('failed', 'The system of the copy is in its emergency mode.', {
        hint: 'Restore it with `guest restore`, and look at its journal.',
        data: { ofArchive: true },
      })
    if (clock.monotonic() >= until)
      throw new HomelabError(
        'timeout',
        `The system of the copy did not come up: after ${duration(comesUpMs)} it is ${state || stderr.trim() || 'silent'}.`,
        { data: { ofArchive: true } },
      )
    // Right after its start nothing of systemd may be there to be asked, and old ones do not wait.
    await clock.sleep(2_000, signal)
  }
}

/** @throws HomelabError `timeout` when it does not answer at all, which may be the way to it as well */
async function stateOf(shell: Shell, timeoutMs: number, signal: AbortSignal) {
  const argv = ['systemctl', 'is-system-running']
  try {
    return await shell.exec([...argv, '--wait'], { signal, timeoutMs })
  } catch (error) {
    if (!isHomelabError(error) || error.code !== 'timeout' || error.data?.started !== true) throw error
    // It waited for all the time there was: what it has come to is the answer.
    return await shell.exec(argv, { signal, timeoutMs: 30_000 })
  }
}

async function failedUnits(shell: Shell, signal: AbortSignal): Promise<string[]> {
  const argv = ['systemctl', 'list-units', '--failed', '--plain', '--no-legend', '--no-pager']
  const { stdout } = await shell.exec(argv, { signal })
  return stdout.split('\n').flatMap((line) => line.trim().split(/\s+/)[0] || [])
}

async function answers(shell: Shell, signal: AbortSignal): Promise<'answers'> {
  const { code, stderr } = await shell.exec(['/bin/true'], { signal })
  if (code === 0) return 'answers'
  throw new HomelabError('failed', `No program runs in the copy: ${stderr.trim() || `code ${code}`}`, {
    data: { ofArchive: true },
  })
}
