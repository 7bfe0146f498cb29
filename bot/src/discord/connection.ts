/** One connection to the gateway, from its first try to its end. It never reconnects by itself: that is for its owner. */
import { WebSocketManager, WebSocketShardEvents } from '@discordjs/ws'
import type { Clock } from '@homelab/core'
import {
  type APIGatewayBotInfo,
  GatewayDispatchEvents as Dispatch,
  type GatewayDispatchPayload,
  GatewayIntentBits,
  type GatewayReadyDispatchData,
  type REST,
} from 'discord.js'
import type { IdentifyBudget } from './budget.ts'
import type { SessionStore } from './session.ts'

/** No privileged one: what is typed to the bot arrives without. */
const intents = GatewayIntentBits.Guilds | GatewayIntentBits.GuildMessages | GatewayIntentBits.DirectMessages

/** Milliseconds. */
const timing = {
  hello: 10_000,
  ready: 15_000,
  /** Until it is up, all in all. */
  up: 25_000,
  watch: 1_000,
  /** What Discord asks for, until we know. */
  heartbeat: 45_000,
  /** Nothing at all came for so long: it is resumed, which brings what may have got lost on a connection that is deaf. */
  quiet: 1_800_000,
}
/** Says that we come back for the session; after 1000 it would be over. */
const comingBack = 4_200

export interface Ended {
  /** What Discord closed it with; undefined when it was us. */
  readonly code?: number
  readonly why: string
  /** When it was surely alive for the last time, ISO 8601; undefined when it never was up. */
  readonly aliveAt?: string
  readonly upMs: number
}

export interface ConnectionOptions {
  readonly rest: REST
  readonly token: string
  readonly info: APIGatewayBotInfo
  readonly sessions: SessionStore
  readonly budget: IdentifyBudget
  readonly of: string
  readonly clock: Clock
  readonly signal: AbortSignal
  onUp(resumed: boolean): void
  /**
   * @param missed it is sent again because it did not arrive before
   * @returns never rejects; until it resolves, a crash has the gateway send it again
   */
  onDispatch(payload: GatewayDispatchPayload, missed: boolean): Promise<void> | undefined
  onError(error: unknown): void
}

const never = () => new Promise<never>(() => undefined)

/** Resolves when it is over. Never rejects. */
export function connectOnce(options: ConnectionOptions): Promise<Ended> {
  const { sessions, budget, clock, info } = options
  const { promise, resolve } = Promise.withResolvers<Ended>()
  const began = clock.monotonic()
  let over = false
  let greeted = false
  let upAt: number | undefined
  let ackAt = began
  let beatAt: number | undefined
  let learnedMs: number | undefined
  let heardAt = began
  let aliveAt: string | undefined
  /** The sequence of what ends a replay. The event of its own comes before the last of what was replayed. */
  let caughtUp: number | undefined

  class Manager extends WebSocketManager {
    // Asked for once by the owner, and not again for each resume.
    override fetchGatewayInformation() {
      return Promise.resolve(info)
    }
  }
  const manager = new Manager({
    rest: options.rest,
    token: options.token,
    intents,
    shardCount: 1,
    shardIds: [0],
    handshakeTimeout: timing.hello,
    helloTimeout: timing.hello,
    readyTimeout: timing.ready,
    // It would connect again after its end; with no answer here it stays where it is.
    retrieveSessionInfo: async () => (over ? await never() : (sessions.safe ?? null)),
    updateSessionInfo(_, session) {
      if (over) return
      if (session !== null) {
        const user = sessions.now?.user ?? ''
        sessions.update({ ...session, user, of: options.of, at: clock.now().toISOString() })
      } else if (greeted) sessions.forget()
    },
    buildIdentifyThrottler: () => ({
      waitForIdentify: async () => (over ? await never() : await budget.spend().catch(options.onError)),
    }),
  })

  const end = (why: string, code?: number) => {
    if (over) return
    over = true
    clearInterval(watch)
    options.signal.removeEventListener('abort', stop)
    const upMs = upAt === undefined ? 0 : clock.monotonic() - upAt
    budget.held(upMs)
    if (code === undefined)
      void Promise.resolve(manager.destroy({ code: comingBack, reason: 'coming back' })).catch(
        options.onError,
      )
    resolve({
      why,
      upMs,
      ...(code === undefined ? {} : { code }),
      ...(aliveAt === undefined ? {} : { aliveAt }),
    })
  }
  const stop = () => end('stopped')
  const alive = () => {
    aliveAt = clock.now().toISOString()
  }
  const up = (resumed: boolean) => {
    if (over) return
    const now = clock.monotonic()
    upAt = now
    ackAt = now
    heardAt = now
    alive()
    options.onUp(resumed)
  }
  const watch = setInterval(() => {
    const now = clock.monotonic()
    if (upAt === undefined && now - began > timing.up) end('it did not answer')
    else if (upAt !== undefined && now - ackAt > 2 * (learnedMs ?? timing.heartbeat)) end('it fell silent')
    else if (upAt !== undefined && now - Math.max(heardAt, upAt) > timing.quiet) end('nothing came for long')
  }, timing.watch).unref()

  manager.on(WebSocketShardEvents.Hello, () => {
    greeted = true
  })
  manager.on(WebSocketShardEvents.Ready, ({ data }: { data: GatewayReadyDispatchData }) => {
    const session = sessions.now
    if (session !== undefined && !over) sessions.update({ ...session, user: data.user.id })
    up(false)
  })
  manager.on(WebSocketShardEvents.Resumed, () => up(true))
  manager.on(WebSocketShardEvents.HeartbeatComplete, ({ heartbeatAt }) => {
    // One that was asked for comes earlier.
    if (beatAt !== undefined) learnedMs = Math.max(learnedMs ?? 0, heartbeatAt - beatAt)
    beatAt = heartbeatAt
    ackAt = clock.monotonic()
    alive()
  })
  manager.on(WebSocketShardEvents.Dispatch, ({ data }) => {
    if (over) return
    heardAt = clock.monotonic()
    alive()
    if (data.t === Dispatch.Ready || data.t === Dispatch.Resumed) caughtUp = data.s
    const release = sessions.hold(data.s)
    const taken = options.onDispatch(data, caughtUp === undefined || data.s < caughtUp)
    if (taken === undefined) release()
    else void taken.finally(release)
  })
  manager.on(WebSocketShardEvents.Closed, ({ code }) => end(`it closed the connection (${code})`, code))
  manager.on(WebSocketShardEvents.Error, ({ error }) => {
    if (!over) options.onError(error)
  })

  if (options.signal.aborted) stop()
  else {
    options.signal.addEventListener('abort', stop)
    // It rejects with what `Closed` and `Error` have said already.
    manager.connect().catch((error: unknown) => end(error instanceof Error ? error.message : String(error)))
  }
  return promise
}
