export type { Watch } from './types.ts'
export { startWatch } from './watch.ts'
