/** A restore or a drill as a job on the machine of a plan, and what its end means. */
import type { ErrorCode } from '../errors.ts'
import { HomelabError } from '../errors.ts'
import type { Json, Progress } from '../operation/types.ts'
import { redact } from '../secret.ts'
import { secretsToHide } from '../shell/launcher.ts'
import { type Attended, attend } from './attend.ts'
import { clearJob, clearLostJob, complaints } from './job/control.ts'
import type { JobOver } from './job/follow.ts'
import type { JobBase, JobSecrets } from './job/types.ts'
import { patiently } from './patience.ts'
import type { Machine, ResticRepository } from './plan.ts'

/** One line that a job said of itself: `{"homelab":"roles","new":2}`. */
export type Fact = Readonly<Record<string, Json>> & { readonly homelab: string }

export interface Detached extends Omit<Attended<Heard>, 'ear'> {
  /** What its stages are called. */
  readonly stages: Readonly<Record<string, string>>
}

interface Heard {
  /** What it found and how its programs ended, without its stages and its progress. */
  readonly facts: readonly Fact[]
  readonly stage: string
  /** Bytes of the stage that it is in. */
  readonly done?: number
  readonly total?: number
}

export interface DetachedOver {
  readonly state: JobOver
  readonly facts: readonly Fact[]
}

/** @throws as `attend` */
export async function runDetached({ stages, ...job }: Detached): Promise<DetachedOver> {
  const ear = {
    nothing: { facts: [], stage: 'before' },
    hear,
    progress: (now: Heard) => progressOf(now, stages),
  }
  const { state, heard } = await attend<Heard>({ ...job, ear })
  return { state, facts: heard.facts }
}

export interface Words {
  readonly code: ErrorCode
  readonly text: string
  readonly hint?: string
  /** For who handles it. */
  readonly data?: Readonly<Record<string, Json>>
}

/** Of rot, restic says after it for each file what else went wrong with it: what it was is not among the last lines. */
const complaintBytes = 64_000

/**
 * What the end means; with a good end the folder is removed.
 * @param words of a reason, with what its programs complained about
 * @throws HomelabError when it did not end well
 */
export async function settle(
  { verbs, machine, base, clock, secrets, name }: Omit<Detached, 'text' | 'stages'>,
  { state, facts }: DetachedOver,
  words: (reason: string, complaints: string, facts: readonly Fact[]) => Words,
): Promise<void> {
  const { signal } = verbs
  const reason: string =
    state.state === 'ended'
      ? (state.end.reason ?? (state.end.code === 0 ? '' : 'unknown'))
      : state.state === 'lost' && state.rebooted
        ? 'rebooted'
        : 'lost'
  // Kept, because the folder is removed after it.
  const told = (await verbs.step<Json>(`${name}: complaints`, async () => {
    if (reason === '') return null
    const said = await patiently(() => complaints(machine.shell, base.directory, signal, complaintBytes), {
      clock,
      signal,
    })
    const { code, text, hint, data } = words(reason, said, facts)
    // Not before: what restic means is read from its words, and a password may be one of them.
    const hide = secretsToHide(secrets)
    return {
      code,
      text: redact(text, hide),
      ...(hint === undefined ? {} : { hint }),
      ...(data === undefined ? {} : { data }),
      log: redact(said, hide).split('\n').slice(-15).join('\n'),
    }
  })) as unknown as (Words & { readonly log: string }) | null
  await clear({ verbs, machine, base, clock }, state)
  if (told === null) return
  const { code, text, hint, data, log } = told
  throw new HomelabError(code, text, {
    ...(hint === undefined ? {} : { hint }),
    data: {
      reason,
      ...data,
      log: log === '' ? [] : log.split('\n'),
    },
  })
}

/** Removes the folder of a job that is over. */
export async function clear(
  { verbs, machine, base, clock }: Pick<Detached, 'verbs' | 'machine' | 'base' | 'clock'>,
  state: JobOver,
): Promise<void> {
  const { signal } = verbs
  const ask = () =>
    state.state === 'ended'
      ? clearJob(machine.shell, base.directory, signal)
      : clearLostJob(machine.shell, base, signal)
  await patiently(ask, { clock, signal, tries: 4 }).catch((error: unknown) =>
    verbs.log(`its folder stays: ${String(error)}`),
  )
}

interface BaseParts {
  readonly machine: Machine
  readonly repository: ResticRepository
  readonly plan: string
  readonly run: string
  readonly secrets: JobSecrets
  /** Only one at a time of each: `photos`, `photos.drill`. */
  readonly lock: string
}

export const baseOf = ({ machine, repository, plan, run, secrets, lock }: BaseParts): JobBase => ({
  directory: `${machine.home}/jobs/${run}`,
  environment: `${machine.memory}/${run}`,
  lock: `${machine.home}/locks/${lock}`,
  plan,
  run,
  host: machine.host,
  restic: repository.binary ?? 'restic',
  secrets: Object.keys(secrets),
  before: [],
  after: [],
})

function hear(before: Heard, line: string): Heard {
  const said = parsed(line)
  if (said?.homelab === 'stage') return { facts: before.facts, stage: String(said.stage) }
  if (isFact(said)) return { ...before, facts: [...before.facts, said] }
  const [done, total] =
    said?.message_type === 'status'
      ? [said.bytes_restored ?? 0, said.total_bytes]
      : said?.homelab === 'progress'
        ? [said.done, said.total]
        : []
  if (typeof done !== 'number' || typeof total !== 'number' || total <= 0) return before
  // What is weighed on a disk is a little more than its files.
  return { ...before, done: Math.min(done, total), total }
}

function parsed(line: string): Readonly<Record<string, Json>> | undefined {
  try {
    const said: unknown = JSON.parse(line)
    return said !== null && typeof said === 'object' ? (said as Record<string, Json>) : undefined
  } catch {
    // Old versions of restic write plain text among it.
    return undefined
  }
}

const isFact = (said: Readonly<Record<string, Json>> | undefined): said is Fact =>
  typeof said?.homelab === 'string' && !['progress', 'hook'].includes(said.homelab)

function progressOf({ stage, done, total }: Heard, stages: Detached['stages']): Progress {
  const text = stages[stage] ?? stage
  return done === undefined || total === undefined ? { text } : { text, done, total, unit: 'bytes' }
}
