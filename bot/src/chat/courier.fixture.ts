/** A clock that moves when it is told to, and a chat platform in memory that keeps what people would see. */
import { setImmediate as turn } from 'node:timers/promises'
import type { Clock, Json, RunLogLine } from '@homelab/core'
import type { MessageStore } from './connector.ts'
import { type Courier, type CourierOptions, createCourier, type Outlet, type Where } from './courier.ts'
import type { Posted } from './types.ts'

export interface VirtualClock extends Clock {
  /** Moves ahead; whatever is due meanwhile happens in order and to its end. */
  pass(ms: number): Promise<void>
  /** Moves ahead as far as it takes. @throws when it takes more than `mostMs` */
  until(promise: Promise<unknown>, mostMs?: number): Promise<void>
}

export const start = Date.parse('2026-11-23T10:00:00.000Z')

export function virtualClock(): VirtualClock {
  /** The next one last. */
  const sleepers: { readonly at: number; readonly wake: () => void }[] = []
  let passed = 0

  const pass = async (ms: number) => {
    const end = passed + ms
    await turn()
    for (let next = sleepers.at(-1); next !== undefined && next.at <= end; next = sleepers.at(-1)) {
      sleepers.pop()
      passed = Math.max(passed, next.at)
      next.wake()
      await turn()
    }
    passed = end
  }

  return {
    now: () => new Date(start + passed),
    monotonic: () => passed,
    sleep(ms, signal) {
      return new Promise((resolve, reject) => {
        const sleeper = { at: passed + ms, wake: resolve }
        let from = 0
        for (let to = sleepers.length; from < to; ) {
          const middle = (from + to) >> 1
          if ((sleepers[middle]?.at ?? 0) > sleeper.at) from = middle + 1
          else to = middle
        }
        sleepers.splice(from, 0, sleeper)
        signal?.addEventListener('abort', () => {
          const index = sleepers.indexOf(sleeper)
          if (index >= 0) sleepers.splice(index, 1)
          reject(signal.reason)
        })
      })
    },
    pass,
    async until(promise, mostMs = 86_400_000) {
      let over = false
      void promise.then(() => {
        over = true
      })
      const end = passed + mostMs
      for (await turn(); !over; ) {
        const next = sleepers.at(-1)
        if (next === undefined || next.at > end) throw new Error('it never comes')
        await pass(next.at - passed)
      }
    },
  }
}

export interface Message {
  readonly id: string
  readonly card: string
  readonly channel: string
  /** Each state that it had, the newest last. */
  readonly states: Posted[]
  readonly log: string[]
  mentions: number
  deleted: boolean
}

export type CallKind = 'show' | 'log' | 'mention'

export interface Call {
  readonly kind: CallKind
  readonly posted: Posted
  readonly at: number
}

/** Done to a call: an error instead of it; `late`: it acts, then throws this; `hang`: it acts and never answers. */
export type Fault = { readonly throws: unknown; readonly late?: boolean } | 'hang'

export interface FakePlatform {
  readonly outlet: Outlet
  readonly messages: Message[]
  readonly calls: Call[]
  /** What no adapter may be made to do: two calls at once for one card, or faster than the pace. */
  readonly offences: string[]
  fault: (call: Call) => Fault | undefined
  of(card: string): readonly Message[]
  /** Posts an empty message. */
  add(card: string, channel: string): Message
}

/** Times are fractions where a wait was random. */
const rounding = 1e-6

