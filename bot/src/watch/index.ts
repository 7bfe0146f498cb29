export type { Notify, Watch, WatchOptions } from './types.ts'
export { startWatch } from './watch.ts'
