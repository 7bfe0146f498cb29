/** What the Slack test peer takes and gives. */

/** Faults as in simulator/src/slack/faults.ts, which says what each does; an unknown name is refused. */
export interface SlackFaults {
  duplicateEnvelopes?: number
  duplicateEvents?: number
  /** The error that `apps.connections.open` is refused with; `ratelimited` is a 429. */
  refuseConnections?: string
  deaf?: boolean
  deafEvents?: boolean
  slowMs?: number
  answer500?: number
  answer503?: number
  rateLimited?: Readonly<Record<string, { readonly times: number; readonly retryAfter: number }>>
  cutAfterPost?: number
  token?: '' | 'token_revoked' | 'account_inactive' | 'invalid_auth'
  editWindowClosed?: boolean
  signature?: 'good' | 'wrong' | 'old' | 'missing'
  replay?: number
  /** Method, or `*` → factor on its rate limit; 0 switches it off. */
  limits?: Readonly<Record<string, number>>
}

export interface SlackOptions {
  readonly port?: number
  readonly seed?: number
  /** Factor on the waits of 1 and 5 minutes before an event is sent again (default 1). */
  readonly speed?: number
  /** Milliseconds between the server's pings (default 10,000). */
  readonly ping?: number
  /** Milliseconds in which everything must be acknowledged (default 3,000). */
  readonly ack?: number
  /** More channels, named c1 to cN, with everybody and the bot in them. */
  readonly channels?: number
  /** Messages that each channel keeps (default 200). */
  readonly keep?: number
  /** Factor on every rate limit; 0 switches them off (default 1). */
  readonly limits?: number
  readonly command?: string
}

/** The line that it prints when it is ready. */
export interface SlackInfo {
  /** For `clientOptions: { slackApiUrl }`. */
  readonly api: string
  readonly botToken: string
  readonly appToken: string
  readonly signingSecret: string
  readonly team: string
  readonly appId: string
  readonly botId: string
  readonly botUser: string
  readonly command: string
  /** anna (admin of the workspace), ben, kid, guest → user id. */
  readonly users: Readonly<Record<string, string>>
  /** ops, general, family, secret (private), random (the bot is not in it) → channel id. */
  readonly channels: Readonly<Record<string, string>>
  /** admins, operators, family → id of the user group. */
  readonly groups: Readonly<Record<string, string>>
  readonly control: string
  readonly pid: number
}

export interface SlackEvent {
  readonly id: number
  readonly at: number
  readonly kind:
    | 'call'
    | 'posted'
    | 'updated'
    | 'deleted'
    | 'view'
    | 'sent'
    | 'acked'
    | 'unacked'
    | 'lost'
    | 'socket'
    | 'http'
    | 'file'
  readonly method?: string
  readonly ok?: boolean
  readonly error?: string
  readonly channel?: string
  readonly ts?: string
  readonly thread?: string
  /** The one user who sees an ephemeral message. */
  readonly only?: string
  readonly by?: string
  readonly text?: string
  readonly action?: 'open' | 'push' | 'update' | 'publish' | 'close'
  readonly user?: string
  readonly view?: string
  readonly callback?: string
  readonly envelope?: string
  readonly type?: string
  readonly attempt?: number
  readonly socket?: number
  readonly state?: 'connected' | 'closed' | 'refused'
  readonly ms?: number
  readonly reason?: string
  readonly event?: string
  readonly status?: number
  readonly replay?: boolean
  readonly file?: string
  readonly name?: string
}

export interface SlackCounts {
  /** Method, or `response_url` → calls that arrived. */
  readonly calls: Readonly<Record<string, number>>
  /** `chat.update: ratelimited` → calls that were refused. */
  readonly refused: Readonly<Record<string, number>>
  readonly acks: { readonly sent: number; readonly acked: number; readonly failed: number }
  readonly events: { readonly emitted: number; readonly retried: number; readonly lost: number }
  readonly messages: {
    readonly posted: number
    readonly updated: number
    readonly deleted: number
    readonly ephemeral: number
  }
  /** User id, `here`, `channel`, `everyone` or `subteam:ID` → how often they were really notified. */
  readonly pings: Readonly<Record<string, number>>
  readonly sockets: { readonly opened: number; readonly refused: number; readonly closed: number }
  /** Milliseconds until envelopes were acknowledged. */
  readonly latency: Readonly<Record<'p50' | 'p95' | 'p99' | 'max', number>>
}

