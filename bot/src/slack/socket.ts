/** Socket Mode that is never deaf for long: watched, opened anew before the old one goes, and not faster than Slack allows. */
import type { Clock, Secret } from '@homelab/core'
import { type App, LogLevel, type Logger as SlackLogger, SocketModeReceiver } from '@slack/bolt'
import { alarmOn } from '../chat/courier-alarm.ts'
import { clientOptions, inTime } from './client.ts'
import { type Trouble, troubleOf } from './trouble.ts'

export interface SocketOptions {
  readonly app: App
  readonly appToken: Secret
  readonly api: string | undefined
  readonly logger: SlackLogger
  readonly clock: Clock
  /** @param after what ended the connection before; `start` for the first */
  readonly onConnected: (after: End | 'start') => void
  /** What people type does not arrive any more; it is tried again. */
  readonly onLost: (why: string) => void
  /** Slack will not have us: nothing is tried again. */
  readonly onRefused: (trouble: Trouble) => void
}

export interface Link {
  close(): Promise<void>
}

/** Milliseconds. A socket that answers no ping for so long is dead, whatever it says. */
const PONG_MS = 9_000
const PING_MS = 30_000
/** From asking for a socket to its hello. */
const HELLO_MS = 15_000
/** What came over the old socket is acknowledged over it. */
const OVERLAP_MS = 1_500
/** How long leaving waits for a call that is on its way. */
const LEAVE_MS = 2_000
const FIRST_RETRY_MS = 1_000
const LONGEST_RETRY_MS = 60_000
/** How long a socket lives when Slack does not say. */
const LIFE_MS = 5 * 3_600_000
/** A socket that outlived what Slack said and brings nothing for so long may be deaf though it answers pings. */
const QUIET_MS = 30 * 60_000
/** Sockets may be asked for about once a minute, and a few at once. */
const BURST = 8
const REFILL_MS = 60_000

/**
 * `planned`: Slack asks for another; `overdue`: it should have, long ago; `lost`: it is gone, or deaf;
 * `disabled`: Socket Mode was switched off.
 */
export type End = 'planned' | 'overdue' | 'lost' | 'disabled'

const endings: Readonly<Record<string, End>> = { link_disabled: 'disabled', too_many_websockets: 'lost' }

interface Socket {
  readonly over: Promise<End>
  close(): Promise<void>
}

export function openSockets(options: SocketOptions): Link {
  const { clock } = options
  const ended = new AbortController()
  let current: Socket | undefined
  let tokens = BURST
  let filledAt = clock.monotonic()

  /** Resolves when another socket may be asked for. */
  async function turn(): Promise<void> {
    const now = clock.monotonic()
    tokens = Math.min(BURST, tokens + (now - filledAt) / REFILL_MS)
    filledAt = now
    tokens -= 1
    if (tokens < 0) await clock.sleep(-tokens * REFILL_MS, ended.signal)
  }

  async function run(): Promise<void> {
    let failures = 0
    let after: End | 'start' = 'start'
    while (!ended.signal.aborted) {
      const before = current
      try {
        await turn()
        current = await openSocket(options)
      } catch (error) {
        if (ended.signal.aborted) return
        const trouble = error === undefined ? closedEarly : troubleOf(error)
        if (trouble.kind === 'token' || trouble.kind === 'scope') return options.onRefused(trouble)
        if (after === 'planned') after = 'lost'
        options.onLost(trouble.kind === 'bug' ? 'no connection' : trouble.code)
        await clock.sleep(trouble.retryAfterMs ?? backoff(failures), ended.signal)
        failures += 1
        continue
      }
      if (ended.signal.aborted) return void (await current.close())
      if (before !== undefined) void retire(before)
      failures = 0
      options.onConnected(after)
      const end = await current.over
      after = end
      if (ended.signal.aborted) return
      if (end === 'disabled') return options.onRefused({ kind: 'token', code: 'link_disabled' })
      if (end === 'lost') {
        current = undefined
        options.onLost('the connection to Slack broke')
      }
    }
  }

  async function retire(socket: Socket): Promise<void> {
    await clock.sleep(OVERLAP_MS, ended.signal).catch(() => undefined)
    await socket.close()
  }

  const running = run().catch(() => undefined)
  return {
    async close() {
      ended.abort()
      await current?.close()
      await inTime(running, LEAVE_MS, clock)
    },
  }
}

