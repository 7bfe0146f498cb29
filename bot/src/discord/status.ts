/** What the connection is like, in the words of `healthz` and the console. */
import type { Clock } from '@homelab/core'
import type { Logger } from 'pino'
import type { ConnectorStatus } from '../chat/connector.ts'

export interface Advice {
  readonly problem: string
  readonly hint: string
  /** Nothing works until somebody changes that. */
  readonly refused?: boolean
}

/** What may be wrong while it is connected; the first is told. */
const order = ['home', 'commands', 'channels', 'clock'] as const
export type Trouble = (typeof order)[number]

export interface Status {
  readonly now: ConnectorStatus
  become(state: ConnectorStatus['state'], advice?: Advice): void
  /** Without advice it is over. */
  trouble(name: Trouble, advice: Advice | undefined): void
}

export function createStatus(clock: Clock, log: Pick<Logger, 'info' | 'warn'>): Status {
  const troubles = new Map<Trouble, Advice>()
  let state: ConnectorStatus['state'] = 'connecting'
  let advice: Advice | undefined
  let now: ConnectorStatus = { platform: 'discord', state, since: clock.now().toISOString() }

  function update(): void {
    const [trouble] =
      state === 'connected' ? order.flatMap((name) => troubles.get(name) ?? []) : ([] as const)
    const { problem, hint, refused } = trouble ?? advice ?? {}
    const shown = refused === true ? 'refused' : state
    if (shown === now.state && problem === now.problem) return
    now = {
      platform: 'discord',
      state: shown,
      since: shown === now.state ? now.since : clock.now().toISOString(),
      ...(problem === undefined ? {} : { problem }),
      ...(hint === undefined ? {} : { hint }),
    }
    if (problem === undefined) log.info({ platform: 'discord', state: shown }, 'discord')
    else log.warn({ platform: 'discord', state: shown, problem, hint }, 'discord')
  }

  return {
    get now() {
      return now
    },
    become(next, why) {
      state = next
      advice = why
      update()
    },
    trouble(name, found) {
      if (found === undefined) troubles.delete(name)
      else troubles.set(name, found)
      update()
    },
  }
}
