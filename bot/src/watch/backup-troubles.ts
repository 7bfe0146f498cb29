/** What is wrong with the backups, since when, and what of it is not told. Knows no repository: it is shown how they are, look by look. */
import type { PlanStatus } from '@homelab/core/backup'
import { z } from 'zod'

const Kind = z.enum(['stale', 'never', 'smaller', 'unknown', 'damaged'])

export const Trouble = z.object({
  /** Of its card. */
  id: z.string(),
  key: z.string(),
  kind: Kind,
  /** What it was told as, when that is another problem. */
  was: Kind.exactOptional(),
  /** The plan's title, or the repository's when it is about that. */
  title: z.string(),
  /** Absent when it is about a repository. */
  plan: z.string().exactOptional(),
  repository: z.string(),
  /** What to type against it. */
  press: z.string(),
  /** Milliseconds since 1970: the newest that is proven. */
  last: z.number().exactOptional(),
  /** Milliseconds that it may be old. */
  freshMs: z.number().exactOptional(),
  why: z.string().exactOptional(),
  /** ISO 8601, as the next one. */
  since: z.string(),
  endAt: z.string().exactOptional(),
  /** `gone`: the plan or the repository is not in the file any more. */
  end: z.enum(['over', 'gone']).exactOptional(),
  /** Its card does not show this yet. */
  untold: z.boolean(),
})
export type Trouble = z.infer<typeof Trouble>

export const BackupsState = z.object({
  lookedAt: z.string().exactOptional(),
  troubles: z.array(Trouble),
  /** By row: the newest that was ever seen proven, for when nothing can be looked at. */
  last: z.record(z.string(), z.number()),
  /** By repository: since when it cannot be looked at. */
  silent: z.record(z.string(), z.string()),
})
export type BackupsState = z.infer<typeof BackupsState>

export const nothingYet: BackupsState = { troubles: [], last: {}, silent: {} }

/** What one look saw. */
export interface BackupsSeen {
  readonly rows: readonly PlanStatus[]
  /** Plans that are being backed up just now: what is old about them may be over soon. */
  readonly busy: ReadonlySet<string>
  /** Every repository of the file that restic keeps, by title. */
  readonly repositories: ReadonlyMap<string, Verified>
}

export interface Verified {
  readonly name: string
  /** The part that is not as it was stored; null: none is; undefined: it could not be looked at. */
  readonly damage: { readonly part: number; readonly cycle: number; readonly at: number } | null | undefined
}

/** What cannot be looked at for so long is told, whatever its plans may be old. */
const SILENT_MS = 6 * 3_600_000
/** Before that it is a hiccup. */
const HICCUP_MS = 600_000
/** A look so long ago says nothing of the time since. */
const BREAK_MS = 3_600_000

type Wrong = Omit<Trouble, 'id' | 'key' | 'since' | 'untold' | 'was'>

/** As what it counts: there is nothing fresh, whether there ever was or not. */
export const problemOf = (kind: Trouble['kind']): string => (kind === 'never' ? 'stale' : kind)

export const isOver = ({ end }: Trouble): boolean => end !== undefined

