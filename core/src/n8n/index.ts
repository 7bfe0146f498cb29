export { createN8n, type N8nOptions } from './client.ts'
export type * from './types.ts'
