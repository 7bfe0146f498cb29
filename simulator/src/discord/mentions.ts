/** Who is pinged by a text: what `allowed_mentions` lets through, as Discord does it. */
import type { Json } from './check/form.ts'
import { permissions } from './permissions.ts'
import type { Channel, User, World } from './world.ts'

export interface Pings {
  readonly users: readonly string[]
  readonly roles: readonly string[]
  readonly everyone: boolean
}

export const noPings: Pings = { users: [], roles: [], everyone: false }

const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : [])

export function pingsOf(
  world: World,
  channel: Channel,
  author: User,
  text: string,
  allowed: Json | undefined,
): Pings {
  // Mentions in code are shown as they are written.
  const spoken = text.replace(/```[\s\S]*?```|`[^`\n]*`/g, ' ')
  const may = (kind: 'users' | 'roles', id: string): boolean =>
    allowed === undefined || list(allowed.parse).includes(kind) || list(allowed[kind]).includes(id)
  const ids = (pattern: RegExp): string[] => [
    ...new Set([...spoken.matchAll(pattern)].map(([, id]) => id ?? '')),
  ]
  const loud = (world.may(author, channel) & permissions.MentionEveryone) !== 0n
  const everyone =
    loud &&
    /@(everyone|here)\b/.test(spoken) &&
    (allowed === undefined || list(allowed.parse).includes('everyone'))
  return {
    users: ids(/<@!?(\d+)>/g).filter((id) => world.users.has(id) && may('users', id)),
    roles: ids(/<@&(\d+)>/g).filter((id) => {
      const role = world.roles.get(id)
      return role !== undefined && (role.mentionable || loud) && may('roles', id)
    }),
    everyone,
  }
}
