/** How often the bot has logged in anew: a loop of it would have Discord reset the token after a thousand a day. */
import type { Clock } from '@homelab/core'
import { z } from 'zod'
import type { FactStore } from '../chat/connector.ts'

const factName = 'discord.identifies'
const hourMs = 3_600_000
const dayMs = 24 * hourMs
const most = { hour: 5, day: 50 } as const
/** Between two, as the platform wants it. */
const apartMs = 5_000
/** A login that led to a connection of this length was no part of a loop. */
const heldMs = 300_000

/** When each was, milliseconds since 1970, the oldest first. */
const Times = z.array(z.number())

export interface IdentifyBudget {
  /** Milliseconds to wait before the next; 0 when it may be now. */
  waitMs(): number
  /** Right before one. */
  spend(): Promise<void>
  /** The connection that the last one led to has lasted so long. */
  held(ms: number): void
}

export function identifyBudget(facts: FactStore, clock: Clock): IdentifyBudget {
  const read = (): readonly number[] => Times.safeParse(facts.get(factName)).data ?? []
  const since = (times: readonly number[], ms: number) =>
    times.filter((at) => at > clock.now().getTime() - ms)

  return {
    waitMs() {
      const now = clock.now().getTime()
      const times = since(read(), dayMs)
      const inHour = since(times, hourMs)
      const waits = [
        (times.at(-1) ?? 0) + apartMs - now,
        inHour.length < most.hour ? 0 : (inHour.at(-most.hour) ?? 0) + hourMs - now,
        times.length < most.day ? 0 : (times.at(-most.day) ?? 0) + dayMs - now,
      ]
      return Math.max(0, ...waits)
    },
    spend: () => facts.set(factName, [...since(read(), dayMs), clock.now().getTime()]),
    held(ms) {
      const times = read()
      if (ms < heldMs || times.length === 0) return
      void facts.set(factName, times.slice(0, -1)).catch(() => undefined)
    },
  }
}
