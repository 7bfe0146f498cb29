/** What follows from a bot's token, and the link that invites it. */
import type { Secret } from '@homelab/core'
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

/** A token begins with its application's id in base64; undefined for what is no token of a bot. */
export function applicationOf(token: Secret): string | undefined {
  const [first = '', second, third] = token
    .reveal()
    .trim()
    .replace(/^Bot\s+/i, '')
    .split('.')
  if (second === undefined || third === undefined) return undefined
  const id = Buffer.from(first, 'base64url').toString('latin1')
  return /^\d{15,21}$/.test(id) ? id : undefined
}

/** @param of the bot's token, or its application's id. @returns undefined for a token that is none */
export function inviteUrl(of: Secret | string): string | undefined {
  const id = typeof of === 'string' ? of : applicationOf(of)
  if (id === undefined) return undefined
  const bits = PermissionsBitField.resolve([...permissions])
  const scope = `${OAuth2Scopes.Bot}+${OAuth2Scopes.ApplicationsCommands}`
  return `https://discord.com/oauth2/authorize?client_id=${id}&scope=${scope}&permissions=${bits}`
}
