/** A simulated Slack as a process of its own, with what tests want to do to it. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../simulator/src/slack/main.ts', import.meta.url))
const READY_MS = 20_000
const END_MS = 5_000

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

export interface SlackPerson {
  /** Channels by name, `dm` for the conversation with the bot. Resolves when it was acknowledged or given up. */
  command(channel: string, text: string, more?: { command?: string; thread_ts?: string }): Promise<Seen>
  /** The bot's name goes before the text; `@name` and `#channel` become what Slack's client makes of them. */
  mention(channel: string, text: string, thread_ts?: string): Promise<Written>
  say(channel: string, text: string, thread_ts?: string): Promise<Written>
  dm(text: string, thread_ts?: string): Promise<Written>
  /** Opens the App Home. What the app publishes then is in `views()`. */
  home(): Promise<void>
  /** By action_id or by what stands on the button. `confirm: false` says no to its dialog. */
  click(where: Where, action: string, confirm?: boolean): Promise<Clicked>
  /** By the text or value of the option, the name of a user or channel; several for a multi-select. */
  select(where: Where, action: string, option: string | readonly string[]): Promise<Seen>
  /** What an external select offers for what was typed. */
  suggest(where: Where, action: string, typed: string): Promise<Seen & { options: Record<string, unknown>[] }>
  /** Label, action_id or block_id → what is typed or chosen, in the modal on top. */
  submit(values?: Readonly<Record<string, string | readonly string[]>>): Promise<Submitted>
  close(): Promise<Seen | undefined>
  /** What is open: the home, and the modals, the lowest first. */
  views(): Promise<{ readonly home?: SeenView; readonly modals: readonly SeenView[] }>
}

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

export interface SlackPeer extends AsyncDisposable {
  readonly info: SlackInfo
  person(name: string): SlackPerson
  /** Oldest first. `as` hides what that person does not see; `thread` shows a message and its replies. */
  read(channel: string, options?: { as?: string; thread?: string }): Promise<readonly SeenMessage[]>
  fault(faults: SlackFaults): Promise<void>
  /** Milliseconds that Slack's clock is ahead: for triggers (3 s) and response URLs (30 min). */
  clock(aheadMs: number): Promise<void>
  /** No faults, limits full, first manifest, no messages, first people and channels, no events; sockets stay. */
  reset(): Promise<void>
  /** Cuts every socket without a word; resolves with how many. */
  cut(): Promise<number>
  /** Tells every client to connect again. */
  disconnect(reason?: 'warning' | 'refresh_requested' | 'link_disabled'): Promise<number>
  /** Requests to this address instead of sockets; resolves with whether it gave the challenge back. */
  http(url: string | undefined): Promise<boolean>
  app(change: {
    scopes?: readonly string[]
    subscriptions?: readonly string[]
    commands?: readonly string[]
    shouldEscape?: boolean
  }): Promise<void>
  addChannel(name: string, members: readonly string[], kind?: 'channel' | 'private'): Promise<{ id: string }>
  changeChannel(channel: string, change: ChannelChange): Promise<void>
  changeGroup(
    group: string,
    change: { add?: readonly string[]; remove?: readonly string[]; disabled?: boolean },
  ): Promise<void>
  changeUser(user: string, change: { deleted?: boolean; name?: string; realName?: string }): Promise<void>
  deleteMessage(channel: string, ts: string): Promise<void>
  counts(): Promise<SlackCounts>
  state(): Promise<SlackState>
  /** The id of the newest event, to wait for what comes after it. */
  mark(): Promise<number>
  /**
   * Events whose fields are equal to those given, or match them when they begin with `~` (a pattern);
   * also events that were, after the id `after`.
   * @throws Error when `count` of them did not happen in time (default 1 in 10 s)
   */
  waitFor(
    match: Partial<Omit<SlackEvent, 'id' | 'at'>>,
    options?: { readonly after?: number; readonly count?: number; readonly timeoutMs?: number },
  ): Promise<readonly SlackEvent[]>
  stop(): Promise<void>
}

function isInfo(value: unknown): value is SlackInfo {
  return typeof value === 'object' && value !== null && 'api' in value && 'control' in value
}

