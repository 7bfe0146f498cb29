/** A Linux software RAID, by /proc/mdstat. */
import { HomelabError } from '../errors.ts'
import type { Shell } from '../ports.ts'
import type { StorageProblem } from './measure.ts'

export interface RaidState {
  /** `md0` */
  readonly name: string
  /** `missing`: it is not in /proc/mdstat at all. */
  readonly state: 'active' | 'inactive' | 'missing'
  /** Members it should have, and those that work. */
  readonly want?: number
  readonly have?: number
  /** `sdd1` */
  readonly failed: readonly string[]
  readonly work?: {
    readonly kind: 'recovery' | 'resync' | 'check' | 'reshape'
    readonly percent: number
    /** As the kernel says it: `127.5min`. */
    readonly left?: string
  }
}

const TIMEOUT_MS = 10_000

/** @throws HomelabError when it cannot be read */
export async function readRaid(shell: Shell, device: string, signal: AbortSignal): Promise<RaidState> {
  const result = await shell.exec(['cat', '/proc/mdstat'], { signal, timeoutMs: TIMEOUT_MS })
  if (result.code !== 0)
    throw new HomelabError('failed', `/proc/mdstat cannot be read: ${result.stderr.trim() || 'no answer'}`)
  return raidIn(result.stdout, device)
}

const kinds = ['recovery', 'resync', 'check', 'reshape'] as const

/** @see Documentation/admin-guide/md.rst of Linux: `[6/5] [UUUUU_]` is a missing member, `(F)` a failed one */
export function raidIn(mdstat: string, device: string): RaidState {
  const name = device.replace('/dev/', '')
  const lines = mdstat.split('\n')
  const at = lines.findIndex((line) => line.startsWith(`${name} :`))
  if (at < 0) return { name, state: 'missing', failed: [] }
  const end = lines.findIndex((line, index) => index > at && line.trim() === '')
  const block = lines.slice(at, end < 0 ? undefined : end).join('\n')
  const [, want, have] = /\[(\d+)\/(\d+)\]/.exec(block) ?? []
  const failed = [...block.matchAll(/(\w+)\[\d+\]\(F\)/g)].map((match) => match[1] ?? '')
  const [, what, percent] = /(recovery|resync|check|reshape)\s*=\s*([\d.]+)%/.exec(block) ?? []
  const left = /finish=([\d.]+min)/.exec(block)?.[1]
  const kind = kinds.find((each) => each === what)
  return {
    name,
    state: /\binactive\b/.test(lines[at] ?? '') ? 'inactive' : 'active',
    ...(want === undefined || have === undefined ? {} : { want: Number(want), have: Number(have) }),
    failed,
    ...(kind === undefined
      ? {}
      : { work: { kind, percent: Number(percent), ...(left === undefined ? {} : { left }) } }),
  }
}

/** The worst first. A check that goes on is none. */
export function raidProblems({ name, state, want, have, failed, work }: RaidState): StorageProblem[] {
  if (state === 'missing')
    return [{ severity: 'error', text: `/dev/${name} is not in /proc/mdstat: the RAID is not running` }]
  const problems: StorageProblem[] = []
  if (state === 'inactive') problems.push({ severity: 'error', text: `RAID ${name} is inactive` })
  if (want !== have) {
    const which = failed.length === 0 ? '' : ` (failed: ${failed.join(', ')})`
    problems.push({
      severity: 'error',
      text: `RAID ${name} is degraded: ${have} of ${want} disks${which}`,
    })
  } else if (failed.length > 0) {
    problems.push({ severity: 'warning', text: `RAID ${name} has a failed disk: ${failed.join(', ')}` })
  }
  if (work !== undefined && work.kind !== 'check')
    problems.push({ severity: 'warning', text: `RAID ${name}: ${work.kind} at ${work.percent}%` })
  return problems
}
