/** What all that people do has in common. */
import type { Json } from '../json.ts'
import type { Outcome } from '../link/delivery.ts'
import type { Slack } from '../slack.ts'
import type { Channel, User } from '../workspace.ts'

/** What a person gets to see of something that they did. */
export interface Seen {
  /** False when the app did not acknowledge in time, or was not asked at all. */
  readonly acked: boolean
  readonly ms: number
  /** Slack's own word for what went wrong: `operation_timeout`, `dispatch_failed`, `not_in_threads`, … */
  readonly error: string | undefined
  /** The sentence that the person reads of it. */
  readonly notice: string | undefined
  readonly envelope: string | undefined
  readonly trigger: string | undefined
  readonly responseUrl: string | undefined
}

/** Something that Slack itself refused to send on. */
export const refused = (error: string, notice: string): Seen => ({
  acked: false,
  ms: 0,
  error,
  notice,
  envelope: undefined,
  trigger: undefined,
  responseUrl: undefined,
})

export const seen = (
  outcome: Outcome,
  notice: string | undefined,
  trigger?: string,
  responseUrl?: string,
): Seen => ({
  acked: outcome.acked,
  ms: outcome.ms,
  error: outcome.error,
  notice: outcome.error === undefined ? undefined : notice,
  envelope: outcome.envelope,
  trigger,
  responseUrl,
})

/** @throws Error for somebody who is not there */
export function person(slack: Slack, reference: string): User {
  const user = slack.workspace.findUser(reference)
  if (!user || user.deleted) throw new Error(`nobody is called ${reference}`)
  return user
}

/**
 * A channel as a person finds it; `dm` is their conversation with the bot.
 * @throws Error when there is none, or they are not in it
 */
export function place(slack: Slack, reference: string, user: User | undefined): Channel {
  const { workspace } = slack
  const channel =
    reference === 'dm' && user ? workspace.im(user.id) : workspace.findChannel(reference.replace(/^#/, ''))
  if (!channel) throw new Error(`there is no channel ${reference}`)
  if (user && !channel.members.has(user.id)) throw new Error(`${user.name} is not in ${reference}`)
  return channel
}

/** The fields that every payload has. */
export const common = (slack: Slack): Json => ({
  token: slack.app.verification,
  api_app_id: slack.app.id,
  is_enterprise_install: false,
  enterprise: null,
  team: { id: slack.workspace.team, domain: slack.workspace.domain },
})

export const userField = (slack: Slack, user: User): Json => ({
  id: user.id,
  username: user.name,
  name: user.name,
  team_id: slack.workspace.team,
})
