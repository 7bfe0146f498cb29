export { type Measure, measure, type StorageProblem } from './measure.ts'
export { type RaidState, raidIn, raidProblems, readRaid } from './raid.ts'
export { type StorageRow, storageRows } from './rows.ts'
export { type DiskState, diskIn, diskProblems, readDisk } from './smart.ts'
