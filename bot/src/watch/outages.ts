/** Which things are down, since when, and which card tells it. Knows nothing of Proxmox: it is shown how things are, look by look. */
import { About } from '@homelab/core/alerts'
import { z } from 'zod'
import type { Thing } from './types.ts'

const Member = z.object({
  key: z.string(),
  name: z.string(),
  what: z.string(),
  why: z.string().optional(),
  beneath: z.array(z.string()).optional(),
  about: About.exactOptional(),
  /** ISO 8601, as the next ones: when it was first seen down, and when it was over. */
  downAt: z.string(),
  endAt: z.string().optional(),
  end: z.enum(['up', 'off', 'gone']).optional(),
  /** How often it went down. */
  times: z.int(),
  /** When it went down the first time. */
  firstAt: z.string(),
})
export type Member = z.infer<typeof Member>

/** What went down at the same time. One card. */
export const Outage = z.object({
  id: z.string(),
  kind: z.enum(['guest', 'node', 'storage', 'lab']),
  members: z.array(Member),
  /** Its card does not show this yet. */
  untold: z.boolean(),
})
export type Outage = z.infer<typeof Outage>

export const OutageState = z.object({
  /** What was up and should be: only that can be missed. */
  known: z.array(z.string()),
  outages: z.array(Outage),
})
export type OutageState = z.infer<typeof OutageState>

/** What goes down again so soon belongs to the same card. */
const FLAP_MS = 3_600_000

export const isOpen = ({ members }: Outage): boolean => members.some(({ end }) => end === undefined)

export interface Sure {
  /** Milliseconds that a thing must have been seen down before it is told. */
  readonly forMs: number
  /** Looks in a row that must have seen it down. */
  readonly looks: number
}

export interface Outages {
  /** @param kinds what this look was about: a thing of theirs that it does not name is gone from the lab */
  look(kinds: readonly Thing['kind'][], things: Iterable<Thing>, now: Date, sure: Sure): void
  /** The outages whose card must be shown, the root causes first. */
  untold(): readonly Outage[]
  told(outage: Outage): void
  /** Whether it was seen down, and it is not sure yet. */
  suspected(key: string): boolean
  state(): OutageState
}

interface Suspect {
  readonly since: Date
  looks: number
}

const order: Readonly<Record<Thing['kind'], number>> = { lab: 0, node: 1, storage: 2, guest: 3 }

export function trackOutages({ known: before, outages: open }: OutageState): Outages {
  const known = new Set(before)
  let outages = open.map((outage) => structuredClone(outage))
  const suspects = new Map<string, Suspect>()
  const absent = new Set<string>()

  const memberOf = (key: string): readonly [Outage, Member] | undefined => {
    for (const outage of outages) {
      const member = outage.members.find((each) => each.key === key)
      if (member !== undefined) return [outage, member]
    }
    return undefined
  }
  const end = (key: string, how: NonNullable<Member['end']>, now: Date) => {
    const [outage, member] = memberOf(key) ?? []
    if (outage === undefined || member === undefined || member.end !== undefined) return
    member.end = how
    member.endAt = now.toISOString()
    outage.untold = true
  }
  /** @returns since when it is down, when that is sure now and not told */
  const confirmed = ({ key }: Thing, now: Date, sure: Sure): Date | undefined => {
    const [, member] = memberOf(key) ?? []
    if (member !== undefined && member.end === undefined) return undefined
    const suspect = suspects.get(key) ?? { since: now, looks: 0 }
    suspect.looks += 1
    suspects.set(key, suspect)
    const isSure = suspect.looks >= sure.looks && now.getTime() - suspect.since.getTime() >= sure.forMs
    return isSure ? suspect.since : undefined
  }
  const down = (thing: Thing, since: Date, fresh: Map<Thing['kind'], Outage>) => {
    const { key, kind, name, what, why, beneath, about } = thing
    const [again, member] = memberOf(key) ?? []
    const downAt = since.toISOString()
    const is = {
      key,
      name,
      what,
      ...(why === undefined ? {} : { why }),
      ...(beneath === undefined ? {} : { beneath: [...beneath] }),
      ...(about === undefined ? {} : { about }),
      downAt,
    }
    if (again !== undefined && member !== undefined) {
      again.members[again.members.indexOf(member)] = {
        ...is,
        times: member.times + 1,
        firstAt: member.firstAt,
      }
      again.untold = true
      return
    }
    const id = `watch-${key.replaceAll(/[^a-zA-Z0-9]+/g, '-')}-${since.getTime().toString(36)}`
    const outage = fresh.get(kind) ?? { id, kind, members: [], untold: true }
    outage.members.push({ ...is, times: 1, firstAt: downAt })
    fresh.set(kind, outage)
  }
  const forget = (now: Date) => {
    const over = ({ end, endAt = '' }: Member) =>
      end !== undefined && now.getTime() - Date.parse(endAt) > FLAP_MS
    outages = outages.filter(({ members, untold }) => untold || !members.every(over))
  }

  return {
    look(kinds, things, now, sure) {
      const seen = new Set<string>()
      const fresh = new Map<Thing['kind'], Outage>()
      forget(now)
      for (const thing of things) {
        const { key, state } = thing
        seen.add(key)
        if (state !== 'down') suspects.delete(key)
        if (state === 'up') {
          known.add(key)
          end(key, 'up', now)
        } else if (state === 'off') {
          known.delete(key)
          end(key, 'off', now)
        } else if (state === 'down' && known.has(key)) {
          const since = confirmed(thing, now, sure)
          if (since === undefined) continue
          suspects.delete(key)
          down(thing, since, fresh)
        }
      }
      const missing = [...known].filter(
        (key) => !seen.has(key) && kinds.some((kind) => key === kind || key.startsWith(`${kind}/`)),
      )
      for (const key of missing) {
        // A list that is short once may be that of a server that has just started.
        if (!absent.has(key)) continue
        known.delete(key)
        suspects.delete(key)
        end(key, 'gone', now)
      }
      for (const key of absent) if (seen.has(key)) absent.delete(key)
      for (const key of missing) absent.add(key)
      outages.push(...fresh.values())
    },
    untold: () => outages.filter(({ untold }) => untold).sort((a, b) => order[a.kind] - order[b.kind]),
    told(outage) {
      outage.untold = false
    },
    suspected: (key) => suspects.has(key),
    state: () => ({ known: [...known], outages }),
  }
}
