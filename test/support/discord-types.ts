/** What the Discord test peer is told, and what it shows. */

export interface DiscordOptions {
  readonly port?: number
  readonly seed?: number
  /** Channels `c-001`, `c-002`, … beside ops, general, lab-log and admins (which not everybody sees). */
  readonly channels?: number
  /** Messages kept in each channel. */
  readonly keep?: number
  /** Factor on heartbeats and rate-limit windows, never on the 3 s and 15 min; tests default to 0.1. */
  readonly speed?: number
}

/** The line that it prints when it is ready. */
export interface DiscordReady {
  /** For `new Client({ rest: { api } })`. */
  readonly api: string
  readonly gateway: string
  readonly token: string
  readonly application: string
  readonly guild: string
  readonly channels: Readonly<Record<string, string>>
  readonly users: Readonly<Record<string, string>>
  readonly roles: Readonly<Record<string, string>>
  readonly control: string
  readonly pid: number
}

/** Faults as in simulator/src/discord/faults.ts, which says what each does; an unknown name is refused. */
export interface DiscordFaults {
  duplicate?: number
  refuseGateway?: boolean
  refuseRest?: boolean
  restDelayMs?: number
  restErrors?: number
  errorStatus?: number
  limited?: number
  retryAfter?: number
  limitedScope?: 'user' | 'global' | 'shared'
  dropCreates?: number
  dropCallbacks?: number
  cutByReset?: boolean
  tokenRevoked?: boolean
  noCommandScope?: boolean
  privileged?: readonly string[]
  identifiesLeft?: number
  createsLeft?: number
  invalidRequests?: number
}

/**
 * `cut` sockets; op 7 (`reconnect`); op 9 (`resumable`, `invalid`); the sockets that are open now fall silent (`deaf`) or
 * deliver nothing (`deafEvents`) until `hear`, new ones are well; `forget` every session.
 */
export type GatewayAct =
  | 'cut'
  | 'reconnect'
  | 'resumable'
  | 'invalid'
  | 'deaf'
  | 'deafEvents'
  | 'hear'
  | 'forget'

export interface DiscordEvent {
  readonly id: number
  readonly at: number
  readonly kind:
    | 'rest'
    | 'limited'
    | 'gateway'
    | 'interaction'
    | 'ack'
    | 'unanswered'
    | 'message'
    | 'ping'
    | 'thread'
    | 'commands'
  readonly route?: string
  readonly status?: number
  readonly scope?: string
  readonly retryAfter?: number
  readonly event?: 'connected' | 'identified' | 'resumed' | 'invalid' | 'refused' | 'closed'
  readonly session?: string
  readonly code?: number
  readonly interaction?: string
  readonly type?: string
  readonly user?: string
  readonly channel?: string
  readonly name?: string
  readonly callback?: string
  readonly latencyMs?: number
  readonly change?: 'created' | 'edited' | 'deleted'
  readonly message?: string
  readonly author?: string
  readonly ephemeral?: boolean
  readonly text?: string
  readonly who?: string
  readonly thread?: string
  readonly names?: readonly string[]
  readonly creates?: number
}

export interface DiscordCounts {
  /** `POST /channels/:channel/messages` → calls that were answered. */
  readonly rest: Readonly<Record<string, number>>
  readonly answers: Readonly<Record<string, number>>
  readonly connections: number
  readonly identifies: number
  readonly resumes: number
  readonly interactions: number
  readonly undelivered: number
  readonly unheard: readonly string[]
  readonly acks: number
  readonly failedAcks: number
  readonly repeatedAcks: number
  readonly messages: {
    readonly created: number
    readonly edited: number
    readonly deleted: number
    readonly deduplicated: number
  }
  /** User or role id, or `@everyone` → pings that rang. */
  readonly pings: Readonly<Record<string, number>>
  readonly commandCreates: number
  /** 401, 403 and 429 answers; 10,000 in 10 min are a ban. */
  readonly invalidRequests: number
  /** Milliseconds to the first answers. */
  readonly latency: {
    readonly count: number
    readonly p50: number
    readonly p99: number
    readonly max: number
  }
}

export interface DiscordState {
  readonly channels: Readonly<Record<string, string>>
  readonly users: Readonly<Record<string, string>>
  readonly gateway: {
    readonly connections: number
    readonly sessions: readonly { readonly id: string; readonly live: boolean; readonly sequence: number }[]
  }
  readonly invalidRequests: number
  readonly banned: boolean
  readonly tokenRevoked: boolean
  readonly lastEvent: number
}

export interface SeenButton {
  readonly label: string
  readonly customId: string | null
  readonly url: string | null
  readonly style: number
  readonly disabled: boolean
}

export interface SeenSelect {
  readonly customId: string
  readonly type: number
  readonly placeholder: string
  readonly disabled: boolean
  readonly options: readonly { readonly label: string; readonly value: string }[]
  readonly min: number
  readonly max: number
}

export interface SeenEmbed {
  readonly title?: string
  readonly description?: string
  readonly color?: number
  readonly url?: string
  readonly timestamp?: string
  readonly fields?: readonly { readonly name: string; readonly value: string; readonly inline?: boolean }[]
  readonly footer?: { readonly text: string }
  readonly author?: { readonly name: string }
}

/** A message as a person sees it. */
export interface SeenMessage {
  readonly id: string
  readonly channel: string
  readonly author: { readonly id: string; readonly name: string; readonly bot: boolean }
  /** `thinking`: deferred and not edited yet; `failed`: still so when its token ended. */
  readonly state: 'sent' | 'thinking' | 'failed'
  readonly content: string
  /** All that can be read in it: content, embeds, texts, files, labels. */
  readonly text: string
  readonly embeds: readonly SeenEmbed[]
  readonly components: readonly Readonly<Record<string, unknown>>[]
  readonly buttons: readonly SeenButton[]
  readonly selects: readonly SeenSelect[]
  readonly files: readonly {
    readonly name: string
    readonly size: number
    readonly type: string
    readonly description: string | null
    /** Serves the file. */
    readonly url: string
  }[]
  readonly ephemeral: boolean
  readonly thread: { readonly id: string; readonly name: string; readonly archived: boolean } | null
  readonly replyTo: string | null
  readonly pings: {
    readonly users: readonly string[]
    readonly roles: readonly string[]
    readonly everyone: boolean
  }
  readonly createdAt: number
  readonly editedAt: number | null
  readonly edits: number
  readonly interaction: { readonly id: string; readonly user: string; readonly name: string } | null
}

export interface SeenField {
  readonly customId: string
  readonly type: number
  readonly label: string
  readonly value: string
  readonly required: boolean
  readonly min: number
  readonly max: number
}

/** What an act led to: its first answer, or that there was none within 3 s. */
export interface Outcome {
  readonly interaction: string
  readonly state: 'answered' | 'thinking' | 'deferred' | 'updated' | 'suggested' | 'modal' | 'failed'
  /** What the client says by itself: "The application did not respond". */
  readonly notice: string | null
  /** As it was when the first answer came. */
  readonly message: SeenMessage | null
  readonly modal: {
    readonly title: string
    readonly customId: string
    readonly fields: readonly SeenField[]
    readonly components: readonly Readonly<Record<string, unknown>>[]
  } | null
  readonly choices: readonly { readonly name: string; readonly value: string | number }[] | null
}
