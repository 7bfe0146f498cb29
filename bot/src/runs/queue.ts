/**
 * Who may go on. A run goes when no earlier unfinished run wants one of its locks: it gets all at once, in the
 * order of acceptance, so nobody waits in a circle and nobody is overtaken for ever. The order is the whole
 * state, so a restart changes nothing. A lock that both only share keeps nobody waiting.
 */
import { readLock } from '@homelab/core'

export interface Queued {
  readonly id: string
  readonly locks: readonly string[]
  readonly started: boolean
}

export interface Hold {
  readonly lock: string
  readonly run: string
}

/** @param runs every unfinished run, in order of acceptance @param slots runs at work at the same time */
export function nextRuns(
  runs: Iterable<Queued>,
  slots: number,
): { readonly go: readonly string[]; readonly waiting: ReadonlyMap<string, Hold> } {
  /** The first run that wants it, in any way and alone. */
  const any = new Map<string, string>()
  const alone = new Map<string, string>()
  const waiting = new Map<string, Hold>()
  const go: string[] = []
  let free = slots
  for (const run of runs) {
    const wanted = run.locks.map(readLock)
    const holderOf = ({ name, shared }: (typeof wanted)[number]) => (shared ? alone : any).get(name)
    const held = wanted.find((lock) => holderOf(lock) !== undefined)
    const holder = held === undefined ? undefined : holderOf(held)
    for (const { name, shared } of wanted) {
      if (!any.has(name)) any.set(name, run.id)
      if (!shared && !alone.has(name)) alone.set(name, run.id)
    }
    if (run.started) free -= 1
    else if (held !== undefined && holder !== undefined) waiting.set(run.id, { lock: held.name, run: holder })
    else go.push(run.id)
  }
  return { go: go.slice(0, Math.max(0, free)), waiting }
}
