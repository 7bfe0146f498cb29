/** Whether an archive comes up as a guest, tried on a copy; what was seen is kept in the notes of the archive. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Tone } from '../operation/card.ts'
import type { Verbs } from '../operation/types.ts'
import { bytes, duration } from '../operation/view.ts'
import type { Clock, Shell } from '../ports.ts'
import { typeOfArchive } from '../proxmox/backups.ts'
import { mountsOf } from '../proxmox/guest-config.ts'
import type { GuestType, Overview } from '../proxmox/types.ts'
import { type CopySystem, changeMarks, copySystems, passed, type Tried } from './archive-notes.ts'
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
  /** Why the notes of the archive do not say it. */
  readonly unkept: string | null
}

/** What there is to say of a copy, and no more. */
export const copyWords: Readonly<
  Record<CopySystem, { readonly does: string; readonly tone: Tone; readonly known: string }>
> = {
  running: { does: 'boots', tone: 'ok', known: 'came up' },
  // With its network off this is usual.
  degraded: { does: 'boots', tone: 'ok', known: 'came up; some of its units failed, with the network off' },
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
  const place = { node, archive: volid }
  const check = (shell: Shell, signal: AbortSignal) => systemOf(shell, clock, signal)
  const looked = canLook(typeOfArchive(volid), node, services)
  const request = { run, node, archive: volid, storage, ...(looked ? { check } : {}) }
  const done = await drillGuest(request, services, verbs).catch(async (error: unknown) => {
    if (verbs.signal.aborted || !isHomelabError(error) || !['failed', 'timeout'].includes(error.code))
      throw error
    // It proves nothing, and is another guest's turn next all the same.
    await verbs.step('drill: note the failure', async () => {
      const failed = clock.now().getTime()
      return await noted(() => changeMarks(proxmox.backups, place, (marks) => ({ ...marks, failed })), verbs)
    })
    throw error
  })
  const system = copySystems.find((each) => each === done.check) ?? 'started'
  const kept = await verbs.step('drill: note', async () => {
    const at = clock.now().getTime()
    return {
      at,
      unkept: await noted(() => changeMarks(proxmox.backups, place, passed({ at, system })), verbs),
    }
  })
  const { vmid, restoreSeconds, bootSeconds, leftOut } = done
  return { ...kept, vmid, restoreSeconds, bootSeconds, system, leftOut }
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

/**
 * What the copy takes, and whether there is room.
 * @param guest as it is now, when it is there: what it uses is the best guess at what its copy will
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
  const size = mountsOf(type, config)
    .filter(({ inArchive }) => inArchive)
    .reduce((sum, mount) => sum + (gibOf(mount.size) ?? 0) * 2 ** 30, 0)
  const place = storages.find((each) => each.storage === storage && each.node === node)
  if (place === undefined || place.total === 0) return { storage, bytes: size }
  const free = place.total - place.used
  const used = guests.find((each) => each.vmid === vmid && each.type === type)?.disk ?? 0
  // Of a VM nobody knows what it uses.
  const needed = type === 'qemu' || used === 0 ? size : Math.min(used, size)
  if (needed > free)
    throw new HomelabError(
      'conflict',
      `There is no room for a copy on ${storage}: it needs ${bytes(needed)}, and ${bytes(free)} are free.`,
      {
        hint: `Say another with \`guest drill ${vmid} storage:…\`, or make room: \`storage show ${storage}\`.`,
        data: { storage, node, needed, free },
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

/**
 * Whether the system of a container came up.
 * @throws HomelabError `failed` or `timeout` when it did not
 */
export async function systemOf(shell: Shell, clock: Clock, signal: AbortSignal): Promise<CopySystem> {
  const until = clock.monotonic() + comesUpMs
  for (;;) {
    const timeoutMs = Math.max(1_000, until - clock.monotonic())
    const { code, stdout, stderr } = await shell.exec(['systemctl', 'is-system-running', '--wait'], {
      signal,
      timeoutMs,
    })
    const state = stdout.trim()
    if (state === 'running' || state === 'degraded') return state
    if (code === 126 || code === 127) return await answers(shell, signal)
    if (state === 'maintenance')
      throw new HomelabError('failed', 'The system of the copy is in its emergency mode.', {
        hint: 'Restore it with `guest restore`, and look at its journal.',
      })
    if (clock.monotonic() >= until)
      throw new HomelabError(
        'timeout',
        `The system of the copy did not come up: after ${duration(comesUpMs)} it is ${state || stderr.trim() || 'silent'}.`,
      )
    // Right after its start nothing of systemd may be there to be asked, and old ones do not wait.
    await clock.sleep(2_000, signal)
  }
}

async function answers(shell: Shell, signal: AbortSignal): Promise<'answers'> {
  const { code, stderr } = await shell.exec(['/bin/true'], { signal })
  if (code === 0) return 'answers'
  throw new HomelabError('failed', `No program runs in the copy: ${stderr.trim() || `code ${code}`}`)
}
