/** What is kept of each schedule, in one fact: how far the clock was followed, the last run, and whether it is paused. */
import { errorData, type Json, surfaces } from '@homelab/core'
import { z } from 'zod'
import type { FactStore } from '../chat/connector.ts'
import type { SchedulerLog } from './types.ts'

const NAME = 'schedule.jobs'

const Last = z.object({
  /** The occurrence, or when somebody wanted it now. */
  due: z.string(),
  at: z.string(),
  state: z.enum(['running', 'succeeded', 'failed', 'cancelled', 'skipped']),
  run: z.string().exactOptional(),
  late: z.string().exactOptional(),
  error: z.string().exactOptional(),
  /** Whoever wanted it now. */
  by: z.object({ id: z.string(), name: z.string(), surface: z.enum(surfaces) }).exactOptional(),
  /** Runs of this occurrence that failed because something did not answer or was locked. */
  tries: z.int().exactOptional(),
  /** When it is begun once more. */
  again: z.string().exactOptional(),
  /** The card of it that is on show in the ops channels, and must be brought to its end. */
  notice: z.string().exactOptional(),
  /** The next occurrence changes that card too, and so on until one goes well. */
  standing: z.literal(true).exactOptional(),
})
export type Last = z.infer<typeof Last>

const Entry = z.object({
  /** What `seen` was counted by: another time of day begins anew. */
  rule: z.string().exactOptional(),
  /** Occurrences up to here are done with. */
  seen: z.string().exactOptional(),
  last: Last.exactOptional(),
  paused: z
    .object({
      by: z.object({ id: z.string(), name: z.string() }),
      at: z.string(),
      until: z.string().exactOptional(),
    })
    .exactOptional(),
  /** The notice that an occurrence cannot begin, while it is tried again. */
  trouble: z.string().exactOptional(),
  /** The notice that it failed, or cannot begin, until it goes well again. */
  problem: z.string().exactOptional(),
})
type Entry = z.infer<typeof Entry>

export interface Memory {
  /** From memory, and as the store has it now. */
  get(id: string): Entry
  ids(): readonly string[]
  /** Resolves when it is kept; `get` has it at once. */
  change(id: string, change: { readonly [K in keyof Entry]?: Entry[K] | undefined }): Promise<void>
}

/** Of two moments, ISO 8601 in UTC. */
export const later = (a: string, b: string): string => (a > b ? a : b)

export function openMemory(facts: FactStore, log: SchedulerLog): Memory {
  const all = (): Record<string, Entry> => {
    const fact = facts.get(NAME)
    if (fact === undefined) return {}
    const parsed = z.record(z.string(), Entry).safeParse(fact)
    if (parsed.success) return parsed.data
    log.warn({ error: errorData(parsed.error).message }, 'what was kept of the schedules is of no use')
    return {}
  }
  return {
    get: (id) => all()[id] ?? {},
    ids: () => Object.keys(all()),
    change(id, change) {
      const now = all()
      const entry = Object.entries({ ...now[id], ...change }).filter(([, value]) => value !== undefined)
      return facts.set(NAME, { ...now, [id]: Object.fromEntries(entry) } as Json)
    },
  }
}
