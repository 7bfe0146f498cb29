/** Who asks and where, from what Discord sends. */
import {
  type APIChannel,
  type APIGuildMember,
  type APIInteraction,
  type APIMessage,
  type APIUser,
  ChannelType,
} from 'discord.js'
import type { Asker } from '../chat/connector.ts'
import type { Place } from '../chat/types.ts'

export interface Seen {
  readonly asker: Asker
  readonly place: Place
}

const threads: readonly ChannelType[] = [
  ChannelType.PublicThread,
  ChannelType.PrivateThread,
  ChannelType.AnnouncementThread,
]

interface Channel {
  readonly id: string
  readonly type?: ChannelType
  readonly parent_id?: string | null
}

type Member = Pick<APIGuildMember, 'roles'> & { readonly nick?: string | null }

function seen(user: APIUser, member: Member | undefined, channel: Channel): Seen {
  const isThread = channel.type !== undefined && threads.includes(channel.type)
  const parent = isThread ? (channel.parent_id ?? channel.id) : channel.id
  return {
    asker: {
      platform: 'discord',
      user: user.id,
      name: member?.nick ?? user.global_name ?? user.username,
      groups: member?.roles ?? [],
      // Without a member it is a direct conversation.
      ...(member === undefined ? {} : { channel: parent }),
    },
    place: {
      surface: 'discord',
      channel: parent,
      ...(isThread && parent !== channel.id ? { thread: channel.id } : {}),
    },
  }
}

/** @returns undefined for one without a user or a channel, which none of ours is */
export function seenIn(interaction: APIInteraction): Seen | undefined {
  const user = interaction.member?.user ?? interaction.user
  const { channel } = interaction
  if (user === undefined || channel?.id === undefined) return undefined
  return seen(user, interaction.member, channel as Channel)
}

/** @param channel as Discord has it: a message does not say whether it is in a thread */
export const seenBy = (
  message: Pick<APIMessage, 'author' | 'channel_id'> & { readonly member?: Member },
  channel: APIChannel | undefined,
): Seen =>
  seen(message.author, message.member, (channel as Channel | undefined) ?? { id: message.channel_id })

const epoch = 1_420_070_400_000n

/** When what has this id was made, milliseconds since 1970. */
export const madeAt = (id: string): number => Number((BigInt(id) >> 22n) + epoch)
