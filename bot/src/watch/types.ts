/** What the bot tells by itself: a failed task, a guest that should run and does not, its own return. */
import type { AuditLog, Card, Clock, Lab, Proxmox, Registry } from '@homelab/core'
import type { About } from '@homelab/core/alerts'
import type { Inventory } from '@homelab/core/inventory'
import type { FactStore } from '../chat/connector.ts'
import type { Tell } from '../incidents/tell.ts'
import type { Runs } from '../runs/index.ts'

/** Shows a card that is no problem in the ops channels; the same id changes that card in place. `live` while it will change. */
export type Notify = (id: string, card: Card, state: 'live' | 'done') => void

/** What the watch says to the program's log; pino fits. */
export interface WatchLog {
  warn(facts: object, text: string): void
  error(facts: object, text: string): void
}

export interface WatchOptions {
  readonly lab: Pick<Lab, 'overview' | 'services' | 'resolve'>
  readonly proxmox: { readonly tasks: Pick<Proxmox['tasks'], 'list' | 'log'> }
  readonly runs: Pick<Runs, 'active' | 'list' | 'log' | 'onAny'>
  /** Tells which guests a run is about. */
  readonly registry: Registry
  readonly facts: FactStore
  /** For the hash that goes into the notice after an outage. */
  readonly audit?: Pick<AuditLog, 'list'>
  readonly clock: Clock
  readonly inventory: () => Inventory
  readonly notify: Notify
  readonly tell: Tell
  readonly log: WatchLog
  /** Whether anybody would be told: nothing is looked for otherwise. Asked before each look. */
  readonly wanted?: () => boolean
  /** Milliseconds between two looks. Default 30 000. */
  readonly everyMs?: number
}

export interface Watch {
  /** Resolves when it is noted that this end was an orderly one. */
  stop(): Promise<void>
  /** One look now. Never rejects. */
  look(): Promise<void>
}

/** Something that can be down: `guest/110`, `node/pve`, `storage/pve/nas`, `lab`. */
export interface Thing {
  readonly key: string
  readonly kind: 'guest' | 'node' | 'storage' | 'lab'
  /** As people call it. */
  readonly name: string
  /** `CT 110 on pve`. */
  readonly what: string
  /**
   * `off`: down, and somebody wanted it so. `unclear`: nothing can be said now, because it is being worked on or what it
   * stands on is down.
   */
  readonly state: 'up' | 'down' | 'off' | 'unclear'
  /** What it is instead of up, for people. */
  readonly why?: string
  /** What is down with it. */
  readonly beneath?: readonly string[]
  readonly about?: About
}

export const describe = (error: unknown): string => (error instanceof Error ? error.message : String(error))