const closedEarly: Trouble = { kind: 'again', code: 'the socket closed at once' }

/** With jitter: what was cut off together must not come back together. */
const backoff = (failures: number): number =>
  Math.min(LONGEST_RETRY_MS, FIRST_RETRY_MS * 2 ** Math.min(failures, 10)) * (0.5 + Math.random() / 2)

/** Resolves at its hello. @throws what `apps.connections.open` was refused with; undefined when the socket closed at once */
async function openSocket({ app, appToken, api, logger, clock }: SocketOptions): Promise<Socket> {
  const receiver = new SocketModeReceiver({
    appToken: appToken.reveal(),
    logger,
    logLevel: LogLevel.WARN,
    clientPingTimeout: PONG_MS,
    serverPingTimeout: PING_MS,
    // Its own reconnecting gives up on a network that is gone for a moment, and takes the process with it.
    autoReconnectEnabled: false,
    installerOptions: { clientOptions: clientOptions(api, logger) },
  })
  receiver.init(app)
  const { client } = receiver
  const { promise: over, resolve: end } = Promise.withResolvers<End>()
  const [deliver] = client.listeners('ws_message')
  // Another version of the client may hear in another way: then it does so alone.
  if (deliver !== undefined) client.removeAllListeners('ws_message')
  let heardAt = clock.monotonic()
  let livesUntil = heardAt + LIFE_MS
  const overdue = alarmOn(clock, () => {
    const at = Math.max(livesUntil, heardAt + QUIET_MS)
    if (at > clock.monotonic()) overdue.set(at)
    else end('overdue')
  })
  client.on('ws_message', (data: unknown, binary: unknown) => {
    heardAt = clock.monotonic()
    const { type, reason, lifeMs = LIFE_MS } = wordOf(data)
    // Theirs would close this socket here and now, with acknowledgements still to be sent over it.
    if (type === 'disconnect') return end(endings[reason ?? ''] ?? 'planned')
    if (type === 'hello') {
      livesUntil = heardAt + lifeMs
      overdue.set(Math.max(livesUntil, heardAt + QUIET_MS))
    }
    void deliver?.call(client, data, binary)
  })
  client.on('disconnected', () => end('lost'))
  void over.then(overdue.clear)

  const close = async () => {
    overdue.clear()
    const closed = client.disconnect().catch(() => undefined)
    // A peer that answers nothing is not waited for: the second call cuts it off.
    if (!(await inTime(closed, 1_000, clock))) void client.disconnect().catch(() => undefined)
  }
  const opened = receiver.start()
  if (await inTime(opened, HELLO_MS, clock)) return { over, close }
  await close()
  // It may still open, when nobody waits for it any more.
  void opened.then(close, () => undefined)
  throw undefined
}

interface Word {
  readonly type?: string
  /** Why Slack says goodbye. */
  readonly reason?: string
  /** For how long the socket lives about, in milliseconds. */
  readonly lifeMs?: number
}

/** What Slack says of the socket itself; nothing for what comes over it. */
function wordOf(data: unknown): Word {
  if (typeof data !== 'string' || data.length > 2_000 || !/"(hello|disconnect)"/.test(data)) return {}
  try {
    const {
      type,
      reason,
      debug_info: facts,
    } = JSON.parse(data) as {
      readonly type?: unknown
      readonly reason?: unknown
      readonly debug_info?: { readonly approximate_connection_time?: unknown }
    }
    if (type !== 'hello') return type === 'disconnect' ? { type, reason: String(reason) } : {}
    const seconds = Number(facts?.approximate_connection_time)
    return seconds > 0 ? { type, lifeMs: seconds * 1000 } : { type }
  } catch {
    return {}
  }
}
