/** What each caller typed before, newest first, each once. */
export interface History {
  add(caller: string, text: string): Promise<void>
  /** From memory. */
  list(caller: string, limit: number): readonly string[]
}

export interface HistoryStore {
  add(caller: string, text: string): Promise<void>
  /** The newest of every caller, newest first. */
  load(limit: number): Promise<readonly { readonly caller: string; readonly text: string }[]>
}

/** Lines of each caller; more are of no use to arrow-up. */
const KEPT = 200
const LOADED = 5_000

export async function openHistory(store?: HistoryStore): Promise<History> {
  const lines = new Map<string, string[]>()
  for (const { caller, text } of ((await store?.load(LOADED)) ?? []).toReversed())
    remember(lines, caller, text)
  return {
    async add(caller, text) {
      if (text === '' || text.length > 1000) return
      remember(lines, caller, text)
      await store?.add(caller, text)
    },
    list: (caller, limit) => (lines.get(caller) ?? []).slice(0, limit),
  }
}

function remember(lines: Map<string, string[]>, caller: string, text: string): void {
  const before = lines.get(caller) ?? []
  lines.set(caller, [text, ...before.filter((line) => line !== text)].slice(0, KEPT))
}
