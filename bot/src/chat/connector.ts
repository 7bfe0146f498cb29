/** What a chat platform's adapter is to the bot: it translates, and knows no operation. */
import type { Caller, Clock, Json, Registry, RunHistory } from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import type { Logger } from 'pino'
import type { Draw } from '../charts/painter.ts'
import type { Glance } from '../console/types.ts'
import type { PlatformMeter } from '../metrics/types.ts'
import type { Desk } from './types.ts'

export type Platform = 'discord' | 'slack'

export interface ConnectorStatus {
  readonly platform: Platform
  /**
   * `connecting`: not yet, or again; `connected`: what people type arrives; `refused`: the platform will not have us
   * (a bad token, a missing scope), and it is not tried again until somebody changes that.
   */
  readonly state: 'connecting' | 'connected' | 'refused'
  /** Of this state, ISO 8601. */
  readonly since: string
  /** What is wrong, and what to do about it. */
  readonly problem?: string
  readonly hint?: string
}

export interface Connector extends AsyncDisposable {
  readonly platform: Platform
  readonly status: ConnectorStatus
  /** Resolves when the first attempt is over: connected, or known not to work now. Never rejects. */
  readonly started: Promise<void>
}

/** What the platform says of who asks; ids as the platform gives them. */
export interface Asker {
  readonly platform: Platform
  readonly user: string
  /** What people call them; shown, never decided by. */
  readonly name: string
  /** Discord roles, or Slack user groups, that they have. */
  readonly groups: readonly string[]
  /** The channel, not the thread in it; absent in a direct message. */
  readonly channel?: string
}

/** Where the message of a card is, in the adapter's own words. Kept so that a restart finds it again. */
export interface MessageStore {
  /** From memory. */
  get(card: string): Json | undefined
  save(card: string, platform: Platform, ref: Json): Promise<void>
  /** The card that this message shows. `message` is what the adapter gave as `ref.message`. */
  cardOf(platform: Platform, message: string): string | undefined
}

/** Small facts that outlive a restart, by name: which command set is registered where, how far one has read. */
export interface FactStore {
  get(name: string): Json | undefined
  set(name: string, value: Json): Promise<void>
}

export interface ConnectorContext {
  readonly desk: Desk
  readonly registry: Registry
  /** Resolves who asks against homelab.yaml as it is now. */
  readonly callerOf: (asker: Asker) => Caller
  readonly inventory: () => Inventory
  readonly runs: Pick<RunHistory, 'log'>
  /** Absent: pictures are left out. */
  readonly draw?: Draw
  /** Absent: nothing is measured. */
  readonly meter?: PlatformMeter
  /** The lab in one look, for a home page. */
  readonly glance: (signal: AbortSignal) => Promise<Glance>
  readonly messages: MessageStore
  readonly facts: FactStore
  readonly clock: Clock
  readonly log: Logger
  readonly onBug: (error: unknown, where?: string) => void
}
