/** How a disk is, by its own word: smartctl on the node. */
import { z } from 'zod'
import type { Shell } from '../ports.ts'
import type { StorageProblem } from './measure.ts'

export interface DiskState {
  /** `/dev/sda` */
  readonly disk: string
  /** `unseen`: nobody can say, and `why` says so. A disk that sleeps is left asleep: asking must not wear it out. */
  readonly health: 'passed' | 'failing' | 'asleep' | 'unseen'
  readonly why?: string
  /** What it says of its age, in words; a disk that still passes may be near its end. */
  readonly worn: readonly string[]
}

const TIMEOUT_MS = 10_000
/** Of the shell, when there is no such program. As smartctl's they would be all bits at once. */
const NO_PROGRAM = [126, 127]
/** Bits of smartctl's exit code (man smartctl, RETURN VALUES): 0 = it did not understand us, 3 = the disk is failing, 4 = prefail attributes below threshold. */
const NOT_UNDERSTOOD = 1
const FAILING = 1 << 3
const PREFAIL = 1 << 4
const CANNOT_OPEN = 1 << 1
/** Percent of its life that a disk has left when it is worth a warning. */
const WORN_PERCENT = 10

const Smart = z.object({
  smart_status: z.object({ passed: z.boolean() }).optional(),
  ata_smart_attributes: z
    .object({
      table: z.array(z.object({ id: z.int(), value: z.number(), raw: z.object({ value: z.number() }) })),
    })
    .optional(),
  nvme_smart_health_information_log: z
    .object({
      critical_warning: z.number().optional(),
      percentage_used: z.number().optional(),
      available_spare: z.number().optional(),
      available_spare_threshold: z.number().optional(),
      media_errors: z.number().optional(),
    })
    .optional(),
})
type Smart = z.infer<typeof Smart>

/** @throws HomelabError when the node cannot be asked */
export async function readDisk(shell: Shell, disk: string, signal: AbortSignal): Promise<DiskState> {
  const result = await shell.exec(['smartctl', '-n', 'standby', '-H', '-A', '-j', disk], {
    signal,
    timeoutMs: TIMEOUT_MS,
  })
  return diskIn(disk, result.stdout, result.code ?? 0)
}

export function diskIn(disk: string, stdout: string, code: number): DiskState {
  const unseen = (why: string): DiskState => ({ disk, health: 'unseen', why, worn: [] })
  if (NO_PROGRAM.includes(code)) return unseen('smartctl is not installed on the node')
  if ((code & NOT_UNDERSTOOD) !== 0) return unseen('smartctl cannot be read')
  const smart = parsed(stdout)
  const worn = [
    ...((code & PREFAIL) !== 0 ? ['a SMART attribute is below its threshold'] : []),
    ...(smart === undefined ? [] : [...wornAta(smart), ...wornNvme(smart)]),
  ]
  if ((code & FAILING) !== 0 || smart?.smart_status?.passed === false)
    return { disk, health: 'failing', worn }
  if (/\b(?:STANDBY|SLEEP)\b/i.test(stdout)) return { disk, health: 'asleep', worn: [] }
  if ((code & CANNOT_OPEN) !== 0) return unseen('it does not answer smartctl')
  if (smart?.smart_status === undefined && worn.length === 0)
    return unseen(smart === undefined ? 'smartctl cannot be read' : 'it has no SMART')
  return { disk, health: 'passed', worn }
}

function parsed(stdout: string): Smart | undefined {
  try {
    return Smart.safeParse(JSON.parse(stdout)).data
  } catch {
    return undefined
  }
}

const count = (number: number, what: string): readonly string[] =>
  number > 0 ? [`${number} ${what}${number === 1 ? '' : 's'}`] : []

/** Attributes by their number, which is the same for all makers; those of wear count down from 100. */
function wornAta({ ata_smart_attributes: attributes }: Smart): readonly string[] {
  const table = new Map(attributes?.table.map((row) => [row.id, row]))
  const raw = (id: number) => table.get(id)?.raw.value ?? 0
  const left = [231, 233, 177, 202].flatMap((id) => table.get(id)?.value ?? []).find((value) => value <= 100)
  return [
    ...count(raw(5), 'reallocated sector'),
    ...count(raw(197), 'pending sector'),
    ...count(raw(198), 'unreadable sector'),
    ...(left !== undefined && left <= WORN_PERCENT ? [`${left} % of its life is left`] : []),
  ]
}

function wornNvme({ nvme_smart_health_information_log: log }: Smart): readonly string[] {
  if (log === undefined) return []
  const { available_spare: spare = 100, available_spare_threshold: least = 0 } = log
  const left = 100 - (log.percentage_used ?? 0)
  return [
    ...((log.critical_warning ?? 0) === 0 ? [] : ['it warns of itself']),
    ...count(log.media_errors ?? 0, 'media error'),
    ...(spare < least ? [`${spare} % of its spare is left`] : []),
    ...(left <= WORN_PERCENT ? [`${Math.max(0, left)} % of its life is left`] : []),
  ]
}

export function diskProblems({ disk, health, why, worn }: DiskState): StorageProblem[] {
  const warning = (text: string): StorageProblem => ({ severity: 'warning', text: `${disk}: ${text}` })
  if (health === 'failing') return [{ severity: 'error', text: `${disk} is failing: SMART says FAILED` }]
  if (health === 'unseen') return [warning(why ?? 'it cannot be looked at')]
  return worn.map(warning)
}