export function fakePlatform(clock: Clock, channelMs: number, latencyMs = 50): FakePlatform {
  const messages: Message[] = []
  const byCard = new Map<string, Message[]>()
  const calls: Call[] = []
  const offences: string[] = []
  const busy = new Set<string>()
  const last = new Map<string, number>()

  async function call<T>(kind: CallKind, posted: Posted, act: () => T): Promise<T> {
    const at = clock.monotonic()
    const { channel } = posted.place
    calls.push({ kind, posted, at })
    if (busy.has(posted.id)) offences.push(`two calls at once for ${posted.id}`)
    if (at - (last.get(channel) ?? -Infinity) < channelMs - rounding)
      offences.push(`too fast in ${channel} at ${at}`)
    last.set(channel, at)
    busy.add(posted.id)
    try {
      const fault = platform.fault({ kind, posted, at })
      await clock.sleep(latencyMs)
      if (fault === 'hang') {
        act()
        return await new Promise<never>(() => undefined)
      }
      if (fault !== undefined && fault.late !== true) throw fault.throws
      const result = act()
      if (fault !== undefined) throw fault.throws
      return result
    } finally {
      busy.delete(posted.id)
    }
  }

  const add = (card: string, channel: string): Message => {
    const id = `m${messages.length}`
    const message: Message = { id, card, channel, states: [], log: [], mentions: 0, deleted: false }
    messages.push(message)
    byCard.set(card, [...of(card), message])
    return message
  }
  const of = (card: string): readonly Message[] => byCard.get(card) ?? []
  const find = (where: Where): Message => {
    const message = messages[Number(String(where.message).slice(1))]
    if (message === undefined || message.deleted) throw new Error(`no message ${String(where.message)}`)
    return message
  }

  const platform: FakePlatform = {
    messages,
    calls,
    offences,
    fault: () => undefined,
    of,
    add,
    outlet: {
      platform: 'slack',
      show: (posted, where) =>
        call('show', posted, () => {
          // As an adapter does with a nonce: what it posted and did not hear of is found again.
          const message =
            where?.message === undefined
              ? (of(posted.id).find(({ deleted }) => !deleted) ?? add(posted.id, posted.place.channel))
              : find(where)
          message.states.push(posted)
          return { ...where, message: message.id }
        }),
      log: (posted, where, lines, from) =>
        call('log', posted, () => {
          const { log } = find(where)
          if (log.length < from) offences.push(`lines of ${posted.id} left out: ${log.length} of ${from}`)
          log.splice(from, Infinity, ...lines)
          return { ...where, thread: 'the log' }
        }),
      mention: (posted, where) =>
        call('mention', posted, () => {
          find(where).mentions += 1
        }),
    },
  }
  return platform
}

/** Like the bot's own, but without a disk: what goes in comes out as JSON. */
export function memoryMessages(): MessageStore {
  const refs = new Map<string, string>()
  const read = (card: string) => JSON.parse(refs.get(card) ?? 'null') as Json
  return {
    get: (card) => (refs.has(card) ? read(card) : undefined),
    save: (card, _, ref) => Promise.resolve(void refs.set(card, JSON.stringify(ref))),
    cardOf: (_, message) =>
      [...refs.keys()].find((card) => (read(card) as { message?: string }).message === message),
  }
}

export interface Desk {
  readonly clock: VirtualClock
  readonly platform: FakePlatform
  readonly messages: MessageStore
  courier: Courier
  readonly logs: Map<string, RunLogLine[]>
  readonly lost: { readonly posted: Posted; readonly error: unknown }[]
  readonly bugs: unknown[]
  /** `kill -9`, and a new process. */
  restart(): Courier
}

export const pace = { cardMs: 1_000, channelMs: 100 }

export function openDesk(change: Partial<CourierOptions> = {}): Desk {
  const clock = virtualClock()
  const platform = fakePlatform(clock, (change.pace ?? pace).channelMs)
  const messages = memoryMessages()
  const logs = new Map<string, RunLogLine[]>()
  const lost: Desk['lost'] = []
  const bugs: unknown[] = []
  let process = 0
  /** What is answered to a process that was killed reaches nobody. */
  const outletOf = (mine: number): Outlet => {
    const alive = async <T>(answer: Promise<T>): Promise<T> => {
      const settled = await Promise.allSettled([answer])
      if (mine !== process) await new Promise<never>(() => undefined)
      if (settled[0].status === 'rejected') throw settled[0].reason
      return settled[0].value
    }
    const { outlet } = platform
    return {
      platform: outlet.platform,
      show: (posted, where) => alive(outlet.show(posted, where)),
      log: (posted, where, lines, from) => alive(outlet.log(posted, where, lines, from)),
      mention: (posted, where) => alive(outlet.mention(posted, where)),
    }
  }
  const open = () =>
    createCourier({
      outlet: outletOf(process),
      messages,
      runs: { log: (id, limit) => Promise.resolve((logs.get(id) ?? []).slice(-limit)) },
      clock,
      pace,
      onLost: (posted, error) => lost.push({ posted, error }),
      onBug: (error) => bugs.push(error),
      ...change,
    })
  const desk: Desk = {
    clock,
    platform,
    messages,
    courier: open(),
    logs,
    lost,
    bugs,
    restart() {
      process += 1
      void desk.courier.close()
      desk.courier = open()
      return desk.courier
    },
  }
  return desk
}

/** @param text makes one state different from the other */
export const cardAt = (
  id: string,
  state: Posted['state'],
  text: string,
  rest: Partial<Posted> = {},
): Posted => ({
  id,
  place: { surface: 'slack', channel: 'ops' },
  caller: { id: 'slack:U1', name: 'you', role: 'admin', surface: 'chat' },
  command: 'restart plex',
  at: new Date(start).toISOString(),
  state,
  card: { title: 'Restart plex', tone: 'busy', text },
  ...rest,
})
