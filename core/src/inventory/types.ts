/** The lab by name: homelab.yaml laid over what Proxmox says is there. */
import type { Guest, Overview } from '../proxmox/types.ts'
import type { Course } from './courses.ts'
import type { Inventory, ServiceEntry } from './schema.ts'

/** A name that was resolved: a guest, and the service on it when the file or the catalogue knows one. */
export interface Target {
  /** What the person would call it: the service's name, else the guest's. */
  readonly name: string
  readonly guest: Guest
  readonly service?: ServiceEntry
  /** Names of services that stop working without this one, from `needs` in the file, nearest first. */
  readonly dependents: readonly string[]
}

export type SuggestKind =
  | 'services'
  | 'guests'
  | 'nodes'
  | 'storages'
  | 'tasks'
  | 'runs'
  | 'commands'
  | 'approvals'
  | 'backups'
  | 'schedules'
  | 'workflows'
  | 'incidents'
  | 'deployments'
  | 'blueprints'

export interface Suggestion {
  readonly value: string
  /** `CT 110 on pve · running` */
  readonly label?: string
}

/** A host path of the file that Proxmox does not know as a storage, measured over SSH. */
export interface HostPath {
  readonly name: string
  readonly node: string
  readonly path: string
}

/** Shares of 0 to 1; of a guest, of its own cores. */
export type CourseSubject =
  | { readonly of: 'cpu' | 'memory'; readonly node: string }
  | { readonly of: 'cpu'; readonly vmid: number }

export interface Lab {
  readonly inventory: Inventory
  /** Cached for seconds and shared by all askers; `fresh` forces the one call. A failed refresh throws. */
  overview(options?: { readonly fresh?: boolean; readonly signal?: AbortSignal }): Promise<Overview>
  /**
   * Resolves what a person named: services, guest names, VMIDs, `@stack`, `@all`; each target once,
   * in dependency order (what others need comes first).
   * @throws HomelabError `not-found` naming the nearest names, `ambiguous` naming the candidates
   */
  resolve(
    names: readonly string[],
    options?: { readonly fresh?: boolean; readonly signal?: AbortSignal },
  ): Promise<readonly Target[]>
  /** Every service of the file with its guest (absent when no such guest exists); without a file, every guest. */
  services(options?: { readonly signal?: AbortSignal }): Promise<readonly ServiceRow[]>
  /**
   * Why stopping these would take down what homelab itself needs, one sentence for each reason: its own guest, the
   * services of `bot` in the file and what those need. From memory: as the lab was when `resolve` was last asked.
   * @param node also when this whole node goes down
   */
  lockout(targets: readonly Target[], node?: string): readonly string[]
  /** What the overviews of the last hours showed of it. From memory: undefined until there is a course. */
  course(of: CourseSubject): Course | undefined
  /** From memory only, never a call: at most `limit`, best first. */
  suggest(kind: SuggestKind, typed: string, limit: number): readonly Suggestion[]
}

/** homelab.yaml as a text that can be changed. */
export interface InventoryWriter {
  readonly path: string
  /** As it is on the disk now; empty while there is no file. */
  text(): Promise<string>
  /** Whether that could be written, without writing it. @throws HomelabError `config` when the new text would be broken */
  check(edit: (text: string) => string): Promise<void>
  /**
   * Writes what the change makes of the text, all of it or nothing, and has it in use when it resolves.
   * @throws HomelabError `conflict` when somebody else changed the file meanwhile, `config` when the new text is broken or
   * cannot be written, and what the change throws; nothing is written then
   */
  change(edit: (text: string) => string): Promise<{ readonly before: string; readonly after: string }>
}

export interface ServiceRow {
  readonly name: string
  readonly stack: string
  readonly target?: Target
}
