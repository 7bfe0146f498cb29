/** A job of ours on the machine of a plan: begun once, followed until it has ended, and what it said meanwhile. */
import type { ErrorCode } from '../errors.ts'
import { HomelabError } from '../errors.ts'
import type { Json, Progress, Verbs } from '../operation/types.ts'
import type { Clock } from '../ports.ts'
import { redact } from '../secret.ts'
import { secretsToHide } from '../shell/launcher.ts'
import { clearJob, clearLostJob, complaints, lookAtJob, startJob, voidJob } from './job/control.ts'
import { endJob, followJob, type JobOver, toldToStop } from './job/follow.ts'
import type { JobBase, JobSecrets } from './job/types.ts'
import { patiently } from './patience.ts'
import type { Machine, ResticRepository } from './plan.ts'

/** One line that a job said of itself: `{"homelab":"roles","new":2}`. */
export type Fact = Readonly<Record<string, Json>> & { readonly homelab: string }

export interface Detached {
  readonly verbs: Verbs
  readonly clock: Clock
  readonly machine: Machine
  readonly base: JobBase
  readonly text: string
  readonly secrets: JobSecrets
  /** Unique in the run: `restore`. */
  readonly name: string
  /** What its stages are called. */
  readonly stages: Readonly<Record<string, string>>
}

export interface DetachedOver {
  readonly state: JobOver
  /** What it found, without its stages and its progress. */
  readonly facts: readonly Fact[]
}

/** @throws the signal's reason when it was cancelled and has ended, what `followJob` throws */
export async function runDetached(job: Detached): Promise<DetachedOver> {
  const { verbs, machine, base, name, clock } = job
  const where = { shell: machine.shell, directory: base.directory, environment: base.environment, clock }
  // A cancel may come between its beginning and our following it.
  verbs.undo(`${name}: job`, () => endJob(where))
  await verbs.change<string>(`${name}: begin`, {
    act: async () => {
      await startJob(machine.shell, base, job.text, job.secrets, verbs.signal)
      return base.run
    },
    async find() {
      const { job: found } = await lookAtJob(machine.shell, base.directory, 0)
      if (found.state === 'absent') return undefined
      // Put there, and perhaps never begun: it is kept from ever beginning, or it has.
      if (found.state === 'waiting' && (await voidJob(machine.shell, base))) return undefined
      return base.run
    },
  })
  verbs.log(`job ${base.run} on ${machine.name}: ${base.directory}`)
  let stage = 'before'
  let facts: readonly Fact[] = []
  const over = await verbs.follow<Json>(`${name}: job`, async (signal) => {
    const state = await followJob({
      ...where,
      signal,
      onLines(lines) {
        for (const line of lines) {
          const said = parsed(line)
          if (said?.homelab === 'stage') stage = String(said.stage)
          else if (isFact(said)) facts = [...facts, said]
          const text = job.stages[stage] ?? stage
          verbs.report(progressOf(said, text))
        }
      },
      onAway(error) {
        if (error === undefined) verbs.log(`${machine.name} answers again; the job went on without us`)
        else
          verbs.report({
            text: `${machine.name} does not answer (${error.message}); the job goes on without us`,
          })
      },
    }).catch(async (error: unknown) => {
      // Cancelled and over: nobody comes back to what it left.
      if (toldToStop(signal) && error === signal.reason)
        await clearLostJob(machine.shell, base).catch(() => {})
      throw error
    })
    return { state, facts } as unknown as Json
  })
  return over as unknown as DetachedOver
}

export interface Words {
  readonly code: ErrorCode
  readonly text: string
  readonly hint?: string
}

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
    const said = await patiently(() => complaints(machine.shell, base.directory, signal), { clock, signal })
    const { code, text, hint } = words(reason, said, facts)
    // Not before: what restic means is read from its words, and a password may be one of them.
    const hide = secretsToHide(secrets)
    return {
      code,
      text: redact(text, hide),
      ...(hint === undefined ? {} : { hint }),
      log: redact(said, hide),
    }
  })) as unknown as (Words & { readonly log: string }) | null
  const clear = () =>
    state.state === 'ended'
      ? clearJob(machine.shell, base.directory, signal)
      : clearLostJob(machine.shell, base, signal)
  await patiently(clear, { clock, signal, tries: 4 }).catch((error: unknown) =>
    verbs.log(`its folder stays: ${String(error)}`),
  )
  if (told === null) return
  const { code, text, hint, log } = told
  throw new HomelabError(code, text, {
    ...(hint === undefined ? {} : { hint }),
    data: { reason, log: log === '' ? [] : log.split('\n').slice(-15) },
  })
}

interface BaseParts {
  readonly machine: Machine
  readonly repository: ResticRepository
  readonly plan: string
  readonly run: string
  readonly retryLock: boolean
  readonly secrets: JobSecrets
  /** Only one at a time of each: `photos`, `photos.drill`. */
  readonly lock: string
}

export const baseOf = ({ machine, repository, plan, run, retryLock, secrets, lock }: BaseParts): JobBase => ({
  directory: `${machine.home}/jobs/${run}`,
  environment: `${machine.memory}/${run}`,
  lock: `${machine.home}/locks/${lock}`,
  plan,
  run,
  host: machine.host,
  restic: repository.binary ?? 'restic',
  retryLock,
  secrets: Object.keys(secrets),
  before: [],
  after: [],
})

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
  typeof said?.homelab === 'string' && !['exit', 'progress', 'hook'].includes(said.homelab)

function progressOf(said: Readonly<Record<string, Json>> | undefined, text: string): Progress {
  const [done, total] =
    said?.message_type === 'status'
      ? [said.bytes_restored ?? 0, said.total_bytes]
      : said?.homelab === 'progress'
        ? [said.done, said.total]
        : []
  if (typeof done !== 'number' || typeof total !== 'number' || total <= 0) return { text }
  // What is weighed on a disk is a little more than its files.
  return { text, done: Math.min(done, total), total, unit: 'bytes' }
}
