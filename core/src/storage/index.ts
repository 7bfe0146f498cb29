export { type Measure, measure } from './measure.ts'
export { type StorageRow, storageRows } from './rows.ts'
