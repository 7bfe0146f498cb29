/** Every method that is served, by hand; the contract test holds each against the official schema. */
import type { Route } from '../route.ts'
import { accessRoutes } from './access.ts'
import { aplinfoRoutes } from './aplinfo.ts'
import { backupRoutes } from './backup.ts'
import { cloneRoutes } from './clone.ts'
import { clusterRoutes } from './cluster.ts'
import { configRoutes } from './config.ts'
import { containerRoutes } from './containers.ts'
import { corosyncRoutes } from './corosync.ts'
import { diskRoutes } from './disks.ts'
import { guestRoutes } from './guests.ts'
import { haRoutes } from './ha.ts'
import { hardwareRoutes } from './hardware.ts'
import { machineRoutes } from './machines.ts'
import { migrateRoutes } from './migrate.ts'
import { nodeRoutes } from './nodes.ts'
import { powerRoutes } from './power.ts'
import { replicationRoutes } from './replication.ts'
import { resizeRoutes } from './resize.ts'
import { snapshotRoutes } from './snapshots.ts'
import { storageRoutes } from './storage.ts'
import { taskRoutes } from './tasks.ts'
import { upkeepRoutes } from './upkeep.ts'
import { volumeRoutes } from './volumes.ts'

export const routes: readonly Route[] = [
  ...accessRoutes,
  ...clusterRoutes,
  ...corosyncRoutes,
  ...haRoutes,
  ...hardwareRoutes,
  ...migrateRoutes,
  ...replicationRoutes,
  ...nodeRoutes,
  ...upkeepRoutes,
  ...aplinfoRoutes,
  ...diskRoutes,
  ...taskRoutes,
  ...guestRoutes,
  ...configRoutes,
  ...containerRoutes,
  ...machineRoutes,
  ...cloneRoutes,
  ...resizeRoutes,
  ...powerRoutes,
  ...snapshotRoutes,
  ...storageRoutes,
  ...volumeRoutes,
  ...backupRoutes,
]
