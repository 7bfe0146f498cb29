/** One backup of one plan into one repository: begun once, followed however long, and good only when its proof is there. */
import { isHomelabError } from '../errors.ts'
import type { Json, Verbs } from '../operation/types.ts'
import type { Clock } from '../ports.ts'
import { attend } from './attend.ts'
import { ended } from './ended.ts'
import { heard, nothing, progressOf } from './events.ts'
import { clearJob, clearLostJob } from './job/control.ts'
import { toldToStop } from './job/follow.ts'
import { backupText } from './job/script.ts'
import type { JobSource, JobSpec } from './job/types.ts'
import { patiently } from './patience.ts'
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
import { type Shrinkage, shrunk } from './proofs.ts'
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
  /** It was saved by another one since it was due. */
  readonly already?: true
}

export type NamedPlan = ResticPlan & {
  readonly name: string
  /** Of the copies of one guest: the plan of the file, as people type it. */
  readonly part?: { readonly plan: string; readonly vmid: number }
}

export interface BackUpOptions {
  readonly plan: NamedPlan
  readonly repository: ResticRepository
  readonly services: PlanServices & { readonly clock: Clock }
  readonly verbs: Verbs
  /** Make the repository when there is none. */
  readonly init: boolean
  /** Since when what another one has saved counts as done, ms since 1970: refused as `saved` then. */
  readonly since?: number
  /** Before the names of its steps, where a run saves more than once into a repository. */
  readonly step?: string
}

export async function backUp({
  plan,
  repository,
  services,
  verbs,
  init,
  since,
  step,
}: BackUpOptions): Promise<BackupDone> {
  const { clock, secrets } = services
  const { signal } = verbs
  const began = clock.monotonic()
  const named = (name: string) => `${step ?? repository.name}: ${name}`
  const machine = await machineOf(plan, services, signal)
  const restic = await resticOf(repository, machine, secrets)
  const prepared = await verbs.step(named('prepare'), async () => {
    if (init) await makeUnlessThere(restic, signal)
    // A run is found again by its name after a crash of ours: that is why it is kept here and made nowhere else.
    return {
      run: randomName(),
      pause: (await pauseOf(plan, services, machine, signal)) as unknown as Json,
    }
  })
  const environment = await environmentOf(repository, secrets)
  const spec = specOf({ plan, repository, machine, prepared, since, secrets: Object.keys(environment) })

  const { state, heard: said } = await attend({
    verbs,
    clock,
    machine,
    base: spec,
    text: backupText(spec),
    secrets: environment,
    name: step ?? repository.name,
    ear: { nothing, hear: heard, progress: (now) => progressOf(now, titleOf(repository)) },
  })
  const clear = async () => {
    // A bot that shuts down comes back to it.
    if (signal.aborted && !toldToStop(signal)) return
    const remove = () =>
      state.state === 'lost' ? clearLostJob(machine.shell, spec) : clearJob(machine.shell, spec.directory)
    await patiently(remove, { clock, signal, tries: 4 }).catch((error: unknown) =>
      verbs.log(`its folder stays: ${String(error)}`),
    )
  }
  // Of one that says that it is done nothing is read any more: the repository is asked meanwhile.
  const cleared = state.state === 'ended' && state.end.code === 0 ? clear() : undefined
  let end: Awaited<ReturnType<typeof ended>>
  try {
    const job = { state, said, spec, machine, repository, restic, verbs, clock, environment }
    end = await ended(job)
  } finally {
    await (cleared ?? clear())
  }
  return {
    repository: repository.name,
    snapshot: end.proven.snapshot,
    files: end.proven.files,
    bytes: end.proven.bytes,
    ...(end.proven.rows === undefined ? {} : { rows: end.proven.rows }),
    ...(said.added === undefined ? {} : { added: said.added }),
    ms: Math.round(clock.monotonic() - began),
    shrunk: shrunk(end.all, plan.shrink, clock.now()),
  }
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
  readonly prepared: { readonly run: string; readonly pause: Json }
  readonly since: number | undefined
  readonly secrets: readonly string[]
}

function specOf({ plan, repository, machine, prepared, since, secrets }: Parts): JobSpec {
  const pause = prepared.pause as unknown as Pick<JobSpec, 'before' | 'after'>
  return {
    directory: `${machine.home}/jobs/${prepared.run}`,
    environment: `${machine.memory}/${prepared.run}`,
    lock: `${machine.home}/locks/${plan.name}`,
    plan: plan.name,
    run: prepared.run,
    host: machine.host,
    restic: repository.binary ?? 'restic',
    secrets,
    source: sourceOf(plan),
    saved: `${machine.home}/locks/${plan.name}@${repository.name}`,
    ...(since === undefined ? {} : { due: Math.floor(since / 1000) }),
    before: [...(plan.before ?? []), ...pause.before],
    after: [...pause.after, ...(plan.after ?? [])],
  }
}

function sourceOf(plan: ResticPlan): JobSource {
  if (plan.method === 'restic') return { kind: 'files', paths: plan.paths, exclude: plan.exclude ?? [] }
  const { databases, user, host, port, jobs, staging, stream } = plan
  return {
    kind: 'postgres',
    user,
    jobs,
    staging,
    ...(databases === undefined ? {} : { databases }),
    ...(host === undefined ? {} : { host }),
    ...(port === undefined ? {} : { port }),
    ...(stream === undefined ? {} : { stream }),
  }
}

/** 10 letters and digits: it is a unit's name, a folder's and a tag. */
export const randomName = (): string =>
  Array.from({ length: 10 }, () => Math.floor(Math.random() * 36).toString(36)).join('')
