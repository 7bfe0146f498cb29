/** What follows from a bot's token, and the link that invites it. */
import { HomelabError, type Secret } from '@homelab/core'
import { OAuth2Scopes, PermissionFlagsBits, PermissionsBitField } from 'discord.js'

/** No more than what is used: cards, their buttons, their files and the threads of their logs. */
export const permissions = [
  PermissionFlagsBits.ViewChannel,
  PermissionFlagsBits.SendMessages,
  PermissionFlagsBits.SendMessagesInThreads,
  PermissionFlagsBits.CreatePublicThreads,
  PermissionFlagsBits.EmbedLinks,
  PermissionFlagsBits.AttachFiles,
  PermissionFlagsBits.ReadMessageHistory,
] as const

const isId = (text: string): boolean => /^\d{15,21}$/.test(text)

/** A token begins with its application's id in base64; undefined for what is no token of a bot. */
export function applicationOf(token: Secret | string): string | undefined {
  const text = typeof token === 'string' ? token : token.reveal()
  const [first = '', second, third] = text
    .trim()
    .replace(/^Bot\s+/i, '')
    .split('.')
  if (second === undefined || third === undefined) return undefined
  const id = Buffer.from(first, 'base64url').toString('latin1')
  return isId(id) ? id : undefined
}

/**
 * @param of the bot's token, or its application's id
 * @throws HomelabError `config` for what is neither, which is not shown: it may be a token all the same
 */
export function inviteUrl(of: Secret | string): string {
  const id = typeof of === 'string' && isId(of.trim()) ? of.trim() : applicationOf(of)
  if (id === undefined)
    throw new HomelabError(
      'config',
      'That is neither the token of a Discord bot nor the id of an application.',
      {
        hint: 'Give the application id: it is on the page "General Information" of your application.',
      },
    )
  const bits = PermissionsBitField.resolve([...permissions])
  const scope = `${OAuth2Scopes.Bot}+${OAuth2Scopes.ApplicationsCommands}`
  return `https://discord.com/oauth2/authorize?client_id=${id}&scope=${scope}&permissions=${bits}`
}
