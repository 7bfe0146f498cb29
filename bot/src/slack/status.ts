/** What the connection is like, in the words of `healthz` and the console. */
import type { Clock } from '@homelab/core'
import type { Logger } from 'pino'
import type { ConnectorStatus } from '../chat/connector.ts'
import { type Advice, adviceFor, type Trouble } from './trouble.ts'

export interface Status {
  readonly now: ConnectorStatus
  connected(): void
  /** @param trouble absent at the start */
  connecting(trouble?: Advice): void
  /** Nothing is tried again. */
  refused(advice: Advice): void
  /** Something does not work, and the rest does: told for an hour. */
  limp(trouble: Trouble, what: string): void
  /** Something came from Slack. */
  heard(): void
}

export interface StatusOptions {
  readonly clock: Clock
  readonly log: Logger
  /** Nothing but what comes tells whether anything can come: over HTTP, where there is no connection to watch. */
  readonly blind: boolean
}

const TOLD_MS = 3_600_000
const mostTold = 20
/** Milliseconds without a word after which one may ask whether anything arrives at all. */
const QUIET_MS = 86_400_000

export function createStatus({ clock, log, blind }: StatusOptions): Status {
  let state: ConnectorStatus = at('connecting')
  let heard = { at: clock.monotonic(), date: clock.now() }
  const limps = new Map<string, Advice & { readonly at: number }>()

  function at(name: ConnectorStatus['state'], advice?: Advice): ConnectorStatus {
    return { platform: 'slack', state: name, since: clock.now().toISOString(), ...advice }
  }

  function become(name: ConnectorStatus['state'], advice?: Advice): void {
    // The time is of the state, however often it is tried.
    const { since } = state.state === name ? state : at(name)
    const same = state.state === name && state.problem === advice?.problem
    state = { ...at(name, advice), since }
    if (same) return
    if (advice === undefined) log.info({ state: name }, 'Slack')
    else log.warn({ state: name, ...advice }, 'Slack')
  }

  return {
    get now() {
      if (state.state !== 'connected') return state
      const since = clock.monotonic() - TOLD_MS
      const [limp] = [...limps.values()].filter((each) => each.at > since)
      const advice =
        limp ?? (blind && clock.monotonic() - heard.at > QUIET_MS ? quiet(heard.date) : undefined)
      return advice === undefined ? state : { ...state, problem: advice.problem, hint: advice.hint }
    },
    heard() {
      heard = { at: clock.monotonic(), date: clock.now() }
    },
    connected: () => become('connected'),
    connecting: (advice) => become('connecting', advice),
    refused: (advice) => become('refused', advice),
    limp(trouble, what) {
      const advice = limpAdvice(trouble, what)
      if (!limps.has(advice.problem)) log.warn({ ...advice }, 'Slack')
      limps.delete(advice.problem)
      limps.set(advice.problem, { ...advice, at: clock.monotonic() })
      const [oldest] = limps.keys()
      if (limps.size > mostTold && oldest !== undefined) limps.delete(oldest)
    },
  }
}

function limpAdvice(trouble: Trouble, what: string): Advice {
  if (trouble.kind === 'scope') {
    const { problem, hint } = adviceFor(trouble, 'bot')
    return { problem: `${problem.replace(/\.$/, '')}: ${what} does not work.`, hint }
  }
  if (trouble.kind === 'gone') {
    return {
      problem: `${capital(what)} does not work (${trouble.code}).`,
      hint: 'If it is a channel: type /invite @homelab in it.',
    }
  }
  return {
    problem: `${capital(what)} does not work (${trouble.code}).`,
    hint: 'It is tried again the next time.',
  }
}

const quiet = (since: Date): Advice => ({
  problem: `Nothing that Slack signed has come since ${since.toISOString().slice(0, 16).replace('T', ' ')} UTC.`,
  hint: 'If somebody has asked since: look at the tunnel, and at the Request URL of your app.',
})

const capital = (text: string): string => text.charAt(0).toUpperCase() + text.slice(1)
