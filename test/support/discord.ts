/** A Discord as a process of its own, and its people: what tests do to it, and see of it. */
import type {
  DiscordCounts,
  DiscordEvent,
  DiscordFaults,
  DiscordOptions,
  DiscordReady,
  DiscordState,
  GatewayAct,
  Outcome,
  SeenMessage,
} from './discord-types.ts'
import type { Peer } from './peer.ts'
import { startPeer } from './peer.ts'

export type * from './discord-types.ts'

type Values = Readonly<Record<string, string | number | boolean>>

interface Where {
  /** Name or id of a channel or thread; `@kid` is the bot's direct conversation with kid. */
  readonly channel: string
}

interface On {
  readonly message?: string
  /** Default message: the newest in this channel that has it. */
  readonly channel?: string
}

/** Every act is refused with an Error when Discord's own client would not let a person do it. */
export interface Person {
  readonly name: string
  readonly id: string
  /** `path` is without the command's name when there is but one. Resolves with the first answer, at the latest after 3 s. */
  command(act: Where & { readonly path: readonly string[]; readonly options?: Values }): Promise<Outcome>
  /** Resolves with the interaction's id as soon as it is sent. */
  send(act: Where & { readonly path: readonly string[]; readonly options?: Values }): Promise<string>
  /** `options` has what is typed so far, `option` is the one that is being typed. */
  autocomplete(
    act: Where & { readonly path: readonly string[]; readonly option: string; readonly options?: Values },
  ): Promise<Outcome>
  click(act: On & ({ readonly label: string } | { readonly customId: string })): Promise<Outcome>
  /** Values or labels; people, roles and channels by name. */
  select(act: On & { readonly values: readonly string[]; readonly customId?: string }): Promise<Outcome>
  /** Fills in the form that opened last, by custom id or label. */
  submit(act: {
    readonly fields: Readonly<Record<string, string | readonly string[]>>
    readonly interaction?: string
  }): Promise<Outcome>
  /** `@homelab` mentions the bot. Resolves with the message's id. */
  say(act: Where & { readonly content: string; readonly replyTo?: string }): Promise<string>
  dm(content: string): Promise<string>
  /** The commands that the client offers here, duplicates too. */
  commands(channel?: string): Promise<readonly { readonly name: string; readonly guild_id?: string }[]>
  read(channel: string): Promise<readonly SeenMessage[]>
  /** "The application did not respond": what the client says here by itself, oldest first. */
  notices(
    channel: string,
  ): Promise<readonly { readonly interaction: string; readonly name: string; readonly text: string }[]>
  change(change: {
    readonly roles?: readonly string[]
    readonly display?: string
    readonly dmsClosed?: boolean
    readonly leave?: true
  }): Promise<void>
}

export interface ChannelChange {
  readonly delete?: true
  /** Permissions that the bot has no more in this channel; an empty list gives all back. */
  readonly botDenied?: readonly string[]
  readonly archived?: boolean
  readonly locked?: boolean
}

export interface Discord extends Peer<DiscordEvent> {
  readonly ready: DiscordReady
  /** owner (admins), partner (operators), kid (family), stranger (no role), or who was added. */
  person(name: string): Person
  addPerson(name: string, about?: { display?: string; roles?: readonly string[] }): Promise<Person>
  /** Everything in a channel, oldest first; `as` somebody: what this person sees. */
  read(channel: string, as?: string): Promise<readonly SeenMessage[]>
  /** The registered commands as the API has them. */
  commands(): Promise<{
    readonly global: readonly Readonly<Record<string, unknown>>[]
    readonly guild: readonly Readonly<Record<string, unknown>>[]
  }>
  fault(faults: DiscordFaults): Promise<void>
  gateway(act: GatewayAct): Promise<void>
  /** Moves the clocks of the 3 s and the 15 min ahead by so much. */
  ahead(ms: number): Promise<void>
  addChannel(name: string): Promise<string>
  changeChannel(name: string, change: ChannelChange): Promise<void>
  deleteMessage(id: string): Promise<void>
  state(): Promise<DiscordState>
  counts(): Promise<DiscordCounts>
  resetCounts(): Promise<void>
  /** As at the start: no messages, commands, sessions, faults or counts. */
  reset(): Promise<void>
  /** The message whose text fits or fitted, as it is now. */
  waitForText(channel: string, pattern: string, options?: { readonly after?: number }): Promise<SeenMessage>
}

