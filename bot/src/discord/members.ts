/** Who asks in a direct conversation: Discord says nothing of their roles there, so they are looked up in the server. */
import type { Caller, Clock } from '@homelab/core'
import type { Asker, ConnectorContext } from '../chat/connector.ts'
import { stripped } from '../chat/text.ts'
import type { Api } from './api.ts'
import { code, codeOf } from './trouble.ts'

/** Milliseconds that roles are remembered. */
const rememberedMs = 300_000
const remembered = 500

export interface Members {
  /** @param fresh what is confirmed must not be by a right that was taken away a moment ago */
  callerOf(asker: Asker, fresh?: boolean): Promise<Caller>
  /** Their roles would decide about this, and cannot be seen. */
  isBlind(text: string, asker: Asker, caller: Caller): boolean
}

export const blind = {
  title: 'I cannot see your roles in direct messages',
  hint: 'Ask in a channel, or have your id in homelab.yaml: `whoami` has it.',
}

export function createMembers(
  context: Pick<ConnectorContext, 'callerOf' | 'inventory' | 'registry'> & { readonly clock: Clock },
  api: Pick<Api, 'rolesOf'>,
  guild: string | undefined,
): Members {
  const { callerOf, inventory, registry, clock } = context
  const known = new Map<string, { readonly roles: readonly string[]; readonly at: number }>()

  const byRole = () => inventory().people.some(({ discord_role: roles }) => (roles ?? []).length > 0)
  const recent = (user: string) => {
    const found = known.get(user)
    return found !== undefined && clock.monotonic() - found.at < rememberedMs ? found.roles : undefined
  }

  async function rolesOf(user: string): Promise<readonly string[] | undefined> {
    known.delete(user)
    if (guild === undefined) return undefined
    try {
      const roles = await api.rolesOf(guild, user)
      known.set(user, { roles, at: clock.monotonic() })
      const [oldest] = known.keys()
      if (known.size > remembered && oldest !== undefined) known.delete(oldest)
      return roles
    } catch (error) {
      if (codeOf(error) !== code.unknownMember) return undefined
      known.set(user, { roles: [], at: clock.monotonic() })
      return []
    }
  }

  return {
    async callerOf(asker, fresh = false) {
      const caller = callerOf(asker)
      if (asker.channel !== undefined || caller.role !== 'nobody' || !byRole()) return caller
      const roles = (fresh ? undefined : recent(asker.user)) ?? (await rolesOf(asker.user))
      return roles === undefined ? caller : callerOf({ ...asker, groups: roles })
    },
    isBlind(text, asker, caller) {
      if (asker.channel !== undefined || caller.role !== 'nobody' || !byRole()) return false
      if (recent(asker.user) !== undefined) return false
      const line = `${stripped(text)} `
      const open = registry.all.filter(({ permission }) => permission === 'everyone')
      return line !== ' ' && !open.some(({ chat }) => line.startsWith(`${chat} `))
    },
  }
}
