/** What a job and its restic say while they work, one JSON text a line; what is not JSON is told by old versions only. */
import type { Progress } from '../operation/types.ts'
import { bytes, duration } from '../operation/view.ts'

export interface Said {
  readonly stage?: string
  /** Bytes and files of what is read. */
  readonly done?: number
  readonly total?: number
  readonly files?: number
  readonly totalFiles?: number
  /** Seconds since it began to save, and what restic thinks is left. */
  readonly elapsed?: number
  readonly left?: number
  /** Bytes that are new in the repository. */
  readonly added?: number
  /** Which of the sources is missing or empty. */
  readonly source?: number
  /** Which of the databases could not be dumped, from 1. */
  readonly database?: number
  /** Of the restic that ended last. */
  readonly exit?: number
  /** Of a lock that another process has, seconds since that began. */
  readonly holder?: { readonly pid: number; readonly seconds: number }
  readonly hooks: readonly { readonly which: string; readonly index: number; readonly code: number }[]
}

export const nothing: Said = { hooks: [] }

const number = (value: unknown): number | undefined => (typeof value === 'number' ? value : undefined)

/** What is known after one more line. */
export function heard(before: Said, line: string): Said {
  let said: Record<string, unknown>
  try {
    said = JSON.parse(line) as Record<string, unknown>
  } catch {
    return before
  }
  if (said === null || typeof said !== 'object') return before
  if (said.homelab === 'stage') return { ...before, stage: String(said.stage) }
  if (said.homelab === 'source') return { ...before, source: Number(said.index) }
  if (said.homelab === 'database') return { ...before, database: Number(said.index) }
  if (said.homelab === 'exit') return { ...before, exit: Number(said.code) }
  if (said.homelab === 'holder')
    return { ...before, holder: { pid: Number(said.pid), seconds: Number(said.seconds) } }
  if (said.homelab === 'hook') {
    const hook = { which: String(said.which), index: Number(said.index), code: Number(said.code) }
    return { ...before, hooks: [...before.hooks, hook] }
  }
  if (said.message_type === 'status')
    return merged(before, {
      done: number(said.bytes_done) ?? before.done ?? 0,
      total: number(said.total_bytes),
      files: number(said.files_done),
      totalFiles: number(said.total_files),
      elapsed: number(said.seconds_elapsed),
      // Not said when it is nothing, or not known yet.
      left: number(said.seconds_remaining) ?? 0,
    })
  if (said.message_type === 'summary')
    return merged(before, {
      done: number(said.total_bytes_processed),
      total: number(said.total_bytes_processed),
      files: number(said.total_files_processed),
      totalFiles: number(said.total_files_processed),
      added: number(said.data_added),
    })
  return before
}

type Numbers = Pick<Said, 'done' | 'total' | 'files' | 'totalFiles' | 'added' | 'elapsed' | 'left'>

function merged(before: Said, now: { readonly [K in keyof Numbers]?: number | undefined }): Said {
  const known = Object.entries(now).filter(([, value]) => value !== undefined)
  return { ...before, ...(Object.fromEntries(known) as Partial<Numbers>) }
}

const stages: Readonly<Record<string, string>> = {
  before: 'getting ready',
  look: 'looking at what there is',
  dump: 'dumping',
  read: 'reading the dump to its end',
  stream: 'dumping into the repository, reading it on the way',
  save: 'saving',
  'read-back': 'reading back what was saved',
  prove: 'proving',
  done: 'done',
  after: 'putting things back',
}

export function progressOf(said: Said, where: string): Progress {
  const text = `${stages[said.stage ?? 'before'] ?? said.stage ?? ''} (${where})`
  if (said.stage !== 'save' && said.stage !== 'stream') return { text }
  // How long a stream is, nobody knows before its end.
  if (!said.total)
    return said.done ? { text: `${text}, ${bytes(said.done)} so far${speedOf(said)}` } : { text }
  const files = said.files === undefined ? '' : `, ${said.files} of ${said.totalFiles ?? said.files} files`
  return { text: `${text}${files}${speedOf(said)}`, done: said.done ?? 0, total: said.total, unit: 'bytes' }
}

/** `, 24 MiB a second, about 3 min left`; nothing at its beginning, when neither says anything. */
function speedOf({ done = 0, total = 0, elapsed = 0, left = 0 }: Said): string {
  if (elapsed < 2 || done === 0) return ''
  const rest = left > 0 && done < total ? `, about ${duration(left * 1000)} left` : ''
  return `, ${bytes(done / elapsed)} a second${rest}`
}
