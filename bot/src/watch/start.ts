/** All that looks at the lab by itself, made in one place. */
import type { AuditLog, Clock, Http, Registry, Services } from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import type { Secrets } from '@homelab/core/node'
import type { FactStore } from '../chat/connector.ts'
import type { Tell } from '../incidents/tell.ts'
import type { LabServices } from '../lab/connect.ts'
import type { Runs } from '../runs/index.ts'
import type { ScheduledJob } from '../schedule/index.ts'
import { type BackupWatchOptions, startBackupWatch } from './backups.ts'
import { startDiskWatch } from './disks.ts'
import { createExposureWatch } from './exposures.ts'
import { startHealthWatch } from './health.ts'
import { startPings } from './pings.ts'
import { startStorageWatch } from './storages.ts'
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
  /** Told what each look at the backups has seen. */
  readonly onBackups?: BackupWatchOptions['onBackups']
  readonly log: WatchLog
  /** Whether the bot is on a platform at all. */
  readonly somewhere: boolean
  /** Whether anybody would be told: nothing is looked for otherwise. Asked before each look. */
  readonly wanted: () => boolean
  readonly backupLooks: Looks
  readonly exposureLooks: Looks
  /** Of what has none here the usual. */
  readonly looks?: Partial<typeof usual> | undefined
}

const usual: Readonly<Record<'health' | 'storages' | 'disks', Looks>> = {
  health: { firstMs: 60_000, everyMs: 60_000 },
  storages: { firstMs: 45_000, everyMs: 300_000 },
  disks: { firstMs: 90_000, everyMs: 900_000 },
}

export interface Watches {
  /** What was exposed for a while, and is to be taken back. From memory. */
  expiries(): readonly ScheduledJob[]
  /** Begins to look. */
  start(): void
  stop(): Promise<void>
}

export function createWatches(given: WatchesOptions): Watches {
  // A finding has its card with it, for whoever makes an incident of it.
  const tell: Tell = (id, card, state, finding) => given.tell(id, card, state, { ...finding, card })
  const options = { ...given, tell }
  const { lab, clock, somewhere, web, backupLooks, exposureLooks } = options
  const { health, storages, disks } = { ...usual, ...options.looks }
  const exposures = createExposureWatch({ ...options, ...exposureLooks })
  const started: { stop(): Promise<void> }[] = [exposures]
  return {
    expiries: exposures.expiries,
    start() {
      exposures.start()
      if (somewhere)
        started.push(
          startWatch({ ...options, lab: lab.lab, proxmox: lab.proxmox }),
          startBackupWatch({ ...options, ...lab, clock, ...backupLooks }),
          startHealthWatch({ ...options, ...lab, clock, ...health }),
          startStorageWatch({ ...options, ...lab, clock, ...storages }),
          startDiskWatch({ ...options, ...lab, clock, ...disks }),
        )
      started.push(startPings({ ...options, http: web }))
    },
    async stop() {
      for (const watch of started.toReversed()) await watch.stop()
    },
  }
}
