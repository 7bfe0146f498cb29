/** What was measured over a time: one model, wherever it comes from. */
import type { GuestRef } from '../proxmox/types.ts'

/** `share` is 0 to 1. */
export type Unit = 'share' | 'bytes' | 'bytes/s'

export interface Point {
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly value: number
}

export interface Series {
  readonly name: string
  readonly unit: Unit
  /** Milliseconds between two points when none is missing. */
  readonly stepMs: number
  /** The oldest first. A point that is missing is not there: see `gapsOf`. */
  readonly points: readonly Point[]
}

export const metrics = ['cpu', 'memory', 'disk', 'network'] as const
export type Metric = (typeof metrics)[number]

export type Subject =
  | { readonly kind: 'guest'; readonly guest: GuestRef }
  | { readonly kind: 'node'; readonly node: string }
  /** Of Proxmox by `storage`, else a folder of the node by `path`. */
  | {
      readonly kind: 'storage'
      readonly name: string
      readonly node: string
      readonly storage?: string
      readonly path?: string
    }

/** Milliseconds since the epoch. */
export interface Span {
  readonly from: number
  readonly to: number
}

export interface Readings {
  readonly source: 'prometheus' | 'proxmox'
  /** At least one, each with at least one point. */
  readonly series: readonly Series[]
  /** Why it does not come from where it should. */
  readonly note?: string
}

export interface Monitoring {
  /**
   * From Prometheus where the file names one that has it, else what Proxmox recorded.
   * @throws HomelabError `not-found` when nobody measured it
   */
  read(subject: Subject, metric: Metric, span: Span, signal?: AbortSignal): Promise<Readings>
}
