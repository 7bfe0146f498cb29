/** Socket Mode: the sockets of one app, over which envelopes go. */
import { randomBytes } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { WebSocket } from 'ws'
import { WebSocketServer } from 'ws'
import type { App } from '../app.ts'
import type { Faults } from '../faults.ts'
import type { Journal } from '../journal.ts'
import type { Json } from '../json.ts'
import { isObject } from '../json.ts'
import type { Workspace } from '../workspace.ts'

const MOST_SOCKETS = 10
const TICKET_MS = 30_000
/** Seconds for which a socket lives about; then Slack asks for another. */
const CONNECTION_SECONDS = 18_060
/** A socket that answers none of this many pings is dead. */
const MISSED_PINGS = 3

interface Parts {
  readonly app: App
  readonly faults: Faults
  readonly journal: Journal
  readonly workspace: Workspace
  readonly pingMs: number
}

interface Connection {
  readonly id: number
  readonly socket: WebSocket
  missed: number
}

export type Reason = 'warning' | 'refresh_requested' | 'link_disabled' | 'too_many_websockets'

export class Sockets {
  readonly #parts: Parts
  readonly #server = new WebSocketServer({ noServer: true, autoPong: false, maxPayload: 1_000_000 })
  readonly #connections = new Set<Connection>()
  readonly #tickets = new Map<string, number>()
  readonly #pinger: NodeJS.Timeout
  #opened = 0
  /** Called with each acknowledgement. */
  onAck: (envelope: string, payload: unknown) => void = () => undefined
  /** Called when a socket is ready. */
  onConnect: () => void = () => undefined

  constructor(parts: Parts) {
    this.#parts = parts
    this.#pinger = setInterval(() => this.#ping(), parts.pingMs)
    this.#pinger.unref()
  }

  get size(): number {
    return this.#connections.size
  }

  /** What `apps.connections.open` gives out: good for one socket, and not for long. */
  ticket(): string {
    const ticket = randomBytes(16).toString('hex')
    this.#tickets.set(ticket, Date.now() + TICKET_MS)
    for (const [old, until] of this.#tickets) if (until < Date.now()) this.#tickets.delete(old)
    return ticket
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const { searchParams } = new URL(request.url ?? '/', 'http://localhost')
    const ticket = searchParams.get('ticket') ?? ''
    const until = this.#tickets.get(ticket)
    this.#tickets.delete(ticket)
    if (until === undefined || until < Date.now()) {
      socket.end('HTTP/1.1 401 Unauthorized\r\nConnection: close\r\nContent-Length: 0\r\n\r\n')
      return
    }
    this.#server.handleUpgrade(request, socket, head, (opened) => this.#accept(opened))
  }

  #accept(socket: WebSocket): void {
    const { journal, app } = this.#parts
    this.#opened += 1
    const connection: Connection = { id: this.#opened, socket, missed: 0 }
    socket.on('error', () => socket.terminate())
    if (this.#connections.size >= MOST_SOCKETS) {
      journal.counts.sockets.refused += 1
      journal.add({ kind: 'socket', state: 'refused', socket: connection.id })
      this.#say(connection, this.#goodbye('too_many_websockets'))
      socket.close(1000)
      return
    }
    this.#connections.add(connection)
    journal.counts.sockets.opened += 1
    socket.on('close', () => {
      this.#connections.delete(connection)
      journal.counts.sockets.closed += 1
      journal.add({ kind: 'socket', state: 'closed', socket: connection.id })
    })
    socket.on('ping', (data) => {
      if (!this.#parts.faults.deaf) socket.pong(data)
    })
    socket.on('pong', () => {
      connection.missed = 0
    })
    socket.on('message', (data) => this.#hear(String(data)))
    this.#say(connection, {
      type: 'hello',
      num_connections: this.#connections.size,
      debug_info: {
        host: 'applink-simulator',
        build_number: 1,
        approximate_connection_time: CONNECTION_SECONDS,
      },
      connection_info: { app_id: app.id },
    })
    // The first ping starts the client's watch over the others.
    if (!this.#parts.faults.deaf) socket.ping()
    journal.add({ kind: 'socket', state: 'connected', socket: connection.id })
    this.onConnect()
  }

  #hear(text: string): void {
    if (this.#parts.faults.deaf) return
    let message: unknown
    try {
      message = JSON.parse(text)
    } catch {
      return
    }
    if (isObject(message) && typeof message.envelope_id === 'string')
      this.onAck(message.envelope_id, message.payload)
  }

  #say({ socket }: Connection, message: Json): void {
    if (socket.readyState === socket.OPEN) socket.send(JSON.stringify(message))
  }

  #ping(): void {
    if (this.#parts.faults.deaf) return
    for (const connection of this.#connections) {
      connection.missed += 1
      if (connection.missed > MISSED_PINGS) connection.socket.terminate()
      else connection.socket.ping()
    }
  }

  /** Sends to one of them, at random. The socket's number, or undefined when there is none. */
  send(envelope: Json): number | undefined {
    const all = [...this.#connections].filter(({ socket }) => socket.readyState === socket.OPEN)
    const chosen = all[Math.floor(Math.random() * all.length)]
    if (!chosen) return undefined
    if (!this.#parts.faults.deaf && !this.#parts.faults.deafEvents) this.#say(chosen, envelope)
    return chosen.id
  }

  #goodbye(reason: Reason): Json {
    return { type: 'disconnect', reason, debug_info: { host: 'applink-simulator' } }
  }

  /** Asks every client to connect again. Slack closes the socket itself soon after, but for a warning. */
  disconnect(reason: Reason): number {
    const all = [...this.#connections]
    for (const connection of all) {
      this.#say(connection, this.#goodbye(reason))
      if (reason === 'warning') continue
      setTimeout(() => connection.socket.close(1000), 1000).unref()
    }
    return all.length
  }

  /** Cuts all, without a word. */
  cut(): number {
    const all = [...this.#connections]
    for (const { socket } of all) socket.terminate()
    return all.length
  }

  close(): void {
    clearInterval(this.#pinger)
    this.cut()
    this.#server.close()
  }
}
