/** Everything an operation can declare as a need. A surface offers an operation only when it has them all. */

import type { ErrorData } from '../errors.ts'
import type { Health } from '../health/types.ts'
import type { Lab } from '../inventory/types.ts'
import type { Clock } from '../ports.ts'
import type { Proxmox } from '../proxmox/types.ts'
import type { Shells } from '../shell/types.ts'
import type { Registry } from './registry.ts'
import type { Json, Progress, Role, Surface } from './types.ts'

/** Who asks. `id` is the platform's immutable one (`discord:1234`, `slack:U1`, `console:local`), never a name. */
export interface Caller {
  readonly id: string
  readonly name: string
  readonly role: Role
  readonly surface: Surface
}

export type RunState =
  | 'queued' // accepted, not started
  | 'waiting' // another run holds one of its locks
  | 'running'
  | 'cancelling'
  | 'succeeded'
  | 'failed'
  | 'cancelled'

export interface RunView {
  readonly id: string
  readonly operation: string
  readonly title: string
  readonly input: Json
  readonly caller: { readonly id: string; readonly name: string }
  readonly state: RunState
  readonly createdAt: string
  readonly startedAt?: string
  readonly finishedAt?: string
  readonly progress?: Progress
  /** The resource and the run that hold it up while `waiting`. */
  readonly waitingFor?: { readonly lock: string; readonly run: string }
  readonly result?: Json
  readonly error?: ErrorData
}

export interface RunLogLine {
  readonly at: string
  readonly text: string
}

/** The runs of a running bot. Only the bot has it: in n8n and in a lone CLI these operations are not offered. */
export interface RunHistory {
  list(filter: { readonly active?: boolean; readonly limit: number }): Promise<readonly RunView[]>
  get(id: string): Promise<RunView | undefined>
  log(id: string, limit: number): Promise<readonly RunLogLine[]>
  /** Persists the request and returns; the run's state becomes `cancelling`, then `cancelled`. */
  cancel(id: string, by: Caller): Promise<RunView>
}

export interface Commands {
  readonly registry: Registry
  /** Whether this surface has what the operation needs and this caller may use it. */
  offered(id: string, caller: Caller): boolean
}

export interface Services {
  readonly lab: Lab
  readonly proxmox: Proxmox
  readonly health: Health
  readonly shells: Shells
  readonly clock: Clock
  readonly runs: RunHistory
  readonly caller: Caller
  readonly commands: Commands
  readonly about: {
    readonly version: string
    readonly mode: 'bot' | 'inline'
    readonly lab: string
  }
}
