export { assertNamespace } from './find.ts'
export type * from './types.ts'
