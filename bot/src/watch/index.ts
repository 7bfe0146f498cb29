export { startBackupWatch } from './backups.ts'
export { startPings } from './pings.ts'
export type { Watch } from './types.ts'
export { startWatch } from './watch.ts'
