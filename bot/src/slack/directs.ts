import type { WebClient } from '@slack/web-api'

const mostKept = 2_000

/** The direct channel with a person, asked for once. */
export function createDirects(client: WebClient): (user: string) => Promise<string> {
  const channels = new Map<string, string>()
  return async (user) => {
    const known = channels.get(user)
    if (known !== undefined) return known
    const { channel } = await client.conversations.open({ users: user })
    const id = channel?.id ?? ''
    channels.set(user, id)
    const [oldest] = channels.keys()
    if (channels.size > mostKept && oldest !== undefined) channels.delete(oldest)
    return id
  }
}
