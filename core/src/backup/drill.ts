/** Whether a backup can be restored, tried for real beside what is live. */
import { HomelabError } from '../errors.ts'
import type { Verbs } from '../operation/types.ts'
import { duration } from '../operation/view.ts'
import { sourceOfPostgres } from './ask-postgres.ts'
import { baseOf, clear, type Fact, runDetached, settle } from './detached.ts'
import { noteFailure, type Trial } from './drill-failure.ts'
import { chooseFiles, filesOf } from './drill-sample.ts'
import { streamedFrom } from './dumped.ts'
import { databasesDrillText } from './job/drill-databases-script.ts'
import { filesDrillText, scratchBeside } from './job/drill-files-script.ts'
import { recoveryPrefix } from './job/drill-script.ts'
import type { Entry } from './listing.ts'
import { type OriginalsFound, originalsOf } from './originals.ts'
import { patiently } from './patience.ts'
import { type Opened, openPlace, type Place } from './place.ts'
import { environmentOf, freshFor, type ResticRepository, titleOf, typedName } from './plan.ts'
import { type Point, pointOf } from './point.ts'
import { allOf, evidenceIn } from './proofs.ts'
import { dumpedIn } from './restore-database.ts'
import { wordsFor } from './restore-words.ts'
import { randomName } from './run.ts'

export interface DrillCost {
  /** At most: what is stored is compressed. */
  readonly bytes: number
  readonly dollars?: number | undefined
}

export interface DrillFound {
  readonly point: Point
  readonly cost: DrillCost
  /** Whether the recovery copy of the keys is tried as well. */
  readonly recovery: boolean
}

export interface Drilled {
  readonly repository: string
  readonly snapshot: string
  /** When it was saved, milliseconds since 1970. */
  readonly at: number
  readonly ms: number
  readonly cost: DrillCost
  readonly recovery: boolean
  readonly tables: number
  readonly rows: number
  /** Files that were compared with the live ones. */
  readonly same: number
  /** Files that were restored, and are another live ones by now. */
  readonly changed: number
  /** Roles of the dump that are not on the server. */
  readonly missingRoles: number
  /** Files that the databases know of, looked for in the backup of another plan; missing ones may be younger than it. */
  readonly originals?: { readonly checked: number; readonly missing: number }
}

/** @throws HomelabError `failed` when the newest proof is too old, `not-found` when there is none */
export async function findDrill(place: Place, signal?: AbortSignal): Promise<DrillFound> {
  const { restic } = await openPlace(place, signal)
  const { plan, repository, services } = place
  const point = await pointOf(restic, plan, { now: services.clock.now() }, signal)
  const age = services.clock.now().getTime() - point.at
  if (age > freshFor(plan))
    throw new HomelabError(
      'failed',
      `The newest proven snapshot of ${titleOf(plan)} is ${duration(age)} old; it may get ${duration(freshFor(plan))}.`,
      { hint: `\`backup run ${typedName(plan)}\` makes a new one; then drill that.` },
    )
  const { files = 0, bytes = 0 } = point.proven ?? {}
  const share = plan.method === 'pg_dump' || files === 0 ? 1 : Math.min(1, filesOf(place) / files)
  return {
    point,
    cost: costOf(Math.ceil(bytes * share), repository),
    recovery: repository.recovery !== undefined,
  }
}

const costOf = (
  bytes: number,
  { egress_price: price }: Pick<ResticRepository, 'egress_price'>,
): DrillCost => ({
  bytes,
  ...(price === undefined ? {} : { dollars: (bytes / 1e9) * price }),
})

export interface DrillOptions {
  /** What is fetched lies beside the folder of what was saved, where there is room for such files; default: with the jobs. */
  readonly beside?: boolean
}

/**
 * What went wrong is noted in the repository as well: what comes after it must not think that all is well.
 * @throws HomelabError `failed` with what is wrong with the backup
 */
export async function drill(place: Place, verbs: Verbs, options: DrillOptions = {}): Promise<Drilled> {
  const opened = await openPlace(place, verbs.signal)
  const trial: Trial = { run: randomName() }
  try {
    return await tried(place, opened, trial, verbs, options)
  } catch (error) {
    const { clock } = place.services
    throw await noteFailure(error, trial, { plan: place.plan.name, restic: opened.restic, clock }, verbs)
  }
}

