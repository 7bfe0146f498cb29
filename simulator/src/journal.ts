/** What happened, for tests: events to wait for instead of sleeping, and counts of what was really done. */

export type Event = { readonly id: number; readonly at: number } & Happening

export type Happening =
  | { readonly kind: 'request'; readonly verb: string; readonly path: string }
  | { readonly kind: 'done'; readonly verb: string; readonly path: string }
  | {
      readonly kind: 'held'
      readonly verb: string
      readonly path: string
      readonly phase: 'before' | 'after'
    }
  | { readonly kind: 'answer'; readonly verb: string; readonly path: string; readonly status: number }
  | {
      readonly kind: 'task'
      readonly upid: string
      readonly type: string
      readonly target: string
      readonly status: string
    }
  | { readonly kind: 'guest'; readonly vmid: number; readonly status: string }
  | { readonly kind: 'service'; readonly name: string; readonly up: boolean }
  | { readonly kind: 'exec'; readonly command: string }

export interface Counts {
  /** `POST /nodes/pve/lxc/110/status/reboot` → requests that arrived. */
  requests: Record<string, number>
  /** VMID → `reboot` → changes that were really made. */
  changes: Record<string, Record<string, number>>
  /** VMID or other id → `vzreboot` → tasks that were started. */
  tasks: Record<string, Record<string, number>>
  connections: number
  execs: number
}

/** Events kept for those who ask late. */
const KEPT = 5_000

const noCounts = (): Counts => ({ requests: {}, changes: {}, tasks: {}, connections: 0, execs: 0 })

function add(table: Record<string, Record<string, number>>, row: string, column: string): void {
  const counts = table[row] ?? {}
  table[row] = counts
  counts[column] = (counts[column] ?? 0) + 1
}

export class Journal {
  #events: Event[] = []
  #next = 1
  readonly #listeners = new Set<(event: Event) => void>()
  counts: Counts = noCounts()

  add(happening: Happening): void {
    const event: Event = { ...happening, id: this.#next, at: Date.now() }
    this.#next += 1
    this.#events.push(event)
    if (this.#events.length > 2 * KEPT) this.#events = this.#events.slice(-KEPT)
    for (const listener of this.#listeners) listener(event)
  }

  request(verb: string, path: string): void {
    const key = `${verb} ${path}`
    this.counts.requests[key] = (this.counts.requests[key] ?? 0) + 1
    this.add({ kind: 'request', verb, path })
  }

  change(target: string | number, action: string): void {
    add(this.counts.changes, String(target), action)
  }

  task(target: string, type: string): void {
    add(this.counts.tasks, target, type)
  }

  resetCounts(): void {
    this.counts = noCounts()
  }

  get last(): number {
    return this.#next - 1
  }

  since(id: number): readonly Event[] {
    return this.#events.filter((event) => event.id > id)
  }

  listen(listener: (event: Event) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
