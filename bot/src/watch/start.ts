/** All that looks at the lab by itself, made in one place. */
import type { AuditLog, Clock, Http, Registry, Services } from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import type { Secrets } from '@homelab/core/node'
import type { FactStore } from '../chat/connector.ts'
import type { Tell } from '../incidents/tell.ts'
import type { LabServices } from '../lab/connect.ts'
import type { Runs } from '../runs/index.ts'
import type { ScheduledJob } from '../schedule/index.ts'
import { startBackupWatch } from './backups.ts'
import { createExposureWatch } from './exposures.ts'
import { startPings } from './pings.ts'
import type { Notify, WatchLog } from './types.ts'
import { startWatch } from './watch.ts'

/** Milliseconds before the first look, and between two. */
export interface Looks {
  readonly firstMs: number
  readonly everyMs: number
}

export interface WatchesOptions {
  readonly lab: LabServices
  readonly runs: Runs
  readonly registry: Registry
  /** For the operations that look. */
  readonly services: () => Partial<Services>
  readonly facts: FactStore
  readonly audit: Pick<AuditLog, 'list'>
  readonly clock: Clock
  readonly inventory: () => Inventory
  readonly secrets: Secrets
  /** One that verifies certificates: for addresses outside that are secrets. */
  readonly web: Http
  /** Of what is no problem. */
  readonly notify: Notify
  readonly tell: Tell
  readonly log: WatchLog
  /** Whether the bot is on a platform at all. */
  readonly somewhere: boolean
  /** Whether anybody would be told: nothing is looked for otherwise. Asked before each look. */
  readonly wanted: () => boolean
  readonly backupLooks: Looks
  readonly exposureLooks: Looks
}

export interface Watches {
  /** What was exposed for a while, and is to be taken back. From memory. */
  expiries(): readonly ScheduledJob[]
  /** Begins to look. */
  start(): void
  stop(): Promise<void>
}

export function createWatches(options: WatchesOptions): Watches {
  const { lab, somewhere, web, backupLooks, exposureLooks } = options
  const exposures = createExposureWatch({ ...options, ...exposureLooks })
  const started: { stop(): Promise<void> }[] = [exposures]
  return {
    expiries: exposures.expiries,
    start() {
      exposures.start()
      if (somewhere)
        started.push(
          startWatch({ ...options, lab: lab.lab, proxmox: lab.proxmox }),
          startBackupWatch({ ...options, ...lab, clock: options.clock, ...backupLooks }),
        )
      started.push(startPings({ ...options, http: web }))
    },
    async stop() {
      for (const watch of started.toReversed()) await watch.stop()
    },
  }
}
