/** How each plan stands, by what is in the repositories and on the storages: never by what any run said of itself. */
import { isHomelabError } from '../errors.ts'
import type { BackupEntry } from '../inventory/schema.ts'
import type { Proxmox } from '../proxmox/types.ts'
import { type EvidenceServices, lookInto, repositoriesFor } from './evidence.ts'
import { freshFor, isResticPlan, repositoriesOf, titleOf } from './plan.ts'
import { evidenceIn, type Shrinkage, shrunk } from './proofs.ts'

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
      const kept = repositoriesOf(lab.inventory, plan).map((repository): PlanStatus => {
        const base = { ...about(plan), repository: titleOf(repository) }
        const look = looks.get(repository.name)
        if (look === undefined || 'error' in look)
          return {
            ...base,
            state: 'unknown',
            count: 0,
            pending: 0,
            shrunk: [],
            why: look?.error.message ?? '',
          }
        const { proven, pending } = evidenceIn(look.snapshots, plan.name)
        const newest = proven.at(-1)
        const before = proven.findLast(({ at }) => at <= now - weekMs)
        return {
          ...base,
          state: stateAt(newest?.at, base.freshMs, now),
          count: proven.length,
          pending: pending.length,
          shrunk: shrunk(proven, plan.shrink),
          ...(newest === undefined ? {} : { last: newest.at, bytes: newest.bytes, files: newest.files }),
          ...(newest?.rows === undefined ? {} : { rows: newest.rows }),
          ...(before === undefined ? {} : { weekAgo: before.bytes }),
        }
      })
      return [...archives, ...kept]
    }),
  )
  return rows.flat()
}

const about = (plan: BackupEntry) => ({ plan: plan.name, title: titleOf(plan), freshMs: freshFor(plan) })

function stateAt(last: number | undefined, freshMs: number, now: number): PlanState {
  if (last === undefined) return 'never'
  return now - last > freshMs ? 'stale' : 'fresh'
}

/** The plan is as old as the guest that was saved longest ago. */
async function archiveStatuses(
  plan: Extract<BackupEntry, { readonly method: 'vzdump' }>,
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
      const empty = { count: 0, pending: 0, shrunk: [] }
      try {
        const nodes = [...new Set(targets.map(({ guest }) => guest.node))]
        const found = await Promise.all(
          nodes.map((node) => proxmox.backups.archives({ node, storage: repository.storage ?? '' }, signal)),
        )
        const archives = [...new Map(found.flat().map((archive) => [archive.volid, archive])).values()]
        const newest = targets.map(({ guest, name }) => {
          const mine = archives.filter(({ vmid }) => vmid === guest.vmid)
          return { name, at: Math.max(0, ...mine.map(({ ctime }) => ctime)) * 1000, size: mine[0]?.size ?? 0 }
        })
        const missing = newest.filter(({ at }) => at === 0).map(({ name }) => name)
        const oldest = Math.min(...newest.map(({ at }) => at))
        return {
          ...row,
          ...empty,
          state: missing.length > 0 || newest.length === 0 ? 'never' : stateAt(oldest, row.freshMs, now),
          count: archives.filter(({ vmid }) => targets.some(({ guest }) => guest.vmid === vmid)).length,
          bytes: newest.reduce((sum, { size }) => sum + size, 0),
          ...(missing.length > 0
            ? { why: `no archive of ${missing.join(', ')}` }
            : newest.length === 0
              ? {}
              : { last: oldest }),
        }
      } catch (error) {
        signal.throwIfAborted()
        if (!isHomelabError(error)) throw error
        return { ...row, ...empty, state: 'unknown', why: error.message }
      }
    }),
  )
}
