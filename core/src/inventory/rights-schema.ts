/** The rights part of homelab.yaml: people, roles of operations, approvals, and what the bot itself stands on. */
import { z } from 'zod'
import { roles } from '../operation/types.ts'
import { SlackGroup, SlackUser, Snowflake } from './chat-schema.ts'
import { Duration, GuestName, Name, OperationName, oneOrMore, SecretRef } from './fields.ts'

export const Role = z.enum(roles)

export const PersonSection = z
  .strictObject({
    role: Role,
    discord: oneOrMore(Snowflake).optional().describe('Discord user id'),
    slack: oneOrMore(SlackUser).optional().describe('Slack member id'),
    discord_role: oneOrMore(Snowflake).optional().describe('Discord role id: everyone who has it'),
    slack_group: oneOrMore(SlackGroup).optional().describe('Slack user group id: everyone in it'),
    token: SecretRef.optional().describe(
      'Of a program such as n8n: its token for the API, at least 32 characters, as env:NAME, file:/path or vault:mount/path#key',
    ),
    may: z
      .array(
        z
          .string()
          .regex(
            /^[a-z][a-z .-]*(?: [@A-Za-z0-9._-]+)*$/,
            'must be an operation and what it may be used on, such as "restart jellyfin"',
          ),
      )
      .optional()
      .describe('Beyond the role: an operation, or one on these services, such as restart jellyfin'),
  })
  .refine(
    (person) => person.discord ?? person.slack ?? person.discord_role ?? person.slack_group ?? person.token,
    {
      error: 'needs an id: "discord", "slack", "discord_role" or "slack_group", or the "token" of a program',
    },
  )

export const RightsSection = z.strictObject({
  operations: z
    .record(OperationName, Role)
    .optional()
    .describe('The lowest role for an operation here, by id or by what one types'),
})

const approvalWays = ['second-person', 'other-platform', 'delay'] as const
/**
 * `second-person`: anybody else who may do it; `other-platform`: the same person, by their id on another platform;
 * `delay`: nobody, but there is a while in which it can be called off.
 */
export type ApprovalWay = (typeof approvalWays)[number]

const selector = 'must be a service, a guest, a VMID, @stack or @all'
export const Selector = z.string(selector).regex(/^@?[A-Za-z0-9][A-Za-z0-9._-]*$/, selector)

export const Approve = z
  .strictObject({
    what: z.array(OperationName).min(1).describe('Operations, by id or by what one types'),
    services: z.array(Selector).min(1).default(['@all']).describe('Services, guests, @stack or @all'),
    by: oneOrMore(z.enum(approvalWays)).describe('Who says yes; any one of these is enough'),
    delay: Duration.optional().describe('For "delay": how long it can be called off'),
    expires: Duration.default(3_600_000).describe('How long a yes is waited for; default 1h'),
  })
  .refine((rule) => rule.by.includes('delay') === (rule.delay !== undefined), {
    error: 'needs "delay" (how long, such as 10m) with "by: delay", and only then',
  })

export const BotSection = z.strictObject({
  guest: GuestName.optional().describe(
    "VMID or name of the bot's own guest; default: the guest called as its host name",
  ),
  needs: z.array(Name).default([]).describe('Services that the bot cannot work without'),
})
