export * from './errors.ts'
export type { Health, HealthReport, HealthState } from './health/types.ts'
export type {
  HostPath,
  InventoryWriter,
  Lab,
  ServiceRow,
  Suggestion,
  SuggestKind,
  Target,
} from './inventory/types.ts'
export type { Monitoring } from './monitoring/types.ts'
export type { N8n } from './n8n/types.ts'
export { didYouMean, joinWords, nearest } from './nearest.ts'
export * from './operation/index.ts'
export { inParallel } from './parallel.ts'
export type * from './ports.ts'
export type { Blueprints } from './provision/blueprint.ts'
export type {
  Guest,
  GuestRef,
  HistoryRow,
  HistorySubject,
  Node,
  Overview,
  Proxmox,
  Storage,
} from './proxmox/types.ts'
export { redact, Secret } from './secret.ts'
export type { Shells } from './shell/types.ts'
export type { Network } from './tunnel/types.ts'
export { within } from './within.ts'
