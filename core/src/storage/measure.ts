/**
 * Folders on a node that Proxmox does not know as storages (a RAID mounted at /Apollo), measured over SSH:
 * free space by df, the RAID by /proc/mdstat, the disks by smartctl.
 */
import { isHomelabError } from '../errors.ts'
import type { StorageEntry } from '../inventory/schema.ts'
import type { Shell } from '../ports.ts'
import type { Shells } from '../shell/types.ts'

export interface Measure {
  /** Bytes; absent when it could not be measured. */
  readonly used?: number
  readonly total?: number
  /** What is wrong, in words; [] when all is well. */
  readonly problems: readonly { readonly severity: 'warning' | 'error'; readonly text: string }[]
}

const TIMEOUT_MS = 10_000

/** Never throws but for an aborted signal: what cannot be measured is a problem in the result. */
export async function measure(
  entry: StorageEntry,
  node: string,
  shells: Shells,
  signal: AbortSignal,
): Promise<Measure> {
  if (!shells.has(node)) {
    return {
      problems: [{ severity: 'warning', text: `not measured: homelab.yaml has no proxmox.ssh.${node}` }],
    }
  }
  const shell = shells.host(node)
  const [space, raid, ...disks] = await Promise.all([
    entry.path === undefined || entry.storage !== undefined
      ? { problems: [] }
      : guarded('df', () => freeSpace(shell, entry.path ?? '', signal), signal),
    entry.raid === undefined
      ? { problems: [] }
      : guarded('RAID', () => raidState(shell, entry.raid ?? '', signal), signal),
    ...(entry.disks ?? []).map((disk) => guarded(disk, () => diskState(shell, disk, signal), signal)),
  ])
  return { ...space, problems: [space, raid, ...disks].flatMap((part) => part.problems) }
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
  // An unmounted RAID leaves its empty folder behind, and df then measures the root disk.
  const problems =
    mount === '/' && path !== '/' ? [{ severity: 'error' as const, text: `${path} is not mounted` }] : []
  return { used: Number(used), total: Number(total), problems }
}

/** @see Documentation/admin-guide/md.rst of Linux: `[6/5] [UUUUU_]` is a missing member, `(F)` a failed one */
async function raidState(shell: Shell, device: string, signal: AbortSignal): Promise<Measure> {
  const result = await shell.exec(['cat', '/proc/mdstat'], { signal, timeoutMs: TIMEOUT_MS })
  const name = device.replace('/dev/', '')
  const lines = result.stdout.split('\n')
  const at = lines.findIndex((line) => line.startsWith(`${name} :`))
  if (at < 0)
    return {
      problems: [{ severity: 'error', text: `${device} is not in /proc/mdstat: the RAID is not running` }],
    }
  const end = lines.findIndex((line, index) => index > at && line.trim() === '')
  const block = lines.slice(at, end < 0 ? undefined : end).join('\n')
  const members = /\[(\d+)\/(\d+)\]/.exec(block)
  const failed = [...block.matchAll(/(\w+)\[\d+\]\(F\)/g)].map((match) => match[1])
  const rebuild = /(recovery|resync|check|reshape)\s*=\s*([\d.]+%)/.exec(block)
  const problems: { severity: 'warning' | 'error'; text: string }[] = []
  if (/\binactive\b/.test(lines[at] ?? ''))
    problems.push({ severity: 'error', text: `RAID ${name} is inactive` })
  if (members !== null && members[1] !== members[2]) {
    const which = failed.length === 0 ? '' : ` (failed: ${failed.join(', ')})`
    problems.push({
      severity: 'error',
      text: `RAID ${name} is degraded: ${members[2]} of ${members[1]} disks${which}`,
    })
  } else if (failed.length > 0) {
    problems.push({ severity: 'warning', text: `RAID ${name} has a failed disk: ${failed.join(', ')}` })
  }
  if (rebuild !== null && rebuild[1] !== 'check') {
    problems.push({ severity: 'warning', text: `RAID ${name}: ${rebuild[1]} at ${rebuild[2]}` })
  }
  return { problems }
}

/** Bits of smartctl's exit code (man smartctl, RETURN VALUES): 3 = the disk is failing, 4 = prefail attributes below threshold. */
const FAILING = 1 << 3
const PREFAIL = 1 << 4
const CANNOT_OPEN = 1 << 1

async function diskState(shell: Shell, disk: string, signal: AbortSignal): Promise<Measure> {
  // A sleeping disk is left asleep (exit code 2 with -n standby): asking must not wear it out.
  const result = await shell.exec(['smartctl', '-n', 'standby', '-H', disk], {
    signal,
    timeoutMs: TIMEOUT_MS,
  })
  const code = result.code ?? 0
  if (/STANDBY|SLEEP/i.test(result.stdout)) return { problems: [] }
  if ((code & FAILING) !== 0 || /result:\s*FAILED/i.test(result.stdout)) {
    return { problems: [{ severity: 'error', text: `${disk} is failing: SMART says FAILED` }] }
  }
  if ((code & PREFAIL) !== 0)
    return { problems: [{ severity: 'warning', text: `${disk}: a SMART attribute is below its threshold` }] }
  if (code === 127)
    return { problems: [{ severity: 'warning', text: `${disk}: smartctl is not installed on the node` }] }
  if ((code & CANNOT_OPEN) !== 0)
    return { problems: [{ severity: 'warning', text: `${disk} does not answer smartctl` }] }
  return { problems: [] }
}
