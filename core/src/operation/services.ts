/** Everything an operation can declare as a need. A surface offers an operation only when it has them all. */

import type { Incident, Maintenance } from '../alerts/types.ts'
import type { SecretSource } from '../backup/plan.ts'
import type { ErrorData } from '../errors.ts'
import type { Health } from '../health/types.ts'
import type { InventoryWriter, Lab } from '../inventory/types.ts'
import type { K3s } from '../k3s/types.ts'
import type { Monitoring } from '../monitoring/types.ts'
import type { N8n } from '../n8n/types.ts'
import type { Clock } from '../ports.ts'
import type { Blueprints } from '../provision/blueprint.ts'
import type { Proxmox } from '../proxmox/types.ts'
import type { Shells } from '../shell/types.ts'
import type { Network } from '../tunnel/types.ts'
import type { Registry } from './registry.ts'
import type { Json, Operation, Plan, Progress, Standing, Surface } from './types.ts'

/** Who asks. `id` is the platform's immutable one (`discord:1234`, `slack:U1`, `console:local`), never a name. */
export interface Caller {
  readonly id: string
  readonly name: string
  readonly role: Standing
  readonly surface: Surface
  /** Key of `people` in homelab.yaml: one person may have an id on each platform. */
  readonly person?: string
  /** The channel it was asked in, `discord:1234`: some allow less. A thread counts as its channel. */
  readonly channel?: string
}

/** One guest that a command would touch, by all that people call it. */
export interface Touched {
  /** As on cards: the service's name, else the guest's. */
  readonly name: string
  /** All of its own names: with the aliases, the guest's name and its VMID. */
  readonly names: readonly string[]
  /** Services that share the guest: what happens to it happens to them. */
  readonly beside: readonly string[]
  /** That a selector such as `@media` would find it by. */
  readonly stack?: string
}

/** Who may do what: roles, channels, overrides of the file, and grants. Everything from memory. */
export interface Rights {
  /** Whether it is worth offering this operation here, before it is known what it would touch. */
  offers(operation: Operation, caller: Caller): boolean
  /** Whether what it would touch decides: a grant for some services, or a service with a role of its own. */
  dependsOnTargets(operation: Operation, caller: Caller): boolean
  /**
   * @param targets what it would touch; left out before that is known
   * @param asked names as they were typed, for the command in the hint only
   * @throws HomelabError `denied`: which right is missing, and who can give it
   */
  permit(operation: Operation, caller: Caller, targets?: readonly Touched[], asked?: readonly string[]): void
  /** Whether this name or selector is worth offering to a caller whose rights depend on what is touched. From memory. */
  offersFor(operation: Operation, caller: Caller, name: string): boolean
  /** The caller's own grants that are in force. */
  held(caller: Caller): readonly Grant[]
}

/** A right for a while, given in a chat. */
export interface Grant {
  readonly id: string
  /** `discord:1234`, `slack:U1`, or `person:kid` for all ids of that person. */
  readonly to: string
  /** As the giver wrote it, for people. */
  readonly name: string
  readonly operation: string
  /** Names of services and guests; none: whatever the operation is asked for. */
  readonly services: readonly string[]
  /** ISO 8601. */
  readonly until: string
  readonly at: string
  readonly by: { readonly id: string; readonly name: string }
}

export interface Grants {
  /** Those in force, the oldest first. From memory. */
  active(): readonly Grant[]
  give(grant: Omit<Grant, 'id' | 'at'>): Promise<Grant>
  /** @returns the grant that is over now; undefined when there is none with this id */
  revoke(id: string, by: Caller): Promise<Grant | undefined>
}

export interface AuditView {
  readonly seq: number
  readonly at: string
  readonly caller: { readonly id: string; readonly name: string; readonly surface: string }
  /** `discord:1234`; absent where there are no channels. */
  readonly channel?: string
  readonly command: string
  readonly operation: string
  readonly decision: string
  readonly plan?: string
  /** Who approved or rejected, and how. */
  readonly approval?: string
  readonly run?: string
  readonly result?: string
  /** SHA-256 over the entry and the hash before it, hex. Absent on entries of before the chain. */
  readonly hash?: string
}

export interface AuditCheck {
  readonly entries: number
  /** Of the newest entry: whoever noted it can ask later whether it is still in the chain. */
  readonly head?: string
  /** The first entry that does not fit. */
  readonly broken?: { readonly seq: number; readonly why: string }
}

export interface AuditLog {
  /** The newest first. `text` is looked for in every part of an entry. */
  list(filter: {
    readonly limit: number
    readonly text?: string
    readonly since?: string
    readonly before?: number
  }): Promise<readonly AuditView[]>
  get(seq: number): Promise<AuditView | undefined>
  /** Reads the whole log. `head`: a hash that was noted earlier and must still be in it. */
  verify(options?: { readonly head?: string; readonly signal?: AbortSignal }): Promise<AuditCheck>
}

