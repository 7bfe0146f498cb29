/** The gateway: who is connected, which sessions there are, and what they are told. */
import type { IncomingMessage } from 'node:http'
import type { WebSocket } from 'ws'
import { take } from '../../process/faults.ts'
import type { MovableClock } from '../clock.ts'
import type { Faults } from '../faults.ts'
import type { Journal } from '../journal.ts'
import { guildCreatePayload, userPayload } from '../payload.ts'
import type { World } from '../world.ts'
import { Connection } from './connection.ts'
import { Session } from './session.ts'

/** IDENTIFYs that come closer than this are refused: `max_concurrency` is 1. */
const IDENTIFY_MS = 5_000

export interface GatewayParts {
  readonly world: World
  readonly clock: MovableClock
  readonly faults: Faults
  readonly journal: Journal
  readonly token: string
}

export class Gateway {
  readonly parts: GatewayParts
  readonly #sessions = new Map<string, Session>()
  readonly #connections = new Set<Connection>()
  #lastIdentify = 0
  url = ''

  constructor(parts: GatewayParts) {
    this.parts = parts
  }

  accept(socket: WebSocket, request: IncomingMessage): void {
    const connection = new Connection(this, socket, new URL(request.url ?? '/', 'ws://peer').searchParams)
    this.#connections.add(connection)
    socket.once('close', () => this.#connections.delete(connection))
    connection.hello()
  }

  /** Tells every session with the intent; a function makes what each may know. Returns how many got it at once. */
  dispatch(name: string, wanted: number, data: object | ((session: Session) => object)): number {
    let reached = 0
    for (const session of this.#sessions.values()) {
      if (session.expired) this.forget(session)
      else if (wanted === 0 || (session.intents & wanted) !== 0) {
        const payload = typeof data === 'function' ? (data as (one: Session) => object)(session) : data
        if (session.dispatch(name, payload)) reached += 1
      }
    }
    return reached
  }

  /** Returns how many sessions have it or will have it when they resume. */
  interaction(payload: object): number {
    const times = take(this.parts.faults, 'duplicate') ? 2 : 1
    for (let time = 0; time < times; time += 1) this.dispatch('INTERACTION_CREATE', 0, payload)
    return this.#sessions.size
  }

  /** Undefined when it comes too early after the last one. */
  identify(intents: number): Session | undefined {
    const { clock, faults, journal } = this.parts
    faults.identifiesLeft -= 1
    const now = Date.now()
    if (now - this.#lastIdentify < clock.scaled(IDENTIFY_MS)) return undefined
    this.#lastIdentify = now
    const session = new Session(intents)
    this.#sessions.set(session.id, session)
    journal.add({ kind: 'gateway', event: 'identified', session: session.id })
    return session
  }

  ready(session: Session): void {
    const { world } = this.parts
    const [id, resume] = [world.guild.id, this.url]
    session.dispatch('READY', {
      v: 10,
      user: { ...userPayload(world.bot), verified: true, mfa_enabled: false, email: null, flags: 0 },
      guilds: world.botIsIn ? [{ id, unavailable: true }] : [],
      session_id: session.id,
      resume_gateway_url: resume,
      shard: [0, 1],
      application: { id: world.application, flags: 0 },
      session_type: 'normal',
      private_channels: [],
    })
    if ((session.intents & 1) !== 0 && world.botIsIn)
      session.dispatch('GUILD_CREATE', guildCreatePayload(world))
  }

  session(id: unknown): Session | undefined {
    const session = typeof id === 'string' ? this.#sessions.get(id) : undefined
    return session?.expired ? undefined : session
  }

  forget(session: Session): void {
    session.ended = true
    this.#sessions.delete(session.id)
    this.parts.journal.counts.unheard.push(...session.unread)
  }

  /** The token is worth nothing any more. */
  revoke(): void {
    this.parts.faults.tokenRevoked = true
    for (const session of this.#sessions.values()) this.forget(session)
    for (const connection of this.#connections) connection.refuse(4004)
  }

  cut(): void {
    for (const connection of this.#connections) connection.socket.terminate()
  }

  /** Op 7, or op 9 with whether the session can be resumed. */
  ask(what: 'reconnect' | 'resumable' | 'invalid'): void {
    for (const connection of this.#connections) {
      if (what === 'reconnect') connection.send({ op: 7, d: null })
      else connection.invalid(what === 'resumable')
    }
  }

  /** The sockets that are open now say nothing any more (`all`), or deliver nothing (`events`). */
  deafen(how: 'all' | 'events' | 'no'): void {
    for (const connection of this.#connections) connection.deaf = how
  }

  /** Forgets every session, so that none can be resumed. */
  forgetAll(): void {
    for (const session of this.#sessions.values()) this.forget(session)
    this.cut()
  }

  get state(): object {
    return {
      connections: this.#connections.size,
      sessions: [...this.#sessions.values()].map(({ id, live, sequence }) => ({ id, live, sequence })),
    }
  }

  allowEarlyIdentify(): void {
    this.#lastIdentify = 0
  }
}
