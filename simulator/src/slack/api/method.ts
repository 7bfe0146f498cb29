import type { Json } from '../json.ts'
import { string } from '../json.ts'
import type { Tier } from '../limits.ts'
import { Refusal } from '../refusal.ts'
import type { Slack } from '../slack.ts'
import type { Channel } from '../workspace.ts'

export interface Method {
  readonly token: 'bot' | 'app' | 'none'
  readonly tier: Tier
  /** Needed whatever is asked for. Methods on conversations look at those of their kind themselves. */
  readonly scope?: string
  readonly run: (args: Json, slack: Slack) => Json | Promise<Json>
}

/** @throws Refusal when the argument is missing */
export function need(args: Json, name: string, code = 'invalid_arguments'): string {
  const value = string(args[name])
  if (value === undefined || value === '') {
    if (code !== 'invalid_arguments') throw new Refusal(code)
    throw Refusal.of(code, [`missing required field: ${name}`])
  }
  return value
}

/** @throws Refusal `missing_scope` as Slack answers it */
export function needScope(slack: Slack, scope: string): void {
  const { scopes } = slack.app
  if (!scopes.includes(scope))
    throw new Refusal('missing_scope', { needed: scope, provided: scopes.join(',') })
}

const SCOPE_PREFIX = { channel: 'channels', private: 'groups', im: 'im' } as const

/** `channels:read`, `groups:history`, … as this conversation needs it. */
export const needScopeFor = (slack: Slack, channel: Channel, what: 'read' | 'history'): void =>
  needScope(slack, `${SCOPE_PREFIX[channel.kind]}:${what}`)

/**
 * The conversation that an argument names, as the bot sees it: others' private ones are not there.
 * @throws Refusal `channel_not_found`
 */
export function channelOf(slack: Slack, args: Json, name = 'channel'): Channel {
  const { workspace } = slack
  const channel = workspace.channels.get(need(args, name, 'channel_not_found'))
  if (!channel || (channel.kind !== 'channel' && !channel.members.has(workspace.bot.id)))
    throw new Refusal('channel_not_found')
  return channel
}

/** One page of a list, and where the next one begins. */
export function page<T>(
  items: readonly T[],
  args: Json,
  fallback = 100,
): { readonly items: readonly T[]; readonly next: string } {
  const from = args.cursor ? Number(Buffer.from(String(args.cursor), 'base64').toString().split(':')[1]) : 0
  if (!Number.isSafeInteger(from)) throw new Refusal('invalid_cursor')
  const limit = Math.min(1000, Math.max(1, Number(args.limit) || fallback))
  const end = from + limit
  return {
    items: items.slice(from, end),
    next: end < items.length ? Buffer.from(`next:${end}`).toString('base64') : '',
  }
}
