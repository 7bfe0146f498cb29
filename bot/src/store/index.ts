export type { AuditRecord, StoredAudit } from './audit.ts'
export { openStore, type Store } from './store.ts'
