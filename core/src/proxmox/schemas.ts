/** What is used of each answer, and no more. PVE leaves out keys it has no value for. */
import { z } from 'zod'
import { HomelabError } from '../errors.ts'
import type { Json } from '../operation/types.ts'

/** PVE writes some numbers as strings; an absent one is 0. */
const number = z.coerce.number().catch(0)
const text = z.string().catch('')
/** PVE's booleans: 1, '1' or true; absent is false. */
const flag = z
  .unknown()
  .optional()
  .transform((value) => value === 1 || value === '1' || value === true)
const list = z
  .string()
  .catch('')
  .transform((value) => value.split(',').filter((item) => item !== ''))
const usage = z.object({ used: number, total: number }).catch({ used: 0, total: 0 })

/** @throws HomelabError `failed` when the answer is not of this shape */
export function read<T extends z.ZodType>(schema: T, data: unknown, path: string): z.infer<T> {
  const result = schema.safeParse(data)
  if (result.success) return result.data
  const [issue] = result.error.issues
  const where = issue === undefined ? '' : `${issue.path.join('.') || 'data'}: ${issue.message}`
  throw new HomelabError('failed', `Proxmox answered ${path} in an unexpected form (${where})`, {
    data: { path },
  })
}

export const Ticket = z.object({
  ticket: z.string().optional(),
  CSRFPreventionToken: z.string().optional(),
  NeedTFA: flag,
})

export const Version = z.object({ version: z.string(), release: text })

export const TaskStatus = z.object({
  status: z.enum(['running', 'stopped']),
  exitstatus: z.string().optional(),
})

export const TaskRow = z.object({
  upid: z.string(),
  endtime: z.coerce.number().optional(),
  status: z.string().optional(),
})

export const LogLine = z.object({ n: z.number(), t: text })

export const GuestState = z.object({
  status: z.string(),
  qmpstatus: z.string().optional(),
  uptime: number,
  lock: z.string().optional(),
  ha: z.object({ managed: flag }).optional(),
})

export const Config = z.record(z.string(), z.unknown()).transform((value) => value as Record<string, Json>)

export const NodeState = z.object({
  pveversion: text,
  kversion: text,
  'current-kernel': z.object({ release: z.string() }).optional(),
  uptime: number,
  cpuinfo: z.object({ model: text, cpus: number }).optional(),
  cpu: number,
  loadavg: z.array(number).catch([]),
  memory: usage,
  swap: usage,
  rootfs: usage,
})

export const StorageState = z.object({
  type: text,
  active: flag,
  enabled: flag,
  shared: flag,
  content: list,
  used: number,
  total: number,
})

export const UpdateRow = z.object({
  Package: z.string(),
  OldVersion: z.string().optional(),
  Version: text,
  Origin: text,
})

export const CertificateRow = z.object({
  filename: text,
  subject: text,
  notafter: z.coerce.number().optional(),
})

const Interface = z.object({
  name: text,
  inet: z.string().optional(),
  inet6: z.string().optional(),
  'ip-addresses': z.array(z.object({ 'ip-address': z.string().optional() })).optional(),
})

export const LxcInterfaces = Interface.array()

export const AgentInterfaces = z.object({ result: Interface.array() })

/** path → privilege → 1 */
export const Permissions = z.record(z.string(), z.record(z.string(), z.unknown()))

/** `keep`, `remove`, `protected`; `renamed` is no name that Proxmox gave. */
export const PruneRow = z.object({ volid: z.string(), mark: z.string() })

export const ArchiveRow = z.object({
  volid: z.string(),
  vmid: z.coerce.number().optional(),
  subtype: z.string().optional(),
  size: number,
  ctime: number,
  format: text,
  notes: z.string().optional(),
  protected: flag,
  encrypted: z.unknown().optional(),
  verification: z.object({ state: z.string() }).optional(),
})

export const VolumeRow = z.object({ volid: z.string(), vmid: z.coerce.number().optional() })

export const VolumeNotes = z.object({ notes: z.string().default('') })

export const ApplianceRow = z.object({
  template: z.string(),
  package: z.string().default(''),
  os: z.string().default(''),
  version: z.string().default(''),
  section: z.string().default(''),
  headline: z.string().default(''),
})

export const Feature = z.object({ hasFeature: flag })

export const SnapshotRow = z.object({
  name: z.string(),
  description: text,
  snaptime: number,
  parent: z.string().optional(),
  vmstate: flag,
  running: flag,
  snapstate: z.string().optional(),
})
export type SnapshotRow = z.infer<typeof SnapshotRow>

export const NextId = z.coerce.number().int().min(100)
