/** What happened, for tests: events, and counts of what was really done. */
import { EventLog } from './process/event-log.ts'

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
  /** Of Nextcloud, by its own `occ`. */
  | { readonly kind: 'maintenance'; readonly vmid: number; readonly on: boolean }
  /** In a container: of its packages, or by the script of a community helper. */
  | {
      readonly kind: 'update'
      readonly vmid: number
      readonly program: string
      readonly state: 'begun' | 'done' | 'failed'
    }
  | { readonly kind: 'exec'; readonly command: string }
  | {
      readonly kind: 'traefik'
      /** A configuration was taken, was refused whole, said something in the log, or the API was asked. */
      readonly what: 'loaded' | 'refused' | 'said' | 'asked'
      readonly provider: string
      readonly text: string
    }

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

const noCounts = (): Counts => ({ requests: {}, changes: {}, tasks: {}, connections: 0, execs: 0 })

function add(table: Record<string, Record<string, number>>, row: string, column: string): void {
  const counts = table[row] ?? {}
  table[row] = counts
  counts[column] = (counts[column] ?? 0) + 1
}

export class Journal extends EventLog<Happening> {
  counts: Counts = noCounts()

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
}
