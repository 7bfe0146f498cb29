/** What a digest says: each part only when it was looked at. Times are ISO 8601. */
import { z } from 'zod'
import { Severity } from '../alerts/types.ts'
import { digestParts } from '../inventory/backup-schema.ts'

const RunLine = z.object({
  id: z.string(),
  title: z.string(),
  who: z.string(),
  at: z.string(),
  /** Why it failed. */
  error: z.string().optional(),
})
export type RunLine = z.infer<typeof RunLine>

const IncidentLine = z.object({
  id: z.string(),
  title: z.string(),
  severity: Severity,
  at: z.string(),
  /** When it was over. */
  until: z.string().optional(),
  /** Who looks after it. */
  by: z.string().optional(),
  /** What it is about, when that is a backup plan or a storage. */
  plan: z.string().optional(),
  storage: z.string().optional(),
  /** Problems that are folded beneath it. */
  beneath: z.int(),
})
export type IncidentLine = z.infer<typeof IncidentLine>

const StorageLine = z.object({
  name: z.string(),
  node: z.string(),
  /** Bytes. */
  used: z.number().optional(),
  total: z.number().optional(),
  /** Percent. */
  warn: z.number(),
  crit: z.number(),
  problems: z.array(z.object({ severity: z.enum(['warning', 'error']), text: z.string() })),
  /** Bytes since then; below zero when it has shrunk. Absent when nobody recorded it. */
  grown: z.number().optional(),
})
export type StorageLine = z.infer<typeof StorageLine>

const BackupLine = z.object({
  plan: z.string(),
  title: z.string(),
  repository: z.string(),
  state: z.enum(['fresh', 'stale', 'never', 'unknown']),
  /** Milliseconds: how old the newest proven one is. */
  ageMs: z.number().optional(),
  why: z.string().optional(),
})
export type BackupLine = z.infer<typeof BackupLine>

const BackupSize = z.object({
  title: z.string(),
  repository: z.string(),
  bytes: z.number(),
  /** Bytes of the one that was the newest a week ago, if it is kept. */
  weekAgo: z.number().optional(),
})
export type BackupSize = z.infer<typeof BackupSize>

export const DigestOutput = z.object({
  since: z.string(),
  at: z.string(),
  timezone: z.string().optional(),
  /** The newest first. */
  runs: z
    .object({
      failed: z.array(RunLine),
      /** What people had done. */
      people: z.array(RunLine),
      succeeded: z.int(),
      cancelled: z.int(),
      active: z.int(),
    })
    .optional(),
  incidents: z.object({ open: z.array(IncidentLine), over: z.array(IncidentLine) }).optional(),
  backups: z
    .object({
      fresh: z.int(),
      /** Those that are not, and those that are much smaller than before. */
      others: z.array(BackupLine),
      /** Of the newest that is proven, the largest first. */
      sizes: z.array(BackupSize).optional(),
    })
    .optional(),
  /** Those with a problem first. */
  storages: z.array(StorageLine).optional(),
  updates: z
    .array(z.object({ node: z.string(), packages: z.array(z.string()), kernel: z.boolean() }))
    .optional(),
  /** Those that nodes answer with, the first to end first. */
  certificates: z.array(z.object({ node: z.string(), file: z.string(), until: z.string() })).optional(),
  tunnel: z.object({ name: z.string(), status: z.string(), connections: z.int() }).optional(),
  /** What could not be looked at, and why. */
  unseen: z.array(z.object({ part: z.enum(digestParts), text: z.string() })),
})
export type DigestOutput = z.infer<typeof DigestOutput>
