/** What is measured of a running bot. Each part tells by itself, or is asked from memory: a scrape costs no call. */
import type { RunView } from '@homelab/core'
import type { Incident } from '@homelab/core/alerts'
import type { PlanStatus } from '@homelab/core/backup'
import type { ConnectorStatus, Platform } from '../chat/connector.ts'
import type { Outlet } from '../chat/courier.ts'

export interface MeasuredRuns {
  active(): Promise<readonly RunView[]>
  onAny(listener: (run: RunView) => void): () => void
}

export type MeasuredIncident = Pick<
  Incident,
  'id' | 'severity' | 'state' | 'again' | 'ack' | 'openedAt' | 'resolvedAt'
>

export interface MeasuredIncidents {
  /** Open ones, and those that were open in this span. From memory. */
  during(span: { readonly from: number; readonly to: number }): readonly MeasuredIncident[]
  onChange(listener: (incident: MeasuredIncident) => void): () => void
}

/** Since the bot began, by name of the source. */
export type IntakeCounts = ReadonlyMap<
  string,
  {
    readonly accepted: number
    readonly refused: number
    readonly malformed: number
    readonly failed: number
    /** ISO 8601. */
    readonly lastAt?: string
  }
>

/** What a platform's adapter lends itself to. */
export interface PlatformMeter {
  /** The same outlet, with its calls measured. */
  outlet(outlet: Outlet): Outlet
  /** Asked at each scrape: cards and channels that the courier has in memory. */
  courier(platform: Platform, kept: () => number): void
}

export interface Metrics extends PlatformMeter {
  /** What the backup watch has just seen. */
  backups(rows: readonly PlanStatus[], at: Date): void
  incidents(desk: MeasuredIncidents): void
  intake(counts: () => IntakeCounts): void
  platforms(statuses: () => readonly ConnectorStatus[]): void
  /** In the text format of Prometheus. */
  text(): Promise<{ readonly type: string; readonly body: string }>
  stop(): void
}
