/** Interactions from the person's act to the last edit: 3 s for the first answer, 15 min for the rest. */
import type { Json } from './check/form.ts'
import type { MovableClock } from './clock.ts'
import { refuse } from './error.ts'
import { snowflake } from './ids.ts'
import type { Journal } from './journal.ts'
import type { Message } from './messages.ts'
import type { Channel, User } from './world.ts'

const ANSWER_MS = 3_000
const LIFE_MS = 900_000
const KEPT = 30_000

export const typeNames: Readonly<Record<number, string>> = {
  2: 'command',
  3: 'component',
  4: 'autocomplete',
  5: 'modal',
}

export const callbackNames: Readonly<Record<number, string>> = {
  4: 'message',
  5: 'deferred',
  6: 'deferredUpdate',
  7: 'update',
  8: 'autocomplete',
  9: 'modal',
}

export interface Interaction {
  readonly id: string
  readonly token: string
  readonly type: 2 | 3 | 4 | 5
  readonly user: User
  readonly channel: Channel
  /** `homelab restart`, or a custom id. */
  readonly name: string
  readonly createdAt: number
  readonly began: number
  /** The message whose component was used. */
  readonly source: Message | undefined
  /** Number of the first answer. */
  callback: number | undefined
  /** What `@original` is. */
  original: Message | undefined
  modal: Json | undefined
  choices: readonly Json[] | undefined
  /** Nothing came within 3 s. */
  failed: boolean
  /** Resolves when the first answer is there, or the 3 s are over. */
  readonly settled: Promise<void>
  readonly settle: () => void
}

type Start = Pick<Interaction, 'type' | 'user' | 'channel' | 'name' | 'source'>

export class Interactions {
  readonly #clock: MovableClock
  readonly #journal: Journal
  readonly #all = new Map<string, Interaction>()
  readonly #pending = new Map<Interaction, NodeJS.Timeout>()
  /** The newest that were answered with a form. */
  #forms: Interaction[] = []
  /** The newest that nobody answered in time. */
  #unanswered: Interaction[] = []

  constructor(clock: MovableClock, journal: Journal) {
    this.#clock = clock
    this.#journal = journal
    clock.onMove(() => {
      for (const interaction of this.#pending.keys()) if (this.#late(interaction)) this.#fail(interaction)
    })
  }

  clear(): void {
    for (const interaction of this.#pending.keys()) this.#fail(interaction)
    this.#all.clear()
    this.#forms = []
    this.#unanswered = []
  }

  start(about: Start): Interaction {
    const { promise, resolve } = Promise.withResolvers<void>()
    const id = snowflake()
    const interaction: Interaction = {
      ...about,
      id,
      token: Buffer.from(`interaction:${id}:${crypto.randomUUID()}`).toString('base64url'),
      createdAt: this.#clock.now(),
      began: performance.now(),
      callback: undefined,
      original: undefined,
      modal: undefined,
      choices: undefined,
      failed: false,
      settled: promise,
      settle: resolve,
    }
    this.#all.set(interaction.token, interaction)
    this.#trim()
    const timer = setTimeout(() => this.#fail(interaction), ANSWER_MS)
    this.#pending.set(interaction, timer)
    this.#journal.add({
      kind: 'interaction',
      interaction: id,
      type: typeNames[about.type] ?? '',
      user: about.user.name,
      channel: about.channel.id,
      name: about.name,
    })
    return interaction
  }

  #trim(): void {
    for (const [token, { createdAt }] of this.#all) {
      if (this.#all.size <= KEPT && this.#clock.now() - createdAt < 2 * LIFE_MS) return
      this.#all.delete(token)
    }
  }

  #late({ createdAt }: Interaction): boolean {
    return this.#clock.now() - createdAt >= ANSWER_MS
  }

  #fail(interaction: Interaction): void {
    clearTimeout(this.#pending.get(interaction))
    if (!this.#pending.delete(interaction)) return
    interaction.failed = true
    this.#unanswered = [...this.#unanswered, interaction].slice(-200)
    this.#journal.add({
      kind: 'unanswered',
      interaction: interaction.id,
      type: typeNames[interaction.type] ?? '',
    })
    interaction.settle()
  }

  /** The one that may be answered now. @throws ApiError 10062, 40060 */
  answerable(id: string, token: string): Interaction {
    const interaction = this.#all.get(token)
    if (!interaction || interaction.id !== id) throw refuse('unknownInteraction')
    if (interaction.callback !== undefined) {
      this.#journal.counts.repeatedAcks += 1
      throw refuse('acknowledged')
    }
    if (interaction.failed || this.#late(interaction)) throw refuse('unknownInteraction')
    return interaction
  }

  answered(interaction: Interaction, callback: number): void {
    clearTimeout(this.#pending.get(interaction))
    this.#pending.delete(interaction)
    interaction.callback = callback
    if (callback === 9) this.#forms = [...this.#forms, interaction].slice(-100)
    this.#journal.add({
      kind: 'ack',
      interaction: interaction.id,
      type: typeNames[interaction.type] ?? '',
      callback: callbackNames[callback] ?? '',
      latencyMs: Math.round(100 * (performance.now() - interaction.began)) / 100,
    })
    interaction.settle()
  }

  expires({ createdAt }: Interaction): number {
    return createdAt + LIFE_MS
  }

  /** The one whose answer can be edited and followed up. @throws ApiError 50027, 10015 */
  byToken(application: string, token: string): Interaction {
    const interaction = this.#all.get(token)
    if (!interaction || this.#clock.now() >= this.expires(interaction)) throw refuse('invalidToken')
    if (interaction.callback === undefined || application === '') throw refuse('unknownWebhook')
    return interaction
  }

  /** The form that is open before this person: the one that this interaction opened, or the newest. */
  opened(user: User, id: string | undefined): Interaction | undefined {
    const mine = [...this.#forms].filter((one) => one.user === user && one.modal !== undefined)
    return id === undefined ? mine.at(-1) : mine.find((one) => one.id === id)
  }

  /** What was never answered, where this person did it: the client says so to them alone. */
  unanswered(user: User, channel: Channel): readonly Interaction[] {
    return this.#unanswered.filter((one) => one.user === user && one.channel === channel)
  }
}