/** Starts one and resolves when everything listens; it ends with `await using`, or with this process. */
export async function startDiscord(options: DiscordOptions = {}): Promise<Discord> {
  const { ready, control, peer } = await startPeer<DiscordReady, DiscordEvent>('discord/main.ts', {
    speed: 0.1,
    ...options,
  })

  interface Seen {
    readonly messages: readonly SeenMessage[]
    readonly notices: readonly {
      readonly interaction: string
      readonly name: string
      readonly text: string
    }[]
  }
  const look = (channel: string, as?: string): Promise<Seen> => {
    const query = as === undefined ? '' : `?as=${encodeURIComponent(as)}`
    return control('GET', `/channels/${encodeURIComponent(channel)}${query}`)
  }
  const read: Discord['read'] = async (channel, as) => (await look(channel, as)).messages

  function personOf(name: string, id: string): Person {
    const path = `/people/${encodeURIComponent(name)}`
    const act = (what: string, body: object): Promise<Outcome> => control('POST', `${path}/${what}`, body)
    const said = async (what: string, body: object): Promise<string> =>
      (await control<{ message: string }>('POST', `${path}/${what}`, body)).message
    return {
      name,
      id,
      command: (body) => act('command', body),
      send: async (body) => (await act('command', { ...body, wait: false })).interaction,
      autocomplete: (body) => act('autocomplete', body),
      click: (body) => act('click', body),
      select: (body) => act('select', body),
      submit: (body) => act('submit', body),
      say: (body) => said('say', body),
      dm: (content) => said('dm', { content }),
      commands: async (channel = 'ops') =>
        (
          await control<{ commands: readonly { name: string; guild_id?: string }[] }>(
            'GET',
            `${path}/commands?channel=${encodeURIComponent(channel)}`,
          )
        ).commands,
      read: (channel) => read(channel, name),
      notices: async (channel) => (await look(channel, name)).notices,
      change: async (change) => void (await control('POST', path, change)),
    }
  }

  return {
    ...peer,
    ready,
    person: (name) => personOf(name, ready.users[name] ?? ''),
    addPerson: async (name, about) => {
      const path = `/people/${encodeURIComponent(name)}`
      return personOf(name, (await control<{ id: string }>('POST', path, { create: true, ...about })).id)
    },
    read,
    commands: () => control('GET', '/commands'),
    fault: async (faults) => void (await control('POST', '/faults', faults)),
    gateway: async (act) => void (await control('POST', '/gateway', { act })),
    ahead: async (aheadMs) => void (await control('POST', '/clock', { aheadMs })),
    addChannel: async (name) =>
      (await control<{ id: string }>('POST', `/channels/${encodeURIComponent(name)}`, { create: true })).id,
    changeChannel: async (name, change) =>
      void (await control('POST', `/channels/${encodeURIComponent(name)}`, change)),
    deleteMessage: async (id) => void (await control('DELETE', `/messages/${id}`)),
    state: () => control('GET', '/state'),
    counts: () => control('GET', '/counts'),
    resetCounts: async () => void (await control('POST', '/counts/reset')),
    reset: async () => void (await control('POST', '/reset')),
    waitForText: async (channel, pattern, wanted) => {
      const id = (await control<DiscordState>('GET', '/state')).channels[channel] ?? channel
      const match = { kind: 'message', channel: id, text: `~${pattern}` } as const
      const [event] = await peer.waitFor(match, wanted).catch(async (cause: unknown) => {
        const there = (await read(channel)).slice(-3).map(({ text }) => text)
        throw new Error(`no message "${pattern}" in ${channel}, whose last are ${JSON.stringify(there)}`, {
          cause,
        })
      })
      const message = (await read(channel)).find((one) => one.id === event?.message)
      if (!message) throw new Error(`the message "${pattern}" of ${channel} is gone again`)
      return message
    },
  }
}
