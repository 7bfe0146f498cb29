/** One backup of one plan into one repository: begun once, followed however long, and good only when its proof is there. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Json, Verbs } from '../operation/types.ts'
import type { Clock } from '../ports.ts'
import { heard, nothing, progressOf, type Said } from './events.ts'
import { clearJob, complaints, lookAtJob, startJob, voidJob } from './job/control.ts'
import { jobError } from './job/errors.ts'
import { followJob, type JobOver } from './job/follow.ts'
import { backupText } from './job/script.ts'
import type { JobSource, JobSpec } from './job/types.ts'
import { pauseOf } from './pause.ts'
import {
  environmentOf,
  type Machine,
  machineOf,
  type PlanServices,
  type ResticPlan,
  type ResticRepository,
  resticOf,
  titleOf,
} from './plan.ts'
import { evidenceIn, type Proven, type Shrinkage, shrunk } from './proofs.ts'
import type { Restic } from './restic/restic.ts'

export interface BackupDone {
  readonly repository: string
  readonly snapshot: string
  readonly files: number
  readonly bytes: number
  readonly rows?: number
  /** Bytes that the repository did not have before. */
  readonly added?: number
  readonly ms: number
  readonly shrunk: readonly Shrinkage[]
}

export type NamedPlan = ResticPlan & { readonly name: string }

export interface BackUpOptions {
  readonly plan: NamedPlan
  readonly repository: ResticRepository
  readonly services: PlanServices & { readonly clock: Clock }
  readonly verbs: Verbs
  /** Make the repository when there is none. */
  readonly init: boolean
}

export async function backUp({
  plan,
  repository,
  services,
  verbs,
  init,
}: BackUpOptions): Promise<BackupDone> {
  const { clock, secrets } = services
  const { signal } = verbs
  const began = clock.monotonic()
  const named = (step: string) => `${repository.name}: ${step}`
  const machine = await machineOf(plan, services, signal)
  const restic = await resticOf(repository, machine, secrets)
  const prepared = await verbs.step(named('prepare'), async () => {
    const [major, minor] = await restic.version(signal)
    if (init) await makeUnlessThere(restic, signal)
    // A run is found again by its name after a crash of ours: that is why it is kept here and made nowhere else.
    return {
      run: randomName(),
      retryLock: major > 0 || minor >= 16,
      pause: (await pauseOf(plan, services, machine, signal)) as unknown as Json,
    }
  })
  const environment = await environmentOf(repository, secrets)
  const spec = specOf({ plan, repository, machine, prepared, secrets: Object.keys(environment) })

  await verbs.change<string>(named('begin'), {
    act: async () => {
      await startJob(machine.shell, spec, backupText(spec), environment, signal)
      return spec.run
    },
    async find() {
      const { job } = await lookAtJob(machine.shell, spec.directory, 0)
      if (job.state === 'absent') return undefined
      // Put there, and perhaps never begun: it is kept from ever beginning, or it has.
      if (job.state === 'waiting' && (await voidJob(machine.shell, spec.directory))) return undefined
      return spec.run
    },
  })
  verbs.log(`job ${spec.run} on ${machine.name}: ${spec.directory}`)

  let said: Said = nothing
  const over = await verbs.follow<Json>(named('job'), async (following) => {
    const state = await followJob({
      shell: machine.shell,
      directory: spec.directory,
      clock,
      signal: following,
      onLines(lines) {
        for (const line of lines) said = heard(said, line)
        verbs.report(progressOf(said, titleOf(repository)))
      },
      onAway(error) {
        if (error === undefined) verbs.log(`${machine.name} answers again; the job went on without us`)
        else
          verbs.report({
            text: `${machine.name} does not answer (${error.message}); the job goes on without us`,
          })
      },
    })
    return { state, said } as unknown as Json
  })
  const { state, said: heardAll } = over as unknown as { readonly state: JobOver; readonly said: Said }
  const end = await ended({ state, said: heardAll, spec, machine, repository, restic, verbs })
  await clearJob(machine.shell, spec.directory, signal).catch((error: unknown) =>
    verbs.log(`its folder stays: ${String(error)}`),
  )
  return {
    repository: repository.name,
    snapshot: end.proven.snapshot,
    files: end.proven.files,
    bytes: end.proven.bytes,
    ...(end.proven.rows === undefined ? {} : { rows: end.proven.rows }),
    ...(heardAll.added === undefined ? {} : { added: heardAll.added }),
    ms: Math.round(clock.monotonic() - began),
    shrunk: shrunk(end.all, plan.shrink),
  }
}

