/** Looks now and then whether what is exposed is what is meant, tells when it is not, and has taken back what was for a while. */
import { type Card, type Clock, type Json, type Registry, runInline, type Services } from '@homelab/core'
import { z } from 'zod'
import type { FactStore } from '../chat/connector.ts'
import type { Tell } from '../incidents/tell.ts'
import type { Runs } from '../runs/index.ts'
import { openMemory } from '../schedule/memory.ts'
import type { ScheduledJob } from '../schedule/types.ts'
import { Blind, createBlindness } from './blindness.ts'
import { driftTellings, isTunnelDown, tunnelTellings } from './drift-findings.ts'
import { DriftState, driftTold, judgeDrift, nothingDrifts } from './drift-troubles.ts'
import { Expiries, expiryJobs, onlyExpiries, triedBy, withExpiry } from './expiries.ts'
import { createLoop, type Loop } from './loop.ts'
import type { WatchLog } from './types.ts'

/** Of what `tunnel.routes` answers. */
const Routes = z.object({
  marks: z.array(z.object({ hostname: z.string(), until: z.string().optional() })),
})
/** Of what `tunnel.drift` answers. */
const Drift = z.object({
  rows: z.array(z.object({ id: z.string(), severity: z.string(), there: z.string().optional() })),
})
/** Of a run that exposed something. */
const Exposed = z.object({ hostname: z.string(), until: z.string().optional() })
const Taken = z.object({ hostname: z.string() })

const LOOK_MS = 300_000

export interface ExposureWatchOptions {
  readonly registry: Registry
  /** For the operations that look; without a network in homelab.yaml there is nothing to look at. */
  readonly services: () => Partial<Services>
  readonly runs: Pick<Runs, 'active' | 'onAny'>
  readonly facts: FactStore
  readonly clock: Clock
  readonly tell: Tell
  readonly log: WatchLog
  /** Whether anybody would be told of a difference; what was for a while is taken back all the same. */
  readonly wanted?: () => boolean
  /** Milliseconds before the first look, and between two. */
  readonly firstMs: number
  readonly everyMs: number
}

export interface ExposureWatch extends Loop {
  /** What is to be taken back, as the scheduler takes it. From memory. */
  expiries(): readonly ScheduledJob[]
}

export function createExposureWatch(options: ExposureWatchOptions): ExposureWatch {
  const { registry, runs, facts, clock, tell, log, firstMs, everyMs } = options
  const read = <T>(name: string, schema: z.ZodType<T>): T | undefined => {
    const fact = facts.get(name)
    const parsed = schema.safeParse(fact)
    if (fact !== undefined && !parsed.success) log.warn({ name }, 'what the watch remembered is of no use')
    return parsed.data
  }
  let drift = read('watch.drift', DriftState) ?? nothingDrifts
  let tunnel = read('watch.tunnel', DriftState) ?? nothingDrifts
  let expiries = read('watch.expiries', Expiries) ?? {}

  async function keepExpiries(next: Expiries): Promise<void> {
    if (JSON.stringify(next) === JSON.stringify(expiries)) return
    expiries = next
    await facts.set('watch.expiries', next)
  }

  async function keepDrift(next: DriftState): Promise<void> {
    drift = next
    await facts.set('watch.drift', next as Json)
  }

  async function keepTunnel(next: DriftState): Promise<void> {
    if (JSON.stringify(next) === JSON.stringify(tunnel)) return
    tunnel = next
    await facts.set('watch.tunnel', next as Json)
  }

  const lost = (error: unknown) => log.error({ err: error }, 'when something is taken back is not kept')
  // Known from the run itself, and not only when Cloudflare is asked the next time.
  const forget = runs.onAny((run) => {
    if (run.state !== 'succeeded') return
    if (run.operation === 'tunnel.expose') {
      const { data } = Exposed.safeParse(run.result)
      if (data !== undefined)
        keepExpiries(withExpiry(expiries, data.hostname, data.until, clock.now())).catch(lost)
    } else if (run.operation === 'tunnel.unexpose') {
      const { data } = Taken.safeParse(run.result)
      if (data !== undefined)
        keepExpiries(withExpiry(expiries, data.hostname, undefined, clock.now())).catch(lost)
    }
  })

  const blindness = createBlindness({ facts, clock, tell, before: read('watch.blind', Blind) })

  async function ask(
    id: string,
    signal: AbortSignal,
  ): Promise<{ readonly output: unknown; readonly card: Card } | undefined> {
    const operation = registry.byId(id)
    if (operation === undefined) return undefined
    const output = await runInline(operation, {}, options.services(), { clock, signal })
    return { output, card: operation.card(output, { all: false }) }
  }

  async function lookAtExpiries(signal: AbortSignal): Promise<void> {
    const answer = await ask('tunnel.routes', signal)
    if (answer === undefined) return
    // Of the records, and not of the rules: another writer may have lost the rule, and the name is open all the same.
    const { marks } = Routes.parse(answer.output)
    const found = new Map(marks.map(({ hostname, until }) => [hostname, until]))
    const now = clock.now()
    await keepExpiries(onlyExpiries(expiries, found, now, triedBy(openMemory(facts, log), now)))
  }

  async function lookAtDrift(signal: AbortSignal): Promise<void> {
    const answer = await ask('tunnel.drift', signal)
    if (answer === undefined) return
    const wrong = Drift.parse(answer.output).rows.filter(({ severity }) => severity !== 'note')
    const ids = (rows: typeof wrong) => rows.map(({ id }) => id)
    const down = wrong.filter(isTunnelDown)
    const now = clock.now()
    // Written before it is told: a crash in between tells it with the same id again, which is the same card.
    await keepTunnel(judgeDrift(tunnel, ids(down), now, 'tunnel'))
    await keepDrift(judgeDrift(drift, ids(wrong.filter((row) => !isTunnelDown(row))), now))
    const tellings = [
      ...tunnelTellings(tunnel, down, connector()),
      ...driftTellings(drift, wrong, answer.card),
    ]
    for (const { id, card, state, finding } of tellings) tell(id, card, state, finding)
    await keepTunnel(driftTold(tunnel))
    await keepDrift(driftTold(drift))
  }

  function connector(): string | undefined {
    const service = options.services().lab?.inventory.network.tunnel?.service
    const [only, ...others] = service === undefined ? [] : [service].flat()
    return others.length === 0 ? only : undefined
  }

  async function look(signal: AbortSignal): Promise<void> {
    if (options.services().network === undefined) return
    // Half of it is there while one is made, and that is meant.
    if ((await runs.active()).some(({ operation }) => operation.startsWith('tunnel.'))) return
    const looks = [lookAtExpiries(signal), ...(options.wanted?.() === false ? [] : [lookAtDrift(signal)])]
    const failed = (await Promise.allSettled(looks)).find(({ status }) => status === 'rejected')
    if (failed?.status === 'rejected') throw failed.reason
    await blindness.sees()
  }

  const trouble = 'what is exposed cannot be looked at'
  const onFailure = blindness.fails
  const loop = createLoop(look, { clock, log, trouble, onFailure, firstMs, everyMs, longestMs: LOOK_MS })
  return {
    ...loop,
    expiries: () => expiryJobs(expiries),
    async stop() {
      forget()
      await loop.stop()
    },
  }
}
