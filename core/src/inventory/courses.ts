/** What each overview showed, kept for some hours: a course that costs no call, and is as long as somebody looked. */
import type { Overview } from '../proxmox/types.ts'

/** One for each half hour, the oldest first; undefined where nobody looked. Shares of 0 to 1. */
export type Course = readonly (number | undefined)[]

export const COURSE_STEP_MS = 1_800_000
const STEPS = 8
/** Of more guests nobody looks at each one's course. */
const MOST_GUESTS = 1_000

interface Kept {
  /** The newest step of it. */
  step: number
  sum: number
  count: number
  /** By step, as in a ring. */
  readonly values: (number | undefined)[]
}

export interface Courses {
  add(overview: Overview, monotonicMs: number): void
  /** undefined before there is more than one step of it. @param key `cpu/node/pve`, `memory/node/pve`, `cpu/guest/110` */
  of(key: string, monotonicMs: number): Course | undefined
}

export function createCourses(): Courses {
  const kept = new Map<string, Kept>()
  let pruned = 0

  function put(key: string, step: number, value: number): void {
    let entry = kept.get(key)
    if (entry === undefined) {
      entry = { step, sum: 0, count: 0, values: new Array<number | undefined>(STEPS).fill(undefined) }
      kept.set(key, entry)
    }
    if (entry.step !== step) {
      for (let gone = Math.max(entry.step + 1, step - STEPS + 1); gone <= step; gone++)
        entry.values[gone % STEPS] = undefined
      Object.assign(entry, { step, sum: 0, count: 0 })
    }
    entry.sum += value
    entry.count += 1
    entry.values[step % STEPS] = entry.sum / entry.count
  }

  return {
    add({ nodes, guests }, monotonicMs) {
      const step = Math.floor(monotonicMs / COURSE_STEP_MS)
      for (const { node, status, cpu, mem, maxmem } of nodes) {
        if (status !== 'online' || maxmem === 0) continue
        put(`cpu/node/${node}`, step, cpu)
        put(`memory/node/${node}`, step, mem / maxmem)
      }
      if (guests.length <= MOST_GUESTS)
        for (const { vmid, status, cpu } of guests)
          if (status === 'running') put(`cpu/guest/${vmid}`, step, cpu)
      if (step === pruned) return
      pruned = step
      for (const [key, entry] of kept) if (entry.step <= step - STEPS) kept.delete(key)
    },
    of(key, monotonicMs) {
      const entry = kept.get(key)
      if (entry === undefined) return undefined
      const now = Math.floor(monotonicMs / COURSE_STEP_MS)
      const course = Array.from({ length: STEPS }, (_, index) => {
        const step = now - STEPS + 1 + index
        return step > entry.step || step <= entry.step - STEPS || step < 0
          ? undefined
          : entry.values[step % STEPS]
      })
      const first = course.findIndex((value) => value !== undefined)
      const known = first < 0 ? [] : course.slice(first)
      return known.length < 2 ? undefined : known
    },
  }
}
