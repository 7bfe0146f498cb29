/** The dead man's switch: an address outside is told after each backup, so that silence is noticed there, also that of the bot. */
import { type Clock, errorData, HomelabError, type Http, type Json, type RunView } from '@homelab/core'
import { freshFor, planNamed, type SecretSource } from '@homelab/core/backup'
import type { Inventory } from '@homelab/core/inventory'
import { z } from 'zod'
import type { FactStore } from '../chat/connector.ts'
import type { Runs } from '../runs/index.ts'
import { later } from '../schedule/memory.ts'
import type { WatchLog } from './types.ts'

const Ping = z.object({
  plan: z.string(),
  run: z.string(),
  ok: z.boolean(),
  /** When the run ended, ISO 8601. */
  at: z.string(),
})
type Ping = z.infer<typeof Ping>

const PingState = z.object({
  /** Runs that ended up to here are considered, ISO 8601. */
  seen: z.string(),
  /** By plan: only the newest says how it is. */
  waiting: z.record(z.string(), Ping),
  /** By plan: when the run ended of which was told last. */
  told: z.record(z.string(), z.string()),
})
type PingState = z.infer<typeof PingState>

const NAME = 'watch.pings'
const TIMEOUT_MS = 10_000
/** Before what did not answer is asked again; twice as long each time. */
const RETRY_MS = 30_000
const RETRY_MOST_MS = 900_000
/** Runs that are looked through for those that ended while nobody listened. */
const RUNS = 200

export interface PingOptions {
  readonly runs: Pick<Runs, 'onAny' | 'list'>
  readonly inventory: () => Inventory
  readonly secrets: SecretSource
  /** One that verifies certificates: the address is a secret. */
  readonly http: Http
  readonly facts: FactStore
  readonly clock: Clock
  readonly log: WatchLog
}

export interface Pings {
  stop(): Promise<void>
}

/** Never blocks a run and never fails one. */
export function startPings({ runs, inventory, secrets, http, facts, clock, log }: PingOptions): Pings {
  const end = new AbortController()
  const parsed = PingState.safeParse(facts.get(NAME))
  // Before the first start there was no switch: what ended then is not told.
  let state: PingState = parsed.data ?? { seen: clock.now().toISOString(), waiting: {}, told: {} }
  let more = Promise.withResolvers<void>()

  const save = (next: PingState): Promise<void> => {
    state = next
    return facts
      .set(NAME, next as Json)
      .catch((error: unknown) => log.error({ err: error }, 'a ping is not kept'))
  }

  /** Takes note of a run that has ended. */
  async function consider(run: RunView): Promise<void> {
    const ping = pingOf(run, inventory())
    const at = run.finishedAt
    if (run.operation !== 'backup.run' || at === undefined) return
    const seen = later(at, state.seen)
    const newest =
      ping !== undefined && (state.waiting[ping.plan]?.at ?? state.told[ping.plan] ?? '') < ping.at
    if (seen === state.seen && !newest) return
    const kept = save({
      ...state,
      seen,
      waiting: newest ? { ...state.waiting, [ping.plan]: ping } : state.waiting,
    })
    if (newest) more.resolve()
    await kept
  }

  /** @returns whether it is done with */
  async function send({ plan: name, ok, at }: Ping): Promise<boolean> {
    const plan = inventory().backups.find((one) => one.name === name)
    if (plan?.ping === undefined) return true
    // Told now it would say that the plan is fresh now.
    if (ok && clock.now().getTime() - Date.parse(at) > freshFor(plan)) return true
    try {
      const url = addressOf((await secrets.resolve(plan.ping)).reveal(), ok)
      // To say it twice is no harm: an unclear answer is asked again.
      const { status } = await http.request({ method: 'GET', url, timeoutMs: TIMEOUT_MS, signal: end.signal })
      if (status >= 200 && status < 300) return true
      log.warn({ plan: name, status }, 'the ping of a plan is not taken')
      return status < 500 && status !== 408 && status !== 429
    } catch (error) {
      if (end.signal.aborted) return false
      // Not its message, which may have the address in it.
      log.warn({ plan: name, code: errorData(error).code }, 'the ping of a plan cannot be sent')
      return false
    }
  }

  async function sendAll(): Promise<boolean> {
    let all = true
    for (const ping of Object.values(state.waiting)) {
      if (end.signal.aborted) return false
      if (!(await send(ping))) {
        all = false
        continue
      }
      // A newer one may have come meanwhile.
      if (state.waiting[ping.plan]?.run !== ping.run) continue
      const { [ping.plan]: _, ...waiting } = state.waiting
      await save({ ...state, waiting, told: { ...state.told, [ping.plan]: ping.at } })
    }
    return all
  }

  async function loop(): Promise<void> {
    let wait = RETRY_MS
    while (!end.signal.aborted) {
      more = Promise.withResolvers()
      if (await sendAll()) {
        wait = RETRY_MS
        if (Object.keys(state.waiting).length === 0) await Promise.race([more.promise, ended])
        continue
      }
      const pause = new AbortController()
      const over = AbortSignal.any([end.signal, pause.signal])
      await Promise.race([clock.sleep(wait, over).catch(() => {}), more.promise])
      pause.abort()
      wait = Math.min(RETRY_MOST_MS, wait * 2)
    }
  }

  const ended = new Promise<void>((resolve) => end.signal.addEventListener('abort', () => resolve()))
  const listen = (run: RunView) =>
    void consider(run).catch((error: unknown) => log.error({ err: error }, 'a ping is not kept'))
  const forget = runs.onAny(listen)
  /** Those that ended while nobody listened, also between their end and the note of it here. */
  async function catchUp(): Promise<void> {
    const { seen } = state
    if (!parsed.success) await save(state)
    const missed = await runs.list({ limit: RUNS })
    for (const run of missed.filter(({ finishedAt = '' }) => finishedAt > seen)) await consider(run)
  }
  const working = catchUp()
    .catch((error: unknown) => log.error({ err: error }, 'the runs of before are not looked through'))
    .then(loop)
    .catch((error: unknown) => log.error({ err: error }, 'pings are not sent any more'))

  return {
    async stop() {
      end.abort(new HomelabError('cancelled', 'The bot shuts down.'))
      forget()
      await working
    },
  }
}

/** Undefined when there is nothing to say: a cancelled run is neither, and one of several repositories is not all of it. */
function pingOf({ id, input, state, finishedAt: at }: RunView, inventory: Inventory): Ping | undefined {
  const asked = z.object({ plan: z.string(), repository: z.string().optional() }).safeParse(input).data
  if (asked === undefined || at === undefined || (state !== 'succeeded' && state !== 'failed'))
    return undefined
  const plan = planOf(asked.plan, inventory)
  if (plan?.ping === undefined) return undefined
  const ok = state === 'succeeded'
  if (ok && asked.repository !== undefined && plan.to.length > 1) return undefined
  return { plan: plan.name, run: id, ok, at }
}

function planOf(name: string, inventory: Inventory) {
  try {
    return planNamed(inventory, name)
  } catch {
    // It is not in the file any more.
    return undefined
  }
}

/** @throws HomelabError `config`, which does not say the address */
function addressOf(text: string, ok: boolean): string {
  const url = URL.parse(text.trim())
  if (url === null || !/^https?:$/.test(url.protocol))
    throw new HomelabError('config', 'The ping of a plan is no http or https URL.')
  if (!ok) url.pathname = `${url.pathname.replace(/\/$/, '')}/fail`
  return url.href
}