/** Something that a person can use. */
export interface SeenAction {
  readonly label: string
  readonly type: string
  readonly actionId: string
  readonly blockId: string
  readonly value?: string
  readonly style?: string
  readonly options: readonly string[]
}

export interface SeenMessage {
  readonly ts: string
  readonly channel: string
  /** The name of who wrote it. */
  readonly from: string
  readonly byBot: boolean
  /** The `text` field: with blocks a fallback that only notifications show. */
  readonly text: string
  /** All that can be read in it, a line for each part: blocks, or the text when there are none; attachments. */
  readonly visible: string
  readonly blocks: readonly Record<string, unknown>[]
  readonly attachments: readonly Record<string, unknown>[]
  /** Of the first attachment. */
  readonly color?: string
  readonly actions: readonly SeenAction[]
  readonly files: readonly {
    readonly id: string
    readonly name: string
    readonly title: string
    readonly size: number
    readonly content: string
  }[]
  readonly ephemeral: boolean
  readonly edited: boolean
  readonly edits: number
  readonly threadTs?: string
  readonly broadcast: boolean
  readonly replies: number
  readonly reactions: readonly string[]
  readonly metadata?: { readonly event_type: string; readonly event_payload: Record<string, unknown> }
  /** Who was notified of it. */
  readonly pings: readonly string[]
  /** Whom its markup names now, notified or not. */
  readonly mentions: readonly string[]
  readonly permalink: string
}

export interface SeenView {
  readonly id: string
  readonly type: 'modal' | 'home'
  readonly callback_id: string
  readonly private_metadata: string
  readonly title: { readonly text: string }
  readonly submit: { readonly text: string } | null
  readonly blocks: readonly Record<string, unknown>[]
  readonly visible: string
  readonly actions: readonly SeenAction[]
}

/** What a person gets to see of something that they did. */
export interface Seen {
  /** False when the app did not acknowledge in time, or was not asked at all. */
  readonly acked: boolean
  /** Milliseconds until it was acknowledged or given up. */
  readonly ms: number
  /** `operation_timeout`, `dispatch_failed`, `invalid_command_response`, `not_in_threads`, `no_such_command`, … */
  readonly error?: string
  /** The sentence that the person reads of that. */
  readonly notice?: string
  readonly envelope?: string
  readonly trigger?: string
  readonly responseUrl?: string
}

export interface Clicked extends Seen {
  /** The dialog that was shown before. */
  readonly asked?: Record<string, unknown>
}

export interface Submitted extends Seen {
  /** block_id → the sentence under that field, from Slack's client or from the app. */
  readonly errors: Readonly<Record<string, string>>
  /** What is open afterwards. */
  readonly view?: SeenView
}

export interface Written {
  readonly channel: string
  readonly ts: string
  readonly thread?: string
  /** Id of the event for the app; missing when it gets none. */
  readonly event?: string
}

/** Where an element is: in a message (the newest that has it, without `ts`), the home or the modal on top. */
export type Where = { readonly channel: string; readonly ts?: string } | { readonly in: 'home' | 'modal' }

export interface ChannelChange {
  readonly archived?: boolean
  readonly removed?: true
  readonly name?: string
  /** Names of people; the bot is `homelab`. */
  readonly add?: readonly string[]
  readonly remove?: readonly string[]
}

export interface SlackState {
  readonly lastEvent: number
  readonly sockets: number
  readonly http?: string
  readonly channels: readonly { readonly id: string; readonly name: string; readonly messages: number }[]
}
