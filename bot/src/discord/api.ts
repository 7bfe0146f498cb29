/** The few calls of Discord's REST API that are used, each with a time limit of its own. */
import {
  type APIApplicationCommand,
  type APIChannel,
  type APIGuildMember,
  type APIInteractionResponse,
  type APIMessage,
  type RawFile,
  type REST,
  type RESTPostAPIApplicationCommandsJSONBody,
  Routes,
} from 'discord.js'
import type { DiscordFile } from './files.ts'

/** Milliseconds until the whole answer must be there. */
const callMs = 10_000
const ackMs = 2_000
/** An acknowledgement waits for it. */
const memberMs = 1_200

export interface Message {
  readonly body: object
  readonly files: readonly DiscordFile[]
}

export interface Api {
  answer(interaction: string, token: string, response: APIInteractionResponse): Promise<void>
  /** Of an interaction that was deferred or whose message it came from. */
  editAnswer(token: string, message: Message): Promise<APIMessage>
  post(channel: string, message: Message): Promise<APIMessage>
  edit(channel: string, id: string, message: Message): Promise<APIMessage>
  /** The thread's id is the message's. */
  startThread(channel: string, message: string, name: string): Promise<void>
  directChannel(user: string): Promise<string>
  channel(id: string): Promise<APIChannel>
  /** Ids of the roles that somebody has there. */
  rolesOf(guild: string, user: string): Promise<readonly string[]>
  /** `guild` undefined: the global ones. */
  commands(guild: string | undefined): Promise<readonly APIApplicationCommand[]>
  setCommands(guild: string | undefined, commands: readonly object[]): Promise<void>
}

const rawFiles = (files: readonly DiscordFile[]): RawFile[] =>
  files.map(({ name, data }) => ({
    name,
    data: Buffer.isBuffer(data) ? data : Buffer.from(data),
    contentType: name.endsWith('.gz')
      ? 'application/gzip'
      : name.endsWith('.svg')
        ? 'image/svg+xml'
        : name.endsWith('.png')
          ? 'image/png'
          : 'text/plain; charset=utf-8',
  }))

const withFiles = ({ body, files }: Message) => ({
  // Named on every edit, because files that are not named stay.
  body: {
    ...body,
    attachments: files.map(({ name, alt }, id) => ({
      id,
      filename: name,
      ...(alt === undefined ? {} : { description: alt }),
    })),
  },
  ...(files.length === 0 ? {} : { files: rawFiles(files) }),
  signal: AbortSignal.timeout(callMs),
})

/**
 * An error tells the address and the body of its call, and goes to a log: who has an interaction's token can answer for us,
 * and files are long.
 */
async function tidy<T>(call: Promise<T>, token?: string): Promise<T> {
  try {
    return await call
  } catch (error) {
    if (!(error instanceof Error)) throw error
    if ('requestBody' in error)
      Object.assign(error, { requestBody: { ...Object(error.requestBody), files: [] } })
    for (const [name, value] of Object.entries(error))
      if (token !== undefined && typeof value === 'string' && value.includes(token))
        Object.assign(error, { [name]: value.replaceAll(token, '[secret]') })
    throw error
  }
}

export function createApi(rest: REST, application: string): Api {
  const commandsRoute = (guild: string | undefined) =>
    guild === undefined
      ? Routes.applicationCommands(application)
      : Routes.applicationGuildCommands(application, guild)
  const signal = () => AbortSignal.timeout(callMs)
  return {
    async answer(interaction, token, response) {
      const call = rest.post(Routes.interactionCallback(interaction, token), {
        body: response,
        // The token in the address is enough, and a 401 here says nothing about the bot's own.
        auth: false,
        signal: AbortSignal.timeout(ackMs),
      })
      await tidy(call, token)
    },
    async editAnswer(token, message) {
      const call = rest.patch(Routes.webhookMessage(application, token), {
        ...withFiles(message),
        auth: false,
      })
      return (await tidy(call, token)) as APIMessage
    },
    post: async (channel, message) =>
      (await tidy(rest.post(Routes.channelMessages(channel), withFiles(message)))) as APIMessage,
    edit: async (channel, id, message) =>
      (await tidy(rest.patch(Routes.channelMessage(channel, id), withFiles(message)))) as APIMessage,
    async startThread(channel, message, name) {
      await rest.post(Routes.threads(channel, message), {
        body: { name, auto_archive_duration: 1_440 },
        signal: signal(),
      })
    },
    async directChannel(user) {
      const channel = (await rest.post(Routes.userChannels(), {
        body: { recipient_id: user },
        signal: signal(),
      })) as APIChannel
      return channel.id
    },
    channel: async (id) => (await rest.get(Routes.channel(id), { signal: signal() })) as APIChannel,
    async rolesOf(guild, user) {
      const member = (await rest.get(Routes.guildMember(guild, user), {
        signal: AbortSignal.timeout(memberMs),
      })) as APIGuildMember
      return member.roles
    },
    commands: async (guild) =>
      (await rest.get(commandsRoute(guild), { signal: signal() })) as APIApplicationCommand[],
    async setCommands(guild, commands) {
      const body = commands as RESTPostAPIApplicationCommandsJSONBody[]
      await rest.put(commandsRoute(guild), { body, signal: signal() })
    },
  }
}
