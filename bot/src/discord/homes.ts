/** Which servers the bot is in: without one, or out of its own, nobody can reach it. */
import type { Advice } from './status.ts'

export interface Homes {
  /** At a log-in: all of them. */
  are(guilds: readonly string[]): void
  /** @returns whether it was away from this one */
  joined(guild: string): boolean
  left(guild: string): void
  readonly advice: Advice | undefined
}

/** @param own the server that the commands are for; undefined: all of them */
export function createHomes(own: string | undefined, invite: string, onChange: () => void): Homes {
  /** Undefined after a resumed session: which they are is not said. */
  let known: Set<string> | undefined
  const lost = new Set<string>()
  return {
    are(guilds) {
      known = new Set(guilds)
      lost.clear()
      if (own !== undefined && guilds.length > 0 && !known.has(own)) lost.add(own)
      onChange()
    },
    joined(guild) {
      known?.add(guild)
      const back = lost.delete(guild)
      onChange()
      return back
    },
    left(guild) {
      known?.delete(guild)
      lost.add(guild)
      onChange()
    },
    get advice() {
      const hint = `Invite it: ${invite}`
      if (own !== undefined && lost.has(own))
        return { refused: true, problem: `The bot is not in the server ${own}.`, hint }
      if (known?.size === 0) return { problem: 'The bot is in no server yet.', hint }
      return undefined
    },
  }
}
