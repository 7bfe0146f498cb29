/** Keeps a connection to the gateway: resumes, backs off, and logs in anew only as often as is safe. */
import type { Clock } from '@homelab/core'
import { type APIGatewayBotInfo, type GatewayDispatchPayload, type REST, Routes } from 'discord.js'
import type { FactStore } from '../chat/connector.ts'
import { identifyBudget } from './budget.ts'
import { connectOnce } from './connection.ts'
import { sessionStore } from './session.ts'
import { isUnauthorised, waitOf } from './trouble.ts'

export interface Up {
  readonly resumed: boolean
  /** When it was surely connected before, ISO 8601; undefined for the first time of this process. */
  readonly awaySince?: string
}

export interface GatewayOptions {
  readonly rest: REST
  readonly token: string
  readonly application: string
  /** Sessions of another address are not ours. */
  readonly api: string
  readonly facts: FactStore
  readonly clock: Clock
  /** `me`: our own user id. */
  /**
   * @param missedSince of what did not arrive before: since when nothing did, ISO 8601
   * @returns never rejects; until it resolves, a crash has the gateway send it again
   */
  onDispatch(
    payload: GatewayDispatchPayload,
    me: string,
    missedSince: string | undefined,
  ): Promise<void> | undefined
  onUp(up: Up): void
  /** It is tried again; with what is wrong. */
  onDown(problem: string, hint: string): void
  /** It is not tried again. */
  onRefused(what: 'token' | 'intents' | 'client', detail: string): void
  onError(error: unknown): void
}

/** Close codes after which trying again is of no use. */
const refusals: Readonly<Record<number, 'token' | 'intents' | 'client'>> = {
  4004: 'token',
  4010: 'client',
  4011: 'client',
  4012: 'client',
  4013: 'client',
  4014: 'intents',
}
/** The session cannot be resumed. */
const lostSession = 4007

/** Milliseconds. */
const firstRetry = 1_000
const longestRetry = 30_000
/** A connection of this length was a good one. */
const good = 30_000
/** A wait that is worth telling. */
const longWait = 10_000

export interface Gateway {
  /** Resolves when what was read so far is stored. */
  close(): Promise<void>
}

export function openGateway(options: GatewayOptions): Gateway {
  const { clock, rest, facts } = options
  const stop = new AbortController()
  const sessions = sessionStore(facts, `${options.application}@${options.api}`, options.onError)
  const budget = identifyBudget(facts, clock)
  let info: APIGatewayBotInfo | undefined
  let aliveAt: string | undefined

  /** @returns whether it may be tried again, and how long the last one was good for, in milliseconds */
  async function once(): Promise<{ readonly again: boolean; readonly upMs: number }> {
    if (sessions.now === undefined) {
      info = undefined
      const wait = budget.waitMs()
      if (wait > longWait)
        options.onDown(
          `Logged in to Discord too often; the next try is at ${timeOf(clock.now().getTime() + wait)}.`,
          'It waits so that Discord does not reset the token. Look in the log for what ended the connections.',
        )
      if (wait > 0) await clock.sleep(wait, stop.signal)
    }
    info ??= (await rest.get(Routes.gatewayBot(), {
      signal: AbortSignal.any([stop.signal, AbortSignal.timeout(10_000)]),
    })) as APIGatewayBotInfo
    const missedSince = aliveAt ?? sessions.now?.at
    // So that only what was missed is sent again.
    await sessions.flush()
    const ended = await connectOnce({
      rest,
      token: options.token,
      info,
      sessions,
      budget,
      of: `${options.application}@${options.api}`,
      clock,
      signal: stop.signal,
      onUp: (resumed) => {
        options.onUp({ resumed, ...(aliveAt === undefined ? {} : { awaySince: aliveAt }) })
      },
      onDispatch: (payload, missed) =>
        options.onDispatch(payload, sessions.now?.user ?? '', missed ? missedSince : undefined),
      onError: options.onError,
    })
    aliveAt = ended.aliveAt ?? aliveAt
    if (stop.signal.aborted) return { again: false, upMs: 0 }
    const refusal = ended.code === undefined ? undefined : refusals[ended.code]
    if (refusal !== undefined) {
      sessions.forget()
      options.onRefused(refusal, ended.why)
      return { again: false, upMs: 0 }
    }
    if (ended.code === lostSession) sessions.forget()
    options.onDown(`The connection to Discord broke: ${ended.why}.`, 'It is tried again by itself.')
    return { again: true, upMs: ended.upMs }
  }

  async function keep(): Promise<void> {
    let failures = 0
    let refusals = 0
    while (!stop.signal.aborted) {
      let pause = 0
      try {
        const { again, upMs } = await once()
        refusals = 0
        if (!again) return
        failures = upMs > good ? 0 : failures + 1
        // The first time at once: a connection that ends after long is nothing unusual.
        if (failures > 1) pause = backoff(failures - 1)
      } catch (error) {
        if (stop.signal.aborted) return
        refusals = isUnauthorised(error) ? refusals + 1 : 0
        // One alone may be Discord's own trouble.
        if (refusals > 1) return options.onRefused('token', 'REST answers 401')
        failures += 1
        pause = Math.max(backoff(failures), waitOf(error) ?? 0)
        options.onDown(`Discord cannot be reached: ${reasonOf(error)}.`, 'It is tried again by itself.')
      }
      await clock.sleep(pause, stop.signal)
    }
  }

  const kept = keep().catch((error: unknown) => {
    if (!stop.signal.aborted) options.onError(error)
  })
  return {
    async close() {
      stop.abort()
      await kept
      await sessions.flush()
    },
  }
}

const backoff = (failures: number): number =>
  Math.min(longestRetry, firstRetry * 2 ** Math.min(failures - 1, 10)) * (0.5 + Math.random() / 2)

const timeOf = (ms: number): string => `${new Date(ms).toISOString().slice(11, 16)} UTC`

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { cause } = error
  return cause instanceof Error ? `${error.message} (${cause.message})` : error.message
}
