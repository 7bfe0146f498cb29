/** One socket: HELLO, then IDENTIFY or RESUME, then heartbeats. */
import { createDeflate, constants as zlib } from 'node:zlib'
import type { RawData, WebSocket } from 'ws'
import { isJson } from '../check/form.ts'
import type { Gateway } from './gateway.ts'
import type { Session } from './session.ts'
import { intent } from './session.ts'

const HEARTBEAT_MS = 41_250
const SENDS = 120
const SENDS_MS = 60_000
const LONGEST_BYTES = 4_096
const ALL_INTENTS = (1 << 26) - 1

const privileged = {
  GuildMembers: intent.GuildMembers,
  GuildPresences: intent.GuildPresences,
  MessageContent: intent.MessageContent,
}

function packer(socket: WebSocket, compressed: boolean): (text: string) => void {
  if (!compressed) return (text) => socket.send(text)
  const deflate = createDeflate({ flush: zlib.Z_SYNC_FLUSH })
  // One write becomes one message: discord's client waits for the suffix of a flush.
  deflate.on('data', (chunk: Buffer) => socket.send(chunk))
  socket.once('close', () => deflate.destroy())
  return (text) => deflate.write(text)
}

export class Connection {
  readonly socket: WebSocket
  readonly #gateway: Gateway
  readonly #pack: (text: string) => void
  readonly #version: string | null
  readonly #encoding: string | null
  #session: Session | undefined
  #sends: number[] = []
  #watch: NodeJS.Timeout | undefined
  deaf: 'all' | 'events' | 'no' = 'no'

  constructor(gateway: Gateway, socket: WebSocket, query: URLSearchParams) {
    this.#gateway = gateway
    this.socket = socket
    this.#version = query.get('v')
    this.#encoding = query.get('encoding')
    this.#pack = packer(socket, query.get('compress') === 'zlib-stream')
    socket.on('message', (data) => this.#take(data))
    socket.on('error', () => socket.terminate())
    socket.once('close', (code) => this.#gone(code))
  }

  hello(): void {
    const { journal, clock } = this.#gateway.parts
    journal.add({ kind: 'gateway', event: 'connected' })
    if (this.#version !== '10' || this.#encoding !== 'json') {
      this.refuse(this.#version === '10' ? 4002 : 4012)
      return
    }
    const interval = Math.max(20, Math.round(clock.scaled(HEARTBEAT_MS)))
    this.#expectHeartbeat(interval)
    this.#text({ op: 10, d: { heartbeat_interval: interval, _trace: [] } })
  }

  send(payload: object): void {
    if (this.deaf === 'no') this.#text(payload)
  }

  #text(payload: object): void {
    if (this.socket.readyState === this.socket.OPEN) this.#pack(JSON.stringify(payload))
  }

  refuse(code: number): void {
    this.#gateway.parts.journal.add({ kind: 'gateway', event: 'refused', code })
    this.socket.close(code)
  }

  invalid(resumable: boolean): void {
    this.#gateway.parts.journal.add({ kind: 'gateway', event: 'invalid' })
    const session = this.#session
    this.#session = undefined
    // A resumable one waits for the client's RESUME, on this socket or another.
    if (session && resumable) session.detach()
    else if (session) this.#gateway.forget(session)
    this.send({ op: 9, d: resumable })
  }

  /** A client that has fallen silent is let go, as the real gateway does. */
  #expectHeartbeat(interval: number): void {
    clearTimeout(this.#watch)
    this.#watch = setTimeout(() => this.socket.close(4009), 2.5 * interval + 1_000)
  }

  #gone(code: number): void {
    clearTimeout(this.#watch)
    const session = this.#session
    if (session?.owns(this.socket)) {
      session.detach()
      // A client that says goodbye is logged out; any other end can be resumed.
      if (code === 1000 || code === 1001) this.#gateway.forget(session)
    }
    this.#gateway.parts.journal.add({
      kind: 'gateway',
      event: 'closed',
      code,
      ...(session && { session: session.id }),
    })
  }

  #tooOften(): boolean {
    const now = Date.now()
    const since = now - this.#gateway.parts.clock.scaled(SENDS_MS)
    this.#sends = [...this.#sends.filter((at) => at > since), now]
    return this.#sends.length > SENDS
  }

  #take(data: RawData): void {
    const code = this.#handle(Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data as Buffer))
    if (code !== undefined) this.refuse(code)
  }

  /** The code to close with, if this cannot go on. */
  #handle(bytes: Buffer): number | undefined {
    if (bytes.length > LONGEST_BYTES) return 4002
    if (this.#tooOften()) return 4008
    let message: unknown
    try {
      message = JSON.parse(bytes.toString('utf8'))
    } catch {
      return 4002
    }
    if (!isJson(message)) return 4002
    const { op, d } = message
    if (op === 1) return this.#heartbeat(d)
    if (op === 2) return this.#identify(d)
    if (op === 6) return this.#resume(d)
    if (!this.#session) return 4003
    // Presence, voice, members and soundboards change nothing here.
    return op === 3 || op === 4 || op === 8 || op === 31 ? undefined : 4001
  }

  #heartbeat(sequence: unknown): undefined {
    this.#expectHeartbeat(Math.max(20, this.#gateway.parts.clock.scaled(HEARTBEAT_MS)))
    if (this.deaf === 'all') return undefined
    if (this.deaf === 'no') this.#session?.heard(sequence)
    this.#text({ op: 11 })
    return undefined
  }

  #identify(d: unknown): number | undefined {
    const { faults, token } = this.#gateway.parts
    if (this.#session) return 4005
    if (!isJson(d)) return 4002
    if (faults.tokenRevoked || String(d.token).replace(/^Bot /, '') !== token) return 4004
    const { intents, shard } = d
    if (typeof intents !== 'number' || intents < 0 || (intents & ~ALL_INTENTS) !== 0) return 4013
    if (Array.isArray(shard) && (shard[1] !== 1 || shard[0] !== 0)) return 4010
    const wanted = Object.entries(privileged).filter(([, bit]) => (intents & bit) !== 0)
    if (faults.intentsRefused || wanted.some(([name]) => !faults.privileged.includes(name))) return 4014
    // The thousand of a day are used up: Discord resets the token and ends every session.
    if (faults.identifiesLeft <= 0) {
      this.#gateway.revoke()
      return undefined
    }
    const session = this.#gateway.identify(intents)
    if (session) {
      this.#attach(session)
      this.#gateway.ready(session)
    } else this.invalid(false)
    return undefined
  }

  #attach(session: Session): void {
    this.#session = session
    session.attach(this.socket, (text) => {
      if (this.deaf !== 'no' || this.socket.readyState !== this.socket.OPEN) return false
      this.#pack(text)
      return true
    })
  }

  #resume(d: unknown): number | undefined {
    const { faults, token, journal } = this.#gateway.parts
    if (this.#session) return 4005
    if (!isJson(d)) return 4002
    if (faults.tokenRevoked || String(d.token).replace(/^Bot /, '') !== token) return 4004
    const session = this.#gateway.session(d.session_id)
    const missed = typeof d.seq === 'number' ? session?.after(d.seq) : undefined
    if (!session || !missed) {
      this.invalid(false)
      return undefined
    }
    // The old socket may not know yet that it is dead.
    session.cut()
    session.heard(d.seq)
    this.#attach(session)
    for (const text of missed) this.#pack(text)
    session.dispatch('RESUMED', { _trace: [] })
    journal.add({ kind: 'gateway', event: 'resumed', session: session.id })
    return undefined
  }
}
