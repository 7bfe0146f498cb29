/** How each plan stands, by what is in the repositories and on the storages: never by what any run said of itself. */
import { isHomelabError } from '../errors.ts'
import type { BackupEntry } from '../inventory/schema.ts'
import type { Target } from '../inventory/types.ts'
import type { Archive } from '../proxmox/backup-types.ts'
import type { Proxmox } from '../proxmox/types.ts'
import { shrunkOf } from './archive-prune.ts'
import { type EvidenceServices, lookInto, repositoriesFor } from './evidence.ts'
import { copiesTried, type GuestsTried, guestsTried } from './guests-tried.ts'
import { freshFor, isResticPlan, repositoriesOf, titleOf } from './plan.ts'
import { type Evidence, evidenceIn, openFailure, type Shrinkage, shrunk } from './proofs.ts'
import { copyName, type GuestPlan } from './vzdump.ts'

const weekMs = 7 * 86_400_000

/** `unknown`: it could not be looked up. */
export type PlanState = 'fresh' | 'stale' | 'never' | 'unknown'

export interface PlanStatus {
  readonly plan: string
  readonly title: string
  readonly repository: string
  readonly state: PlanState
  /** The newest that is proven, milliseconds since 1970. */
  readonly last?: number
  /** Milliseconds that it may be old. */
  readonly freshMs: number
  readonly count: number
  readonly bytes?: number
  /** Bytes of the one that was the newest a week ago, if it is kept. */
  readonly weekAgo?: number
  readonly files?: number
  readonly rows?: number
  /** When it was last restored for a trial and was whole, milliseconds since 1970. */
  readonly restored?: number
  /** When the last drill of it found something wrong, milliseconds since 1970; undefined: one has passed since, or none did. */
  readonly drillFailed?: number
  /** Of archives of guests, and of their copies: what their drills have shown. */
  readonly guests?: GuestsTried
  /** Saved, and not proven. */
  readonly pending: number
  readonly shrunk: readonly Shrinkage[]
  /** What is wrong, in words. */
  readonly why?: string
}

export interface StatusServices extends EvidenceServices {
  readonly proxmox: Proxmox
}

/** One row for each plan and each of its repositories, in the order of the file. */
export async function planStatuses(
  services: StatusServices,
  plans: readonly BackupEntry[],
  options: { readonly fresh?: boolean; readonly signal: AbortSignal },
): Promise<readonly PlanStatus[]> {
  const { lab } = services
  const all = lab.inventory.backups
  const looks = new Map(
    await Promise.all(
      repositoriesFor(services, plans).map(
        async (repository) => [repository.name, await lookInto(repository, all, services, options)] as const,
      ),
    ),
  )
  const now = services.clock.now().getTime()
  const rows = await Promise.all(
    plans.map(async (plan): Promise<readonly PlanStatus[]> => {
      const archives = isResticPlan(plan) ? [] : await archiveStatuses(plan, services, now, options.signal)
      const guests = isResticPlan(plan) ? [] : await lab.resolve(plan.guests, options)
      const kept = repositoriesOf(lab.inventory, plan).map((repository): PlanStatus => {
        const base = { ...about(plan), repository: titleOf(repository) }
        const look = looks.get(repository.name)
        if (look === undefined || 'error' in look)
          return { ...base, ...nothing, state: 'unknown', why: look?.error.message ?? '' }
        if (isResticPlan(plan))
          return {
            ...base,
            ...standing(evidenceIn(look.snapshots, plan.name), plan.shrink, base.freshMs, now),
          }
        const each = guests.map(({ guest, name }) => {
          const evidence = evidenceIn(look.snapshots, copyName(plan, guest.vmid))
          return { name, ...standing(evidence, plan.shrink, base.freshMs, now) }
        })
        return { ...base, ...together(each) }
      })
      return [...archives, ...kept]
    }),
  )
  return rows.flat()
}

type Standing = Omit<PlanStatus, 'plan' | 'title' | 'repository' | 'freshMs'>

const nothing = { count: 0, pending: 0, shrunk: [] } as const

/** By what a repository has of one plan. */
function standing(evidence: Evidence, shrink: number, freshMs: number, now: number): Standing {
  const { proven, pending, drills } = evidence
  const newest = proven.at(-1)
  const before = proven.findLast(({ at }) => at <= now - weekMs)
  const restored = drills.findLast(({ at }) => at <= now + ahead)?.at
  const drillFailed = openFailure(evidence, new Date(now))?.at
  const common = {
    count: proven.length,
    pending: pending.length,
    shrunk: shrunk(evidence, shrink, new Date(now)),
    ...(restored === undefined ? {} : { restored }),
    ...(drillFailed === undefined ? {} : { drillFailed }),
    ...(before === undefined ? {} : { weekAgo: before.bytes }),
  }
  if (newest === undefined) return { ...common, state: 'never' }
  const { at, bytes, files, rows } = newest
  const known = { ...common, last: at, bytes, files, ...(rows === undefined ? {} : { rows }) }
  if (at > now + ahead)
    return {
      ...known,
      state: 'unknown',
      why: 'its newest snapshot is of the future: the clock of its machine was wrong',
    }
  return { ...known, state: stateAt(at, freshMs, now) }
}