/** A change that waits for somebody's yes, or for a while in which it can be called off. */
export interface Approval {
  /** Short, for people to type. */
  readonly id: string
  readonly operation: string
  readonly summary: string
  readonly command: string
  readonly caller: { readonly id: string; readonly name: string }
  /** Who can say yes, for people: `another admin`, `harmeet in Slack`. */
  readonly wants: string
  readonly at: string
  readonly expiresAt: string
  /** When it begins by itself unless somebody says no. */
  readonly beginsAt?: string
}

export interface Approvals {
  /** Those that wait, the oldest first. From memory. */
  open(): readonly Approval[]
  /**
   * @throws HomelabError `not-found` when nothing waits under this id, `denied` when this caller may not decide it,
   * `conflict` when the state is not what was asked about
   */
  decide(id: string, yes: boolean, caller: Caller): Promise<Approval>
}

/** Something that is begun by the clock, as homelab.yaml has it. Times are ISO 8601. */
export interface Schedule {
  /** `backup/postgresql` */
  readonly id: string
  readonly title: string
  readonly operation: string
  /** Five fields, or hourly, daily, weekly, monthly. */
  readonly cron: string
  readonly timezone: string
  /** Absent while it is paused without an end, and when its time makes no sense. */
  readonly next?: string
  readonly last?: {
    /** The occurrence, or when somebody wanted it now. */
    readonly due: string
    readonly at: string
    /** `skipped`: it was missed, and is not caught up. */
    readonly state: 'running' | 'succeeded' | 'failed' | 'cancelled' | 'skipped'
    readonly run?: string
    /** `6 h late: the bot was not there` */
    readonly late?: string
    readonly error?: string
    /** When it is begun once more, because something did not answer. */
    readonly again?: string
    /** Whoever wanted it now. */
    readonly by?: string
  }
  readonly paused?: {
    readonly by: { readonly id: string; readonly name: string }
    readonly at: string
    readonly until?: string
  }
  /** Why it never comes. */
  readonly problem?: string
}

/** What the bot begins by itself, when its time has come. */
export interface Schedules {
  /** In the order of the file. From memory. */
  list(): readonly Schedule[]
  /** What a run now would do. @throws HomelabError `not-found`, `denied`, and as the operation's plan does */
  plan(id: string, caller: Caller, signal: AbortSignal): Promise<Plan>
  /** Begins it now, as this caller. @throws HomelabError as `plan`, `conflict` while it goes on */
  run(id: string, caller: Caller): Promise<RunView>
  /** What is due meanwhile is left out. @param until without: until somebody resumes it */
  pause(id: string, caller: Caller, until?: Date): Promise<Schedule>
  resume(id: string, caller: Caller): Promise<Schedule>
}

/** The problems of the lab. From memory, but for those that are over for long. */
export interface Incidents {
  /** The newest first. @param open leaves out what is over */
  list(filter: { readonly open: boolean; readonly limit: number }): Promise<readonly Incident[]>
  /** @param id as on its card, or the name of what it is about while that is one open incident */
  get(id: string): Promise<Incident | undefined>
  /** Somebody looks after it: it is not escalated any more. What is folded beneath it is acknowledged with it. */
  acknowledge(id: string, by: Caller): Promise<Incident>
  /** How many alerts would make no sound now: those of the incident, and those beneath it. */
  wouldSilence(id: string): Promise<number>
  /** Nobody is told of it until then; without `until`: until it is resolved. */
  silence(id: string, by: Caller, until?: Date): Promise<Incident>
  unsilence(id: string, by: Caller): Promise<Incident>
  /** That it is over, where nothing else says so. What still fires comes again. */
  resolve(id: string, by: Caller): Promise<Incident>
}

/** Times in which nobody is told, because somebody works there. */
export interface Maintenances {
  active(): readonly Maintenance[]
  /** @param what names as they were typed, for people; what they mean is in the rest */
  start(
    what: Pick<Maintenance, 'what' | 'vmids' | 'services' | 'all' | 'why'>,
    until: Date,
    by: Caller,
  ): Promise<Maintenance>
  /** Ends it now, and tells what it held back. @throws HomelabError `not-found` */
  stop(id: string, by: Caller): Promise<Maintenance>
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
  readonly rights: Rights
  readonly grants: Grants
  readonly audit: AuditLog
  readonly approvals: Approvals
  readonly schedules: Schedules
  readonly incidents: Incidents
  readonly maintenances: Maintenances
  /** What was measured over time. */
  readonly monitoring: Monitoring
  /** Present when homelab.yaml has an `n8n` section. */
  readonly n8n: N8n
  /** Present when homelab.yaml has a `k3s` section. */
  readonly k3s: K3s
  /** Present when homelab.yaml says how to reach the tunnel. */
  readonly network: Network
  /** Present when homelab.yaml is a file here. */
  readonly file: InventoryWriter
  /** What homelab.yaml only refers to. */
  readonly secrets: SecretSource
  /** What it takes to make a service. */
  readonly blueprints: Blueprints
  readonly about: {
    readonly version: string
    readonly mode: 'bot' | 'inline'
    readonly lab: string
  }
}
