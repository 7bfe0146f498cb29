/** The chat part of homelab.yaml: the platforms, and the channels in which the desk is used. */
import { z } from 'zod'
import { Address, OperationName, SecretRef } from './fields.ts'

const snowflake = 'must be a Discord id of 17 to 20 digits in quotes: without them its last digits are lost'
export const Snowflake = z.string(snowflake).regex(/^\d{17,20}$/, snowflake)
export const SlackUser = z
  .string()
  .regex(/^[UW][A-Z0-9]{6,}$/, 'must be a Slack member id, such as U024BE7LH')
export const SlackGroup = z
  .string()
  .regex(/^S[A-Z0-9]{6,}$/, 'must be a Slack user group id, such as S0604QSJC')
const SlackChannel = z.string().regex(/^[CG][A-Z0-9]{6,}$/, 'must be a Slack channel id, such as C0123ABCD')

const peer = 'must be an https URL, or an http URL on the loopback such as http://127.0.0.1:9000'
const PeerUrl = z
  .string(peer)
  .regex(/^https:\/\/[^\s?#@]+$|^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\])(?::\d+)?(?:\/[^\s?#]*)?$/, peer)
  .refine((text) => URL.canParse(text), peer)
  .transform((text) => text.replace(/\/$/, ''))

export const Discord = z.strictObject({
  token: SecretRef.describe("The bot's token"),
  guild: Snowflake.optional().describe(
    'Id of the one server: commands show at once there; without it, on every server the bot is in',
  ),
  api: PeerUrl.optional().describe('For tests and proxies only: another address of the Discord API'),
})

export const Slack = z
  .strictObject({
    token: SecretRef.describe("The bot's token, xoxb-…"),
    app_token: SecretRef.optional().describe(
      'The app-level token, xapp-…: Socket Mode, nothing to open to the internet',
    ),
    signing_secret: SecretRef.optional().describe('Instead of Socket Mode: requests over HTTP, signed'),
    host: Address.default('127.0.0.1').describe('Where requests over HTTP are taken'),
    port: z.int().min(0).max(65_535).default(3000).describe('0 takes any free port'),
    api: PeerUrl.optional().describe('For tests and proxies only: another address of the Slack API'),
  })
  .refine((section) => (section.app_token === undefined) !== (section.signing_secret === undefined), {
    error: 'needs exactly one of "app_token" (Socket Mode) and "signing_secret" (requests over HTTP)',
  })

export const Channel = z
  .strictObject({
    discord: Snowflake.optional().describe('Discord channel id'),
    slack: SlackChannel.optional().describe('Slack channel id'),
    ops: z.boolean().default(false).describe('Gets the notices: failures, outages, what waits for approval'),
    read_only: z.boolean().default(false).describe('Only what changes nothing'),
    allow: z.array(OperationName).min(1).optional().describe('Only these operations'),
  })
  .refine((channel) => channel.discord !== undefined || channel.slack !== undefined, {
    error: 'needs an id: "discord" or "slack"',
  })
