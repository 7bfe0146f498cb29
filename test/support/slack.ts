/** A simulated Slack as a process of its own, with what tests want to do to it. */
import type { Peer } from './peer.ts'
import { startPeer } from './peer.ts'
import type {
  ChannelChange,
  Clicked,
  Seen,
  SeenMessage,
  SeenView,
  SlackCounts,
  SlackEvent,
  SlackFaults,
  SlackInfo,
  SlackOptions,
  SlackState,
  Submitted,
  Where,
  Written,
} from './slack-types.ts'

export type * from './slack-types.ts'

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

export interface SlackPeer extends Peer<SlackEvent> {
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
}

/** Starts one and resolves when it listens; it ends with `await using`, or with this process. */
export async function startSlack(options: SlackOptions = {}): Promise<SlackPeer> {
  const { ready: info, control, peer } = await startPeer<SlackInfo, SlackEvent>('slack/main.ts', options)

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

  return {
    ...peer,
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
  }
}
