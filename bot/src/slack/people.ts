/** Who asks: names and user groups, from memory, and asked of Slack no oftener than rights demand. */
import { type Caller, HomelabError } from '@homelab/core'
import type { WebClient } from '@slack/web-api'
import type { ConnectorContext } from '../chat/connector.ts'
import { inTime } from './client.ts'
import { type Trouble, troubleOf } from './trouble.ts'

export interface Someone {
  readonly user: string
  /** From the payload, where it has one. */
  readonly name?: string | undefined
  /** A direct message's counts as none: rights of channels say nothing about it. */
  readonly channel?: string | undefined
}

export interface People {
  /**
   * @param fresh an answer that something dangerous hangs on: groups are asked for anew when they are older than 30 s
   * @throws HomelabError `timeout` when they could not be, and the file knows this person by nothing else
   */
  callerOf(someone: Someone, fresh?: boolean): Promise<Caller>
}

/** Milliseconds. Somebody who was taken out of a group has its rights for so long at most. */
const GROUPS_MS = 300_000
/** From here on they are asked for behind the person's back, so that hardly anybody waits for it. */
const STALE_MS = 120_000
const FRESH_MS = 30_000
/** How long an acknowledgement waits for it. Slack gives three seconds for everything. */
const PATIENCE_MS = 1_200
const NAME_MS = 600
const MOST_NAMES = 2_000

export const isDirect = (channel: string): boolean => channel.startsWith('D')

/** A person's id as a channel: the answer to a button of the home page goes to them directly. */
export const isPerson = (channel: string): boolean => /^[UW][A-Z0-9]+$/.test(channel)

/** Nobody else reads along. */
export const isAlone = (channel: string): boolean => isDirect(channel) || isPerson(channel)

export function createPeople(
  context: Pick<ConnectorContext, 'callerOf' | 'inventory' | 'clock'>,
  client: WebClient,
  onTrouble: (trouble: Trouble, what: string) => void,
): People {
  const { clock } = context
  const names = new Map<string, string>()
  const asking = new Map<string, Promise<void>>()
  let groups: ReadonlyMap<string, readonly string[]> = new Map()
  let askedAt = Number.NEGATIVE_INFINITY
  let refreshing: Promise<void> | undefined

  const inUse = () => context.inventory().people.some(({ slack_group: ids }) => ids !== undefined)

  function refresh(): Promise<void> {
    refreshing ??= ask().finally(() => {
      refreshing = undefined
    })
    return refreshing
  }

  async function ask(): Promise<void> {
    const began = clock.monotonic()
    try {
      const { usergroups = [] } = await client.usergroups.list({ include_users: true })
      const of = new Map<string, string[]>()
      for (const { id, users = [] } of usergroups)
        for (const user of users) if (id !== undefined) of.set(user, [...(of.get(user) ?? []), id])
      groups = of
      askedAt = began
    } catch (error) {
      onTrouble(troubleOf(error), 'user groups')
    }
  }

  /** Undefined when they are not known in time: a right is never taken from a list that may be old. */
  async function groupsOf(user: string, fresh: boolean): Promise<readonly string[] | undefined> {
    if (!inUse()) return []
    const age = () => clock.monotonic() - askedAt
    const oldest = fresh ? FRESH_MS : GROUPS_MS
    if (age() > oldest) await inTime(refresh(), PATIENCE_MS, clock)
    else if (age() > STALE_MS) void refresh()
    return age() > oldest ? undefined : (groups.get(user) ?? [])
  }

  async function nameOf({ user, name }: Someone): Promise<string> {
    if (name !== undefined && name !== '') return remember(user, name)
    const known = names.get(user)
    if (known !== undefined) return known
    const look = asking.get(user) ?? askName(user)
    asking.set(user, look)
    await inTime(look, NAME_MS, clock)
    return names.get(user) ?? ''
  }

  async function askName(id: string): Promise<void> {
    try {
      const { user } = await client.users.info({ user: id })
      remember(id, user?.profile?.display_name || user?.real_name || user?.name || id)
    } catch (error) {
      const trouble = troubleOf(error)
      // Asked again for each message, it would be refused each time.
      if (trouble.kind === 'scope' || trouble.kind === 'gone') remember(id, '')
      onTrouble(trouble, 'names')
    } finally {
      asking.delete(id)
    }
  }

  function remember(user: string, name: string): string {
    names.delete(user)
    names.set(user, name)
    const [oldest] = names.keys()
    if (names.size > MOST_NAMES && oldest !== undefined) names.delete(oldest)
    return name
  }

  return {
    async callerOf(someone, fresh = false) {
      const { user, channel } = someone
      const [name, has] = await Promise.all([nameOf(someone), groupsOf(user, fresh)])
      const caller = context.callerOf({
        platform: 'slack',
        user,
        name,
        groups: has ?? [],
        ...(channel === undefined || isAlone(channel) ? {} : { channel }),
      })
      // Groups count only for who is not in the file by an id.
      if (fresh && has === undefined && caller.person === undefined)
        throw new HomelabError('timeout', 'I could not check your groups just now: press again.')
      return caller
    },
  }
}