/** @returns the state after this look; those that are over are in it until they are told */
export function judge(before: BackupsState, seen: BackupsSeen, now: Date): BackupsState {
  const open = new Set(before.troubles.filter((trouble) => !isOver(trouble)).map(({ key }) => key))
  const rows = keyed(seen.rows)
  const wrong = new Map<string, Wrong>()
  /** Of these nothing can be said now. */
  const unclear = new Set<string>()
  const present = new Set<string>(rows.keys())

  for (const [key, row] of rows) {
    present.add(silentKey(row.repository))
    const found = wrongWith(row)
    if (row.state === 'unknown') unclear.add(key)
    else if (found !== undefined && found.kind !== 'smaller' && seen.busy.has(row.plan)) unclear.add(key)
    else if (found !== undefined) wrong.set(key, found)
  }

  const silent = silentSince(before, seen.rows, now)
  for (const [repository, since] of Object.entries(silent)) {
    const key = silentKey(repository)
    const mute = [...rows].filter(([, row]) => row.repository === repository && row.state === 'unknown')
    const lasted = now.getTime() - Date.parse(since)
    const overdue = mute.some(([rowKey, { freshMs }]) => {
      const last = before.last[rowKey]
      return last !== undefined && !open.has(rowKey) && now.getTime() - last > freshMs
    })
    if (lasted >= SILENT_MS || (lasted >= HICCUP_MS && overdue)) wrong.set(key, silence(repository, mute))
    else unclear.add(key)
  }

  for (const [title, { name, damage }] of seen.repositories) {
    const key = `damaged/${title}`
    present.add(key)
    if (damage === undefined) unclear.add(key)
    else if (damage !== null) wrong.set(key, damaged(title, name, damage))
  }

  const at = now.toISOString()
  const went = before.troubles.map((trouble): Trouble => {
    const is = wrong.get(trouble.key)
    if (isOver(trouble)) return trouble
    wrong.delete(trouble.key)
    if (is !== undefined) {
      const { id, key, since, untold, kind, was = kind } = trouble
      const another = problemOf(was) === problemOf(is.kind) ? {} : { was }
      return { ...is, id, key, since, untold: untold || kind !== is.kind, ...another }
    }
    if (present.has(trouble.key) && unclear.has(trouble.key)) return trouble
    return { ...trouble, end: present.has(trouble.key) ? 'over' : 'gone', endAt: at, untold: true }
  })
  const came = [...wrong].map(
    ([key, is]): Trouble => ({ ...is, id: idOf(key, now), key, since: at, untold: true }),
  )
  const last = [...rows].flatMap(([key, row]) => {
    const newest = row.last ?? (row.state === 'unknown' ? before.last[key] : undefined)
    return newest === undefined ? [] : [[key, newest] as const]
  })
  return { lookedAt: at, troubles: [...went, ...came], last: Object.fromEntries(last), silent }
}

/** @returns the state when these are told */
export const told = (state: BackupsState): BackupsState => ({
  ...state,
  troubles: state.troubles
    .filter((trouble) => !isOver(trouble))
    .map(({ was: _, ...trouble }) => ({ ...trouble, untold: false })),
})

const silentKey = (repository: string): string => `unknown/${repository}`

const idOf = (key: string, now: Date): string =>
  `watch-backup-${key.replaceAll(/[^a-zA-Z0-9]+/g, '-')}-${now.getTime().toString(36)}`

/** A repository that is both a storage and restic's has two rows of one plan. */
function keyed(rows: readonly PlanStatus[]): ReadonlyMap<string, PlanStatus> {
  const all = new Map<string, PlanStatus>()
  for (const row of rows) {
    const key = `plan/${row.plan}/${row.repository}`
    all.set(all.has(key) ? `${key}/2` : key, row)
  }
  return all
}

function wrongWith(row: PlanStatus): Wrong | undefined {
  const { plan, title, repository, last, freshMs, why, state, shrunk } = row
  const kind = state === 'fresh' ? (shrunk.length > 0 ? 'smaller' : undefined) : state
  if (kind === undefined || kind === 'unknown') return undefined
  const less = shrunk.map(({ what, percent }) => `${Math.round(percent)} % fewer ${what}`).join(', ')
  const because = kind === 'smaller' ? less : why
  return {
    kind,
    title,
    plan,
    repository,
    freshMs,
    press: kind === 'smaller' ? `backup list ${plan}` : `backup run ${plan}`,
    ...(last === undefined ? {} : { last }),
    ...(because === undefined ? {} : { why: because }),
  }
}

function silentSince(
  { lookedAt, silent }: BackupsState,
  rows: readonly PlanStatus[],
  now: Date,
): Record<string, string> {
  const gap = lookedAt === undefined ? Number.POSITIVE_INFINITY : now.getTime() - Date.parse(lookedAt)
  // While the bot was away, or its clock was set, nobody looked.
  const before = gap < 0 || gap > BREAK_MS ? {} : silent
  const mute = new Set(rows.filter(({ state }) => state === 'unknown').map(({ repository }) => repository))
  return Object.fromEntries(
    [...mute].map((repository) => [repository, before[repository] ?? now.toISOString()]),
  )
}

const silence = (repository: string, mute: readonly (readonly [string, PlanStatus])[]): Wrong => {
  const why = mute.find(([, row]) => row.why !== undefined)?.[1].why
  return {
    kind: 'unknown',
    title: mute.map(([, { title }]) => title).join(', '),
    repository,
    press: 'backup status fresh:true',
    ...(why === undefined ? {} : { why }),
  }
}

const damaged = (
  title: string,
  name: string,
  { part, cycle, at }: { readonly part: number; readonly cycle: number; readonly at: number },
): Wrong => ({
  kind: 'damaged',
  title,
  repository: title,
  press: `backup verify ${name} cycle:1`,
  last: at,
  why: `part ${part} of ${cycle}`,
})
