/**
 * Folders on a node that Proxmox does not know as storages (a RAID mounted at /Apollo), measured over SSH:
 * free space by df, the RAID by /proc/mdstat, the disks by smartctl.
 */
import { isHomelabError } from '../errors.ts'
import type { StorageEntry } from '../inventory/schema.ts'
import type { Shell } from '../ports.ts'
import type { Shells } from '../shell/types.ts'
import { raidProblems, readRaid } from './raid.ts'
import { diskProblems, readDisk } from './smart.ts'

export interface StorageProblem {
  readonly severity: 'warning' | 'error'
  readonly text: string
}

export interface Measure {
  /** Bytes; absent when it could not be measured. */
  readonly used?: number
  readonly total?: number
  /** What is measured at its path is the root disk. */
  readonly unmounted?: true
  /** What is wrong, in words; [] when all is well. */
  readonly problems: readonly StorageProblem[]
}

const TIMEOUT_MS = 10_000

/**
 * Never throws but for an aborted signal: what cannot be measured is a problem in the result.
 * @param only the space: neither the RAID nor the disks are asked
 */
export async function measure(
  entry: StorageEntry,
  node: string,
  shells: Shells,
  signal: AbortSignal,
  only?: 'space',
): Promise<Measure> {
  if (!shells.has(node)) {
    return {
      problems: [{ severity: 'warning', text: `not measured: homelab.yaml has no proxmox.ssh.${node}` }],
    }
  }
  const shell = shells.host(node)
  const { path, storage, raid: device, disks: all = [] } = entry
  const [space, ...others] = await Promise.all([
    path === undefined || storage !== undefined
      ? { problems: [] }
      : guarded('df', () => freeSpace(shell, path, signal), signal),
    ...(device === undefined || only === 'space'
      ? []
      : [
          guarded(
            'RAID',
            async () => ({ problems: raidProblems(await readRaid(shell, device, signal)) }),
            signal,
          ),
        ]),
    ...(only === 'space' ? [] : all).map((disk) =>
      guarded(disk, async () => ({ problems: diskProblems(await readDisk(shell, disk, signal)) }), signal),
    ),
  ])
  return { ...space, problems: [space, ...others].flatMap((part) => part.problems) }
}

async function guarded(what: string, work: () => Promise<Measure>, signal: AbortSignal): Promise<Measure> {
  try {
    return await work()
  } catch (error) {
    signal.throwIfAborted()
    if (!isHomelabError(error)) throw error
    return { problems: [{ severity: 'warning', text: `${what} could not be asked: ${error.message}` }] }
  }
}

async function freeSpace(shell: Shell, path: string, signal: AbortSignal): Promise<Measure> {
  const result = await shell.exec(['df', '-B1', '-P', '--', path], { signal, timeoutMs: TIMEOUT_MS })
  const [, total, used, , , mount] =
    /^\S+\s+(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(.+)$/m.exec(result.stdout.split('\n').slice(1).join('\n')) ?? []
  if (result.code !== 0 || total === undefined || used === undefined) {
    return {
      problems: [
        {
          severity: 'error',
          text: `${path} cannot be measured: ${result.stderr.trim() || 'df printed nothing'}`,
        },
      ],
    }
  }
  const measured = { used: Number(used), total: Number(total) }
  // An unmounted RAID leaves its empty folder behind, and df then measures the root disk.
  return mount === '/' && path !== '/'
    ? { ...measured, unmounted: true, problems: [{ severity: 'error', text: `${path} is not mounted` }] }
    : { ...measured, problems: [] }
}