/** As good as the worst, and as old as the oldest. */
function together(each: readonly Named[]): Standing {
  const missing = each.filter(({ last }) => last === undefined).map(({ name }) => name)
  const guests = copiesTried(each)
  const restored = guests.proven.at(-1)?.at
  const sum = (of: (one: Standing) => number | undefined) =>
    each.reduce((all, one) => all + (of(one) ?? 0), 0)
  const common = {
    count: sum(({ count }) => count),
    pending: sum(({ pending }) => pending),
    bytes: sum(({ bytes }) => bytes),
    shrunk: each.flatMap((one) => one.shrunk),
    guests,
    ...(restored === undefined ? {} : { restored }),
  }
  if (missing.length > 0 || each.length === 0)
    return { ...common, state: 'never', why: `nothing of ${missing.join(', ') || 'any guest'}` }
  const states = each.map(({ state }) => state)
  const state = (['unknown', 'stale', 'fresh'] as const).find((one) => states.includes(one)) ?? 'unknown'
  return { ...common, state, last: Math.min(...each.map(({ last }) => last ?? 0)) }
}

type Named = Standing & { readonly name: string }

interface Doubtful {
  readonly title: string
  readonly drillFailed?: unknown
  readonly guests?: { readonly failed: readonly { readonly name: string }[] } | undefined
}

/** What is doubted of a plan, by its drills: the plan itself, or guests of it. */
export const doubted = ({ title, drillFailed, guests }: Doubtful): readonly string[] => [
  ...(drillFailed === undefined ? [] : [title]),
  ...(guests?.failed ?? []).map(({ name }) => name),
]

/** Milliseconds that a machine's clock may be ahead. */
const ahead = 3_600_000

const about = (plan: BackupEntry) => ({ plan: plan.name, title: titleOf(plan), freshMs: freshFor(plan) })

function stateAt(last: number | undefined, freshMs: number, now: number): PlanState {
  if (last === undefined) return 'never'
  return now - last > freshMs ? 'stale' : 'fresh'
}

/** The plan is as old as the guest that was saved longest ago. */
async function archiveStatuses(
  plan: GuestPlan,
  services: StatusServices,
  now: number,
  signal: AbortSignal,
): Promise<readonly PlanStatus[]> {
  const { lab, proxmox } = services
  const base = about(plan)
  const targets = await lab.resolve(plan.guests, { signal })
  const storages = lab.inventory.repositories.filter(
    ({ name, storage }) => plan.to.includes(name) && storage !== undefined,
  )
  return await Promise.all(
    storages.map(async (repository): Promise<PlanStatus> => {
      const row = { ...base, repository: titleOf(repository) }
      try {
        const nodes = [...new Set(targets.map(({ guest }) => guest.node))]
        const found = await Promise.all(
          nodes.map((node) => proxmox.backups.archives({ node, storage: repository.storage ?? '' }, signal)),
        )
        const archives = [...new Map(found.flat().map((archive) => [archive.volid, archive])).values()]
        return { ...row, ...archived(plan, targets, archives, now) }
      } catch (error) {
        signal.throwIfAborted()
        if (!isHomelabError(error)) throw error
        return { ...row, ...nothing, state: 'unknown', why: error.message }
      }
    }),
  )
}

/** @param archives of any guests, in any order */
function archived(
  plan: GuestPlan,
  targets: readonly Target[],
  archives: readonly Archive[],
  now: number,
): Standing {
  const each = targets.map(({ guest, name }) => {
    const mine = archives.filter(({ vmid }) => vmid === guest.vmid).toSorted((a, b) => b.ctime - a.ctime)
    const [newest] = mine
    return { name, at: (newest?.ctime ?? 0) * 1000, size: newest?.size ?? 0, mine }
  })
  const guests = guestsTried(plan, each, now)
  const restored = guests.proven.at(-1)?.at
  const common = {
    count: each.reduce((sum, { mine }) => sum + mine.length, 0),
    guests,
    ...(restored === undefined ? {} : { restored }),
    pending: 0,
    bytes: each.reduce((sum, { size }) => sum + size, 0),
    shrunk: each.flatMap(({ mine }) => shrunkOf(mine, plan)),
  }
  const names = (of: readonly { readonly name: string }[]) => of.map(({ name }) => name).join(', ')
  const missing = each.filter(({ at }) => at === 0)
  if (missing.length > 0) return { ...common, state: 'never', why: `no archive of ${names(missing)}` }
  if (each.length === 0) return { ...common, state: 'never' }
  const last = Math.min(...each.map(({ at }) => at))
  const future = each.filter(({ at }) => at > now + ahead)
  if (future.length > 0)
    return {
      ...common,
      last,
      state: 'unknown',
      why: `the newest archive of ${names(future)} is of the future: the clock of its node was wrong`,
    }
  return { ...common, last, state: stateAt(last, freshFor(plan), now) }
}
