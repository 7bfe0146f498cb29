/** A job of ours on the machine of a plan: begun once, followed until it has ended, and what it said meanwhile. */
import { isHomelabError } from '../errors.ts'
import { isUnclear } from '../operation/change.ts'
import type { Json, Progress, Verbs } from '../operation/types.ts'
import type { Clock } from '../ports.ts'
import { redact } from '../secret.ts'
import { secretsToHide } from '../shell/launcher.ts'
import { cancelJob, clearLostJob, complaints, lookAtJob, startJob, voidJob } from './job/control.ts'
import { endJob, followJob, isPassing, type JobOver, toldToStop } from './job/follow.ts'
import type { JobBase, JobSecrets } from './job/types.ts'
import { patiently, pauses } from './patience.ts'
import type { Machine } from './plan.ts'
import { putBack } from './put-back.ts'
import { retryIn } from './restic/errors.ts'

/** What is made of the lines that a job says: kept with the run, so plain data. */
export interface Ear<H> {
  /** Before it has said anything. */
  readonly nothing: H
  hear(before: H, line: string): H
  progress(heard: H): Progress
}

export interface Attended<H> {
  readonly verbs: Verbs
  readonly clock: Clock
  readonly machine: Machine
  readonly base: JobBase
  /** Its script, see `jobText`. */
  readonly text: string
  readonly secrets: JobSecrets
  /** Unique in the run: `restore`. */
  readonly name: string
  readonly ear: Ear<H>
}

export interface Attendance<H> {
  readonly state: JobOver
  readonly heard: H
}

/** @throws the signal's reason when it was cancelled and has ended, what `followJob` throws */
export async function attend<H>(job: Attended<H>): Promise<Attendance<H>> {
  const { verbs, machine, base, name, clock, ear } = job
  const where = {
    shell: machine.shell,
    directory: base.directory,
    environment: base.environment,
    clock,
    // Nobody comes back to a run that was cancelled.
    onLost: async () => void (await putBack(machine, base.after, verbs)),
  }
  // A cancel may come between its beginning and our following it.
  verbs.undo(`${name}: job`, () => endJob(where))
  await verbs.change<string>(`${name}: begin`, {
    async act() {
      for (let tries = 1; ; tries += 1) {
        try {
          await startJob(machine.shell, base, job.text, job.secrets, verbs.signal)
          return base.run
        } catch (error) {
          if (toldToStop(verbs.signal)) throw error
          if (!mayHaveBegun(error)) {
            // Nothing was sent: it is only that the machine is away.
            if (tries > pauses.length || !isPassing(error)) throw error
            await clock.sleep(pauses[tries - 1] ?? 0, verbs.signal)
            continue
          }
          // Cut on the way: begun again only when it is not there, and its folder lets one begin, whoever is late.
          const look = { clock, signal: verbs.signal }
          if (await patiently(() => begun(machine, base, clock), look)) return base.run
        }
      }
    },
    find: async () => ((await begun(machine, base, clock)) ? base.run : undefined),
  })
  verbs.log(`job ${base.run} on ${machine.name}: ${base.directory}`)

  let heard = ear.nothing
  const over = await verbs.follow<Json>(`${name}: job`, async (signal) => {
    const state = await followJob({
      ...where,
      signal,
      onLines(lines) {
        for (const line of lines) {
          heard = ear.hear(heard, line)
          verbs.report(ear.progress(heard))
        }
      },
      onComplaint(line) {
        const retry = retryIn(line)
        if (retry === undefined) return
        const why = redact(retry.why, secretsToHide(job.secrets))
        verbs.report({ ...ear.progress(heard), text: `restic tries again: ${why}` })
        // It would for a quarter of an hour. The job ends by itself then, and puts back what it has stopped.
        if (retry.hopeless) void cancelJob(machine.shell, base.directory).catch(() => undefined)
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
    return { state: await givenUp(state, job), heard } as unknown as Json
  })
  return over as unknown as Attendance<H>
}

/** A job that was told to end because restic tried in vain: it failed, and nobody has cancelled it. Also said by who comes later. */
async function givenUp<H>(state: JobOver, { machine, base, clock, verbs }: Attended<H>): Promise<JobOver> {
  if (state.state !== 'ended' || state.end.reason !== 'cancelled') return state
  const look = { clock, signal: verbs.signal }
  const said = await patiently(() => complaints(machine.shell, base.directory, verbs.signal), look)
  const inVain = said.split('\n').some((line) => retryIn(line)?.hopeless)
  return inVain ? { ...state, end: { ...state.end, reason: 'restic' } } : state
}

/** Cut while it was sent. What never left is an answer. */
const mayHaveBegun = (error: unknown): boolean =>
  isUnclear(error) || (isHomelabError(error) && error.code === 'timeout')

/** Whether the job has begun, or may still; otherwise it surely never will. */
async function begun(
  { shell }: Machine,
  { directory, environment }: JobBase,
  clock: Clock,
): Promise<boolean> {
  for (let looks = 1; ; looks += 1) {
    const { job } = await lookAtJob(shell, directory, 0)
    if (job.state === 'absent') return false
    if (job.state !== 'waiting') return true
    // Whoever puts it there may be at it at this moment.
    if (looks > 4) return !(await voidJob(shell, { directory, environment }))
    await clock.sleep(500)
  }
}
