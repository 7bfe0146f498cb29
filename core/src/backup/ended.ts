/** What the end of a backup job means, by what the repository has of it. */
import { type ErrorData, errorData, fromErrorData, HomelabError } from '../errors.ts'
import type { Json, Verbs } from '../operation/types.ts'
import type { Clock } from '../ports.ts'
import { redact, type Secret } from '../secret.ts'
import { secretsToHide } from '../shell/launcher.ts'
import type { Said } from './events.ts'
import { complaints } from './job/control.ts'
import { jobError } from './job/errors.ts'
import type { JobOver } from './job/follow.ts'
import type { JobSecrets, JobSpec } from './job/types.ts'
import { patiently } from './patience.ts'
import { type Machine, type ResticRepository, titleOf } from './plan.ts'
import { type Evidence, evidenceIn, type Proven } from './proofs.ts'
import { putBack } from './put-back.ts'
import type { Restic } from './restic/restic.ts'

export interface Ended {
  readonly state: JobOver
  readonly said: Said
  readonly spec: JobSpec
  readonly machine: Machine
  readonly repository: ResticRepository
  readonly restic: Restic
  readonly verbs: Verbs
  readonly clock: Clock
  /** What its programs were given, to be taken out of what they say. */
  readonly environment: JobSecrets
}

/** The repository decides, not what the job said of itself. @throws HomelabError when there is no proof in it */
export async function ended(over: Ended): Promise<{ readonly proven: Proven; readonly all: Evidence }> {
  const { state, said, spec, machine, repository, restic, verbs, clock, environment } = over
  const { signal } = verbs
  const patience = { clock, signal }
  const failure = async (stopped: readonly string[] = []) => {
    // Kept, because the folder is removed after it.
    const kept = await verbs.step<Json>(`${spec.run}: failure`, async () => {
      const text = await patiently(() => complaints(machine.shell, spec.directory, signal), patience)
      const about = { spec, said, complaints: text, where: machine.name, repository: titleOf(repository) }
      const error =
        state.state === 'ended' && state.end.code !== 0
          ? jobError({ ...about, end: state.end })
          : lost(state, text, stopped)
      // Not before: what restic means is read from its words, and a password may be one of them.
      return withoutSecrets(errorData(error) as unknown as Json, secretsToHide(environment))
    })
    return fromErrorData(kept as unknown as ErrorData)
  }
  // Its proof may be there all the same, when only what comes after it went wrong.
  const saved = state.state !== 'ended' || ['prove', 'done'].includes(state.end.stage)
  if (!saved) throw await failure()
  const stopped =
    state.state === 'ended'
      ? []
      : await verbs.step(`${spec.run}: put back`, () => putBack(machine, spec.after, verbs, signal))
  const snapshots = await patiently(() => restic.snapshots([`plan=${spec.plan}`], signal), patience)
  const all = evidenceIn(snapshots, spec.plan)
  const proven = all.proven.find(({ run }) => run === spec.run)
  const failed = state.state === 'ended' && state.end.code !== 0
  if (proven === undefined || failed) throw await failure(stopped)
  if (stopped.length === 0) return { proven, all }
  throw new HomelabError('failed', `The backup is good, but ${stillStopped(stopped)}`, {
    hint: 'Look at `status`, and start it by hand.',
  })
}

function withoutSecrets(value: Json, secrets: readonly Secret[]): Json {
  if (typeof value === 'string') return redact(value, secrets)
  if (Array.isArray(value)) return value.map((one: Json) => withoutSecrets(one, secrets))
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(
    // Its code is one of ours, whatever the password is.
    Object.entries(value).map(([key, one]) => [key, key === 'code' ? one : withoutSecrets(one, secrets)]),
  )
}

const stillStopped = (commands: readonly string[]): string =>
  `${commands.join(' and ')} failed after it: something may still be stopped.`

/** @param stopped what could not be put back */
function lost(state: JobOver, said: string, stopped: readonly string[]): HomelabError {
  const why =
    state.state === 'lost' && state.rebooted
      ? 'Its machine was started anew in the middle of the backup'
      : state.state === 'ended'
        ? 'The job says that it is done'
        : 'The backup job is gone without a word'
  const also = stopped.length === 0 ? '' : ` Besides, ${stillStopped(stopped)}`
  return new HomelabError(
    'failed',
    `${why}, and the repository has no proof of it. It does not count.${also}`,
    {
      hint: 'Run it again: `backup run`. What was already uploaded is not uploaded again.',
      data: { state: state.state, log: said === '' ? [] : said.split('\n').slice(-15) },
    },
  )
}