interface Ended {
  readonly state: JobOver
  readonly said: Said
  readonly spec: JobSpec
  readonly machine: Machine
  readonly repository: ResticRepository
  readonly restic: Restic
  readonly verbs: Verbs
}

/** The repository decides, not what the job said of itself. @throws HomelabError when there is no proof in it */
async function ended(over: Ended): Promise<{ readonly proven: Proven; readonly all: readonly Proven[] }> {
  const { state, said, spec, machine, repository, restic, verbs } = over
  const { signal } = verbs
  const failure = async () =>
    state.state === 'ended'
      ? jobError({
          spec,
          end: state.end,
          said,
          complaints: await complaints(machine.shell, spec.directory, signal),
          where: machine.name,
          repository: titleOf(repository),
        })
      : undefined
  // Its proof may be there all the same, when only what comes after it went wrong.
  const saved = state.state !== 'ended' || ['prove', 'done'].includes(state.end.stage)
  if (!saved) throw (await failure()) ?? lost(state)
  if (state.state !== 'ended') await putBack(spec, machine, verbs)
  const all = evidenceIn(await restic.snapshots([`plan=${spec.plan}`], signal)).proven
  const proven = all.find(({ run }) => run === spec.run)
  const failed = state.state === 'ended' && state.end.code !== 0 ? await failure() : undefined
  if (proven !== undefined && failed === undefined) return { proven, all }
  throw failed ?? lost(state)
}

function lost(state: JobOver): HomelabError {
  const why =
    state.state === 'lost' && state.rebooted
      ? 'Its machine was started anew in the middle of the backup'
      : state.state === 'ended'
        ? 'The job says that it is done'
        : 'The backup job is gone without a word'
  return new HomelabError('failed', `${why}, and the repository has no proof of it. It does not count.`, {
    hint: 'Run it again: `backup run`. What was already uploaded is not uploaded again.',
  })
}

/** What a job that was killed could not do any more. */
async function putBack(spec: JobSpec, machine: Machine, verbs: Verbs): Promise<void> {
  await verbs.step('put back', async () => {
    for (const argv of spec.after) {
      const { code, stderr } = await machine.shell.exec(argv, { signal: verbs.signal, timeoutMs: 300_000 })
      verbs.log(`${argv.join(' ')}: ${code === 0 ? 'done' : `exit ${code} ${stderr.trim()}`}`)
    }
    return spec.after.length
  })
}

async function makeUnlessThere(restic: Restic, signal: AbortSignal): Promise<void> {
  try {
    await restic.snapshots(['plan=none'], signal)
  } catch (error) {
    if (!isHomelabError(error) || error.data?.trouble !== 'no-repository') throw error
    await restic.init(signal)
  }
}

interface Parts {
  readonly plan: NamedPlan
  readonly repository: ResticRepository
  readonly machine: Machine
  readonly prepared: { readonly run: string; readonly retryLock: boolean; readonly pause: Json }
  readonly secrets: readonly string[]
}

function specOf({ plan, repository, machine, prepared, secrets }: Parts): JobSpec {
  const pause = prepared.pause as unknown as Pick<JobSpec, 'before' | 'after'>
  return {
    directory: `${machine.home}/jobs/${prepared.run}`,
    environment: `${machine.memory}/${prepared.run}`,
    lock: `${machine.home}/locks/${plan.name}`,
    plan: plan.name,
    run: prepared.run,
    host: machine.host,
    restic: repository.binary ?? 'restic',
    retryLock: prepared.retryLock,
    secrets,
    source: sourceOf(plan),
    before: [...(plan.before ?? []), ...pause.before],
    after: [...pause.after, ...(plan.after ?? [])],
  }
}

function sourceOf(plan: ResticPlan): JobSource {
  if (plan.method === 'restic') return { kind: 'files', paths: plan.paths, exclude: plan.exclude ?? [] }
  const { databases, user, host, port, jobs, staging } = plan
  return {
    kind: 'postgres',
    user,
    jobs,
    staging,
    ...(databases === undefined ? {} : { databases }),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
  }
}

/** 10 letters and digits: it is a unit's name, a folder's and a tag. */
export const randomName = (): string =>
  Array.from({ length: 10 }, () => Math.floor(Math.random() * 36).toString(36)).join('')
