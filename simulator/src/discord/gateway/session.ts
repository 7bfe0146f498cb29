/** One session of the gateway: it outlives its sockets, and replays what they missed. */
import type { WebSocket } from 'ws'
import { snowflake } from '../ids.ts'

/** Events kept for a replay, up to twice as many; who missed more has to start over. */
const KEPT = 5_000
/** How long a session without a socket can be resumed. */
const LIFE_MS = 180_000

export const intent = {
  Guilds: 1 << 0,
  GuildMembers: 1 << 1,
  GuildPresences: 1 << 8,
  GuildMessages: 1 << 9,
  DirectMessages: 1 << 12,
  MessageContent: 1 << 15,
} as const

/** False when the socket is open and nothing comes through. */
type Send = (text: string) => boolean

export class Session {
  readonly id = snowflake()
  readonly intents: number
  #sequence = 0
  #missed: { readonly sequence: number; readonly text: string; readonly interaction?: string }[] = []
  #socket: WebSocket | undefined
  #send: Send | undefined
  #lostAt = 0
  ended = false

  constructor(intents: number) {
    this.intents = intents
  }

  get sequence(): number {
    return this.#sequence
  }

  get live(): boolean {
    return this.#socket !== undefined
  }

  attach(socket: WebSocket, send: Send): void {
    this.#socket = socket
    this.#send = send
  }

  owns(socket: WebSocket): boolean {
    return this.#socket === socket
  }

  detach(): void {
    this.#socket = undefined
    this.#send = undefined
    this.#lostAt = Date.now()
  }

  get expired(): boolean {
    return this.ended || (!this.live && Date.now() - this.#lostAt > LIFE_MS)
  }

  cut(): void {
    this.#socket?.terminate()
  }

  /** Whether a socket got it now. */
  dispatch(name: string, data: unknown): boolean {
    this.#sequence += 1
    const text = JSON.stringify({ op: 0, t: name, s: this.#sequence, d: data })
    const { id } = data as { readonly id?: unknown }
    const named = name === 'INTERACTION_CREATE' && typeof id === 'string'
    this.#missed.push({ sequence: this.#sequence, text, ...(named && { interaction: id }) })
    if (this.#missed.length > 2 * KEPT) {
      if (!this.live) this.ended = true
      this.#missed = this.#missed.slice(-KEPT)
    }
    return this.#send?.(text) ?? false
  }

  /** The client has all up to here: no need to keep it. */
  heard(sequence: unknown): void {
    if (typeof sequence === 'number') this.#missed = this.#missed.filter((event) => event.sequence > sequence)
  }

  /** The interactions that the client has not confirmed. */
  get unread(): readonly string[] {
    return this.#missed.flatMap(({ interaction }) => interaction ?? [])
  }

  /** What came after `sequence`; undefined when it is not kept any more. */
  after(sequence: number): readonly string[] | undefined {
    const oldest = this.#missed[0]?.sequence ?? this.#sequence + 1
    if (sequence > this.#sequence || sequence < oldest - 1) return undefined
    return this.#missed.filter((event) => event.sequence > sequence).map(({ text }) => text)
  }
}