/** Starts one and resolves when it listens; it ends with `await using`, or with this process. */
export async function startSlack(options: SlackOptions = {}): Promise<SlackPeer> {
  const args = Object.entries(options).flatMap(([name, value]) =>
    value === undefined ? [] : [`--${name}=${value}`],
  )
  const child = spawn(process.execPath, [main, ...args, '--with-parent'], { stdio: ['pipe', 'pipe', 'pipe'] })
  let errors = ''
  child.stderr.on('data', (data: Buffer) => {
    errors += data.toString()
  })
  const timer = setTimeout(() => child.kill('SIGKILL'), READY_MS)
  const [line] = await Promise.race([
    once(createInterface(child.stdout), 'line'),
    once(child, 'exit').then(() => [undefined]),
  ])
  clearTimeout(timer)
  const info: unknown = typeof line === 'string' ? JSON.parse(line) : undefined
  if (!isInfo(info)) throw new Error(`The Slack peer did not start: ${errors}`)

  async function control<T>(verb: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(`${(info as SlackInfo).control}${path}`, {
      method: verb,
      ...(body !== undefined && {
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
      }),
    })
    const answer = (await response.json()) as T & { error?: string }
    if (!response.ok)
      throw new Error(`slack ${verb} ${path} ${JSON.stringify(body ?? {})}: ${answer.error}\n${errors}`)
    return answer
  }

  const person = (name: string): SlackPerson => {
    const ask = async <T>(deed: string, body: object = {}): Promise<T> =>
      (await control<{ result: T }>('POST', `/people/${encodeURIComponent(name)}/${deed}`, body)).result
    return {
      command: (channel, text, more) => ask('command', { channel, text, ...more }),
      mention: (channel, text, thread_ts) => ask('mention', { channel, text, thread_ts }),
      say: (channel, text, thread_ts) => ask('say', { channel, text, thread_ts }),
      dm: (text, thread_ts) => ask('dm', { text, thread_ts }),
      home: async () => void (await ask('home')),
      click: (where, action, confirm) => ask('click', { ...where, action, confirm }),
      select: (where, action, option) => ask('select', { ...where, action, option }),
      suggest: (where, action, typed) => ask('suggest', { ...where, action, typed }),
      submit: (values = {}) => ask('submit', { values }),
      close: () => ask('close'),
      views: () => ask('views'),
    }
  }

  const stop = async (): Promise<void> => {
    if (child.exitCode !== null || child.signalCode !== null) return
    const ended = once(child, 'exit')
    child.kill('SIGTERM')
    const late = setTimeout(() => child.kill('SIGKILL'), END_MS)
    await ended
    clearTimeout(late)
  }

  return {
    info,
    person,
    read: async (channel, { as, thread } = {}) =>
      (await control<{ messages: readonly SeenMessage[] }>('POST', '/read', { channel, as, thread }))
        .messages,
    fault: async (faults) => void (await control('POST', '/faults', faults)),
    clock: async (aheadMs) => void (await control('POST', '/clock', { aheadMs })),
    reset: async () => void (await control('POST', '/reset')),
    cut: async () => (await control<{ cut: number }>('POST', '/cut')).cut,
    disconnect: async (reason) => (await control<{ told: number }>('POST', '/disconnect', { reason })).told,
    http: async (url) => (await control<{ verified?: boolean }>('POST', '/http', { url })).verified ?? false,
    app: async (change) => void (await control('POST', '/app', change)),
    addChannel: (name, members, kind) => control('POST', '/channels', { name, members, kind }),
    changeChannel: async (channel, change) => void (await control('POST', `/channels/${channel}`, change)),
    changeGroup: async (group, change) => void (await control('POST', `/groups/${group}`, change)),
    changeUser: async (user, change) => void (await control('POST', `/users/${user}`, change)),
    deleteMessage: async (channel, ts) => void (await control('POST', '/messages/delete', { channel, ts })),
    counts: () => control<SlackCounts>('GET', '/counts'),
    state: () => control<SlackState>('GET', '/state'),
    mark: async () => (await control<SlackState>('GET', '/state')).lastEvent,
    waitFor: async (match, wanted) =>
      (await control<{ events: readonly SlackEvent[] }>('POST', '/wait', { match, ...wanted })).events,
    stop,
    [Symbol.asyncDispose]: stop,
  }
}