async function tried(
  place: Place,
  opened: Opened,
  trial: Trial,
  verbs: Verbs,
  { beside = false }: DrillOptions,
): Promise<Drilled> {
  const { plan, repository, services } = place
  const { signal } = verbs
  const { machine, restic } = opened
  const prepared = await verbs.step('drill: prepare', async () => {
    const { point } = await findDrill(place, signal)
    trial.of = point.snapshot
    const chosen = plan.method === 'restic' ? await chooseFiles(place, opened, point, signal) : []
    return {
      run: trial.run,
      snapshot: point.snapshot,
      sample: chosen.map(({ path, size, uid, gid, mode }) => ({ path, size, uid, gid, mode })),
    }
  })
  Object.assign(trial, {
    run: prepared.run,
    of: prepared.snapshot,
    files: new Set(prepared.sample.map(({ path }) => path)),
  })
  const point = await pointOf(
    restic,
    plan,
    { snapshot: prepared.snapshot, now: services.clock.now() },
    signal,
  )
  const recovery =
    repository.recovery === undefined
      ? undefined
      : await environmentOf(
          {
            restic: repository.restic,
            password: repository.recovery.password,
            env: repository.recovery.env ?? repository.env,
          },
          services.secrets,
        )
  const { originals, secrets: others } =
    plan.method === 'pg_dump'
      ? await originalsOf(plan, point, services, signal)
      : { originals: [], secrets: {} }
  const copied = Object.entries(recovery ?? {}).filter(([name]) => name !== 'RESTIC_REPOSITORY')
  const secrets = {
    ...opened.options.secrets,
    ...others,
    ...Object.fromEntries(copied.map(([name, secret]) => [`${recoveryPrefix}${name}`, secret])),
  }
  const base = baseOf({
    machine,
    repository,
    plan: plan.name,
    run: prepared.run,
    secrets,
    lock: `${plan.name}.drill`,
  })
  const names = recovery === undefined ? {} : { recovery: copied.map(([name]) => name) }
  const parts = { ...prepared, ...names, originals, base, beside }
  const text = await textOf(place, opened, point, parts, signal)
  const job = { verbs, clock: services.clock, machine, base, text: text.text, secrets, name: 'drill', stages }
  const over = await runDetached(job)
  const where = { plan: typedName(plan), where: machine.name, repository: titleOf(repository) }
  const words = wordsFor({ what: 'drill', of: point.snapshot, ...where })
  // What it found must not be lost to a repository that does not answer at this moment.
  if (over.state.state === 'ended') await settle(job, over, words)
  // Its word in the repository counts, not what the job said before it was gone.
  const patience = { clock: services.clock, signal }
  const snapshots = await patiently(() => restic.snapshots(allOf(plan.name), signal), patience)
  const passed = evidenceIn(snapshots, plan.name).drills.find(({ run }) => run === prepared.run)
  if (over.state.state !== 'ended')
    await (passed === undefined ? settle(job, over, words) : clear(job, over.state))
  if (passed === undefined)
    throw new HomelabError(
      'failed',
      'The drill says that it has passed, and the repository does not have its word.',
    )
  return {
    repository: repository.name,
    snapshot: point.snapshot,
    at: point.at,
    ms: passed.ms,
    cost: costOf(text.bytes, repository),
    recovery: recovery !== undefined,
    tables: number(over.facts, 'passed', 'tables'),
    rows: number(over.facts, 'passed', 'rows'),
    same: number(over.facts, 'passed', 'same'),
    changed: number(over.facts, 'passed', 'changed'),
    missingRoles: number(over.facts, 'roles', 'missing'),
    ...(originals.length === 0
      ? {}
      : { originals: { checked: sum(over.facts, 'checked'), missing: sum(over.facts, 'missing') } }),
  }
}

interface Prepared {
  readonly base: Parameters<typeof databasesDrillText>[0]
  readonly snapshot: string
  readonly sample: readonly Pick<Entry, 'path' | 'size' | 'uid' | 'gid' | 'mode'>[]
  readonly recovery?: readonly string[]
  readonly originals: OriginalsFound['originals']
  readonly beside: boolean
}

async function textOf(
  { plan }: Place,
  { restic, machine }: Opened,
  point: Point,
  { base, snapshot, sample, recovery, originals, beside }: Prepared,
  signal: AbortSignal,
): Promise<{ readonly text: string; readonly bytes: number }> {
  const keys = recovery === undefined ? {} : { recovery }
  if (plan.method === 'restic') {
    const bytes = sample.reduce((sum, { size }) => sum + size, 0)
    const files = sample.map(({ mode, ...rest }) => ({ ...rest, rights: rightsOf(mode) }))
    const drilled = {
      snapshot,
      files: sample.length,
      bytes,
      sample: files,
      scratch: beside ? scratchBeside(point.paths[0] ?? '') : { folder: `${machine.home}/drills` },
      ...keys,
    }
    return { text: filesDrillText(base, drilled), bytes }
  }
  const { files = 0, bytes = 0 } = point.proven ?? {}
  const databases = (await dumpedIn(restic, point, signal)).map(({ extensions, ...rest }) => ({
    ...rest,
    extensions: Object.keys(extensions),
  }))
  if (databases.length === 0)
    throw new HomelabError('failed', 'The proof of the backup has no list of its databases.', {
      data: { reason: 'incomplete' },
    })
  const path = point.paths[0] ?? ''
  const streamed = databases.map((one) => streamedFrom(one, point)).find(({ proof }) => proof !== undefined)
  const from = { snapshot, files, bytes, path, ...streamed }
  const drilled = { ...from, databases, originals, postgres: sourceOfPostgres(plan), ...keys }
  return { text: databasesDrillText(base, drilled), bytes }
}

/** Of Go's mode: permission bits, and its own bits for setuid, setgid and sticky. */
function rightsOf(mode: number): string {
  const special = (mode & (1 << 23) ? 4 : 0) + (mode & (1 << 22) ? 2 : 0) + (mode & (1 << 20) ? 1 : 0)
  return `${special === 0 ? '' : special}${(mode & 0o777).toString(8)}`
}

function number(facts: readonly Fact[], name: string, field: string): number {
  const value = facts.find(({ homelab }) => homelab === name)?.[field]
  return typeof value === 'number' ? value : 0
}

const sum = (facts: readonly Fact[], field: string): number =>
  facts
    .filter(({ homelab }) => homelab === 'originals')
    .reduce((total, fact) => total + (typeof fact[field] === 'number' ? fact[field] : 0), 0)

const stages = {
  before: 'getting ready',
  look: 'looking at what there is',
  fetch: 'fetching from the repository',
  globals: 'looking at the roles',
  read: 'reading the dump to its end',
  restore: 'restoring into a database of its own',
  count: 'counting the rows',
  originals: 'looking for the files that it knows of',
  compare: 'comparing files with the live ones',
  evidence: 'writing it down',
  done: 'done',
  after: 'cleaning up',
}
