export type { KnownOperation } from './crosscheck-rights.ts'
export { catalogueEntry, emptyInventory, otherStack, serviceFrom, toInventory } from './defaults.ts'
export { guestText, guestTitle } from './directory.ts'
export { withEntry, withoutEntry } from './edit.ts'
export { refText, type SecretRef, type TextSource } from './fields.ts'
export { createLab, type LabOptions } from './lab.ts'
export { type ParseOptions, parseInventory } from './parse.ts'
export { stateIn } from './peek.ts'
export {
  type AccessSettings,
  type AlertRoute,
  type AlertSourceEntry,
  type AlertSourceKind,
  type AlertsSettings,
  type ApprovalWay,
  type ApproveRule,
  type BackupEntry,
  type ChannelEntry,
  type ConsoleSettings,
  type DiscordSettings,
  type Inventory,
  InventoryFile,
  type K3sSettings,
  type NetworkSettings,
  type Person,
  type ProxmoxAccess,
  type QuietHours,
  type Remedy,
  type RepositoryEntry,
  type RouteEntry,
  type ServiceEntry,
  type SlackSettings,
  type SshEntry,
  type StorageEntry,
  type TraefikSettings,
  type TunnelSettings,
} from './schema.ts'
export type * from './types.ts'
export { unifiedDiff } from './unified-diff.ts'
export { maxFileSize, type Problem } from './yaml.ts'
