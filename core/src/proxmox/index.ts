/** The Proxmox VE client: one object for a cluster, over any Http port. Works with PVE 8 and 9. */
import type { Clock, Http } from '../ports.ts'
import { createAuth, type ProxmoxAuth } from './auth.ts'
import { createBackups } from './backups.ts'
import { type ClientLog, createClient, type Timeouts } from './client.ts'
import { createCluster } from './cluster.ts'
import { nodeDisks } from './disks.ts'
import { guestAddresses, guestConfig, guestStatus, power, powerTask } from './guests.ts'
import { createHa } from './ha.ts'
import { history } from './history.ts'
import { configure, destroy, isFree } from './lifecycle.ts'
import { createMigration } from './migrate.ts'
import { followGuests } from './moved.ts'
import { certificates, nodeStatus, storageStatus, updates, version } from './nodes.ts'
import { readOverview } from './overview.ts'
import { createProvision } from './provision.ts'
import { createReplication } from './replication.ts'
import { createSnapshots } from './snapshots.ts'
import { createTasks } from './tasks.ts'
import type { Proxmox } from './types.ts'

export interface ProxmoxOptions {
  readonly http: Http
  readonly clock: Clock
  /** Nodes of one cluster, the preferred one first: `https://pve:8006`, or a bare name. */
  readonly endpoints: readonly string[]
  readonly auth: ProxmoxAuth
  /** Calls at once for each node. Default 4. */
  readonly maxConcurrent?: number
  readonly timeouts?: Partial<Timeouts>
  readonly log?: ClientLog
  /** 0 to 1, for the jitter of retries. */
  readonly random?: () => number
}

const defaultTimeouts: Timeouts = { read: 30_000, change: 60_000, storage: 10_000, retryWithin: 10_000 }

/** @throws HomelabError `config` when an address or the token's id has not the right form */
export function createProxmox(options: ProxmoxOptions): Proxmox {
  const { http, clock, endpoints, maxConcurrent = 4, log = () => {}, random = Math.random } = options
  const timeouts = { ...defaultTimeouts, ...options.timeouts }
  const auth = createAuth(options.auth, clock)
  const client = followGuests(
    createClient({ http, clock, auth, endpoints, maxConcurrent, timeouts, log, random }),
  )
  const tasks = createTasks(client, clock, log)
  return {
    overview: (signal) => readOverview(client, clock, signal),
    power: (guest, action, powerOptions) => power(client, guest, action, powerOptions),
    powerTask,
    guestStatus: (guest, signal) => guestStatus(client, guest, signal),
    guestConfig: (guest, signal) => guestConfig(client, guest, signal),
    guestAddresses: (guest, signal) => guestAddresses(client, guest, signal),
    nodeStatus: (node, signal) => nodeStatus(client, node, signal),
    storageStatus: (node, storage, signal) => storageStatus(client, node, storage, timeouts.storage, signal),
    disks: (node, signal) => nodeDisks(client, node, signal),
    updates: (node, signal) => updates(client, node, signal),
    certificates: (node, signal) => certificates(client, node, signal),
    version: (signal) => version(client, signal),
    history: (of, timeframe, signal) => history(client, of, timeframe, signal),
    isFree: (vmid, signal) => isFree(client, vmid, signal),
    configure: (guest, lines, changes) => configure(client, guest, lines, changes),
    destroy: (guest, changes) => destroy(client, guest, changes),
    tasks,
    backups: createBackups(client, tasks),
    cluster: createCluster(client),
    ha: createHa(client),
    migration: createMigration(client, tasks),
    provision: createProvision(client, tasks, clock),
    replication: createReplication(client),
    snapshots: createSnapshots(client, tasks),
  }
}

export type { ProxmoxAuth } from './auth.ts'
export type * from './backup-types.ts'
export type { ClientLog, Timeouts } from './client.ts'
export type * from './cluster-types.ts'
export { configLines, lostInPlace, type Mount, mountsOf, parseConfig, reachesOut } from './guest-config.ts'
export { mapResources } from './overview.ts'
export type * from './provision-types.ts'
export type * from './snapshot-types.ts'
export type * from './types.ts'
export { describeTask, parseUpid, tryParseUpid } from './upid.ts'
