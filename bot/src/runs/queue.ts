/**
 * Who may go on. A run goes when no earlier unfinished run wants one of its locks: it gets all at once, in the
 * order of acceptance, so nobody waits in a circle and nobody is overtaken for ever. The order is the whole
 * state, so a restart changes nothing.
 */

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
  const first = new Map<string, string>()
  const waiting = new Map<string, Hold>()
  const go: string[] = []
  let free = slots
  for (const run of runs) {
    const lock = run.locks.find((name) => first.has(name))
    const holder = lock === undefined ? undefined : first.get(lock)
    for (const name of run.locks) if (!first.has(name)) first.set(name, run.id)
    if (run.started) free -= 1
    else if (lock !== undefined && holder !== undefined) waiting.set(run.id, { lock, run: holder })
    else go.push(run.id)
  }
  return { go: go.slice(0, Math.max(0, free)), waiting }
}
