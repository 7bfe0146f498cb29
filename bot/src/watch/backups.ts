/** Looks now and then at what the repositories have, and tells when a plan is not fresh any more: a run that never was says nothing. */
import { type Clock, type Json, type Operation, type Registry, runInline, type Services } from '@homelab/core'
import {
  damageIn,
  isRestic,
  lookInto,
  type PlanStatus,
  planStatuses,
  type StatusServices,
  titleOf,
  uncovered,
  verifications,
} from '@homelab/core/backup'
import type { Inventory } from '@homelab/core/inventory'
import { z } from 'zod'
import type { FactStore } from '../chat/connector.ts'
import type { Tell } from '../incidents/tell.ts'
import type { Runs } from '../runs/index.ts'
import { troubleCard, uncoveredCard } from './backup-cards.ts'
import { troubleFinding, uncoveredFinding } from './backup-findings.ts'
import {
  BackupsState,
  isOver,
  judge,
  nothingYet,
  type Trouble,
  told,
  type Verified,
} from './backup-troubles.ts'
import { startLoop } from './loop.ts'
import type { Watch, WatchLog } from './types.ts'

const CoverageSeen = z.object({ at: z.string(), names: z.array(z.string()) })
/** Of what `backup.coverage` answers. */
const Covered = z.object({
  rows: z.array(
    z.object({
      kind: z.enum(['guest', 'mount', 'volume', 'database', 'path']),
      name: z.string(),
      where: z.string(),
      covered: z.array(z.string()),
      why: z.string().optional(),
      replaceable: z.string().optional(),
    }),
  ),
})

/** A look asks every repository once; one that does not answer must not hold up the next for ever. */
const LOOK_MS = 600_000
const DAY_MS = 86_400_000
/** A backup that goes on for longer is no reason to keep quiet. */
const BUSY_MS = 6 * 3_600_000

export interface BackupWatchOptions {
  readonly lab: StatusServices['lab']
  readonly proxmox: StatusServices['proxmox']
  readonly shells: StatusServices['shells']
  readonly secrets: StatusServices['secrets']
  readonly clock: Clock
  readonly inventory: () => Inventory
  readonly runs: Pick<Runs, 'active'>
  readonly registry: Registry
  /** For the coverage, which is the operation's own. */
  readonly services: () => Partial<Services>
  readonly facts: FactStore
  readonly tell: Tell
  /** Told what each look has seen, wrong or not. */
  readonly onBackups?: ((rows: readonly PlanStatus[], at: Date) => void) | undefined
  readonly log: WatchLog
  /** Whether anybody would be told: nothing is looked for otherwise. */
  readonly wanted?: () => boolean
  /** Milliseconds before the first look: what is caught up after a start should have begun by then. */
  readonly firstMs: number
  /** Milliseconds between two looks, more or less. */
  readonly everyMs: number
}

export function startBackupWatch(options: BackupWatchOptions): Watch {
  const { lab, clock, inventory, facts, tell, log, registry, firstMs, everyMs } = options
  const read = <T>(name: string, schema: z.ZodType<T>): T | undefined => {
    const fact = facts.get(name)
    const parsed = schema.safeParse(fact)
    if (fact !== undefined && !parsed.success) log.warn({ name }, 'what the watch remembered is of no use')
    return parsed.data
  }
  let state = read('watch.backups', BackupsState) ?? nothingYet
  let coverage = read('watch.coverage', CoverageSeen)

  async function keep(next: BackupsState): Promise<void> {
    await facts.set('watch.backups', next as Json)
    state = next
  }

  async function lookAtPlans(signal: AbortSignal): Promise<void> {
    const rows = await planStatuses(options, inventory().backups, { signal })
    options.onBackups?.(rows, clock.now())
    const seen = { rows, busy: await beingSaved(), repositories: await verified(signal) }
    // Written before it is told: a crash in between tells it with the same id again, which is the same card.
    await keep(judge(state, seen, clock.now()))
    for (const trouble of state.troubles.filter(({ untold }) => untold)) {
      const { was: kind, ...is } = trouble
      if (kind !== undefined) tellOf({ ...is, kind, end: 'over', endAt: clock.now().toISOString() })
      tellOf(is)
    }
    await keep(told(state))
  }

  function tellOf(trouble: Trouble): void {
    const card = troubleCard(trouble, clock.now())
    tell(trouble.id, card, isOver(trouble) ? 'done' : 'live', troubleFinding(trouble, card))
  }

  async function beingSaved(): Promise<ReadonlySet<string>> {
    const now = clock.now().getTime()
    const active = await options.runs.active()
    const plans = active
      .filter(
        ({ operation, createdAt }) => operation === 'backup.run' && now - Date.parse(createdAt) < BUSY_MS,
      )
      .map(({ input }) => z.object({ plan: z.string() }).safeParse(input).data?.plan.toLowerCase())
    const named = inventory().backups.filter(({ name, title }) =>
      [name, title].some((each) => each !== undefined && plans.includes(each.toLowerCase())),
    )
    return new Set(named.map(({ name }) => name))
  }

  /** From what was just looked up for the plans: it costs no call. */
  async function verified(signal: AbortSignal): Promise<ReadonlyMap<string, Verified>> {
    const { repositories, backups } = inventory()
    const used = repositories
      .filter(isRestic)
      .filter(({ name }) => backups.some((plan) => plan.to.includes(name)))
    return new Map(
      await Promise.all(
        used.map(async (repository) => {
          const look = await lookInto(repository, backups, options, { signal })
          const damage = 'error' in look ? undefined : (damageIn(verifications(look.snapshots)) ?? null)
          return [titleOf(repository), { name: repository.name, damage }] as const
        }),
      ),
    )
  }

  async function lookAtCoverage(operation: Operation, signal: AbortSignal): Promise<void> {
    const now = clock.now()
    const age = coverage === undefined ? DAY_MS : now.getTime() - Date.parse(coverage.at)
    if (age >= 0 && age < DAY_MS) return
    const answer = await runInline(operation, {}, options.services(), { clock, signal })
    const { rows } = Covered.parse(answer)
    const before = new Set(coverage?.names)
    const bare = uncovered(rows)
    const names = new Set(bare.map(({ name }) => name))
    const present = new Set(rows.map(({ name }) => name))
    // What a server that is away has is not covered for that: it is not told anew when the server is back.
    const away = [...before].filter((name) => !present.has(name) && !name.endsWith('*'))
    const fresh = bare.filter(({ name }) => !before.has(name))
    if (fresh.length > 0) {
      const id = `watch-uncovered-${now.getTime().toString(36)}`
      const card = uncoveredCard(fresh)
      tell(id, card, 'done', uncoveredFinding(id, fresh, card))
    }
    coverage = { at: now.toISOString(), names: [...names, ...away].slice(0, 1_000) }
    await facts.set('watch.coverage', coverage)
  }

  async function look(signal: AbortSignal): Promise<void> {
    if (inventory().backups.length === 0 && state.troubles.length === 0) return
    try {
      if ((await lab.overview({ signal })).filtered) return
    } catch {
      // The lab is away, which is told as such.
      return
    }
    await lookAtPlans(signal)
    const operation = registry.byId('backup.coverage')
    if (operation !== undefined && inventory().backups.length > 0) await lookAtCoverage(operation, signal)
  }

  const trouble = 'the backups cannot be looked at'
  const { wanted } = options
  return startLoop(look, { clock, log, trouble, wanted, firstMs, everyMs, longestMs: LOOK_MS })
}
