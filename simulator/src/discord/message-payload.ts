/** Messages in the form of the API. */
import { flag } from './check/message.ts'
import type { Attachment } from './files.ts'
import type { Message } from './messages.ts'
import { memberPayload, userPayload } from './payload.ts'
import type { World } from './world.ts'
import { channelType } from './world.ts'

const stamp = (ms: number): string => new Date(ms).toISOString().replace('Z', '000+00:00')

/** Where files are served again: `origin` is the peer's own address. */
export const fileUrl = (origin: string, one: Attachment): string =>
  `${origin}/attachments/${one.channel}/${one.id}/${encodeURIComponent(one.filename)}`

const attachmentPayload = (origin: string, one: Attachment): object => ({
  id: one.id,
  filename: one.filename,
  size: one.size,
  url: fileUrl(origin, one),
  proxy_url: fileUrl(origin, one),
  content_type: one.type,
  ...(one.description !== undefined && { description: one.description }),
})

export function messagePayload(world: World, message: Message): object {
  const { origin, pings } = message
  const mentioned = pings.users.flatMap((id) => world.users.get(id) ?? [])
  return {
    id: message.id,
    channel_id: message.channel.id,
    type: origin?.type === 2 ? 20 : message.replyTo === undefined ? 0 : 19,
    author: userPayload(message.author),
    content: message.content,
    timestamp: stamp(message.createdAt),
    edited_timestamp: message.editedAt === undefined ? null : stamp(message.editedAt),
    tts: false,
    pinned: false,
    mention_everyone: pings.everyone,
    mentions: mentioned.map(userPayload),
    mention_roles: pings.roles,
    attachments: message.attachments.map((one) => attachmentPayload(world.origin, one)),
    embeds: message.embeds.map((embed) => ({ type: 'rich', ...embed })),
    components: message.components,
    flags: message.flags,
    ...(message.nonce !== undefined && { nonce: message.nonce }),
    ...(message.replyTo !== undefined && {
      message_reference: { type: 0, message_id: message.replyTo, channel_id: message.channel.id },
    }),
    ...(origin && {
      webhook_id: world.application,
      application_id: world.application,
      interaction_metadata: {
        id: origin.id,
        type: origin.type,
        user: userPayload(origin.user),
        authorizing_integration_owners: { '0': world.guild.id },
        ...(origin.name !== '' && { name: origin.name }),
      },
    }),
  }
}

/** As an event: without the privileged intent the words are for those alone whom they are meant for. */
export function eventPayload(world: World, message: Message, mayRead: boolean): object {
  const direct = message.channel.type === channelType.dm
  const member = world.members.get(message.author.id)
  const meant = direct || message.author === world.bot || message.pings.users.includes(world.bot.id)
  return {
    ...messagePayload(world, message),
    channel_type: message.channel.type,
    ...(!direct && { guild_id: world.guild.id }),
    ...(!direct && member && { member: memberPayload(member) }),
    ...(!mayRead && !meant && { content: '', embeds: [], attachments: [], components: [] }),
  }
}

export const isLoading = (message: Message): boolean => (message.flags & flag.loading) !== 0
