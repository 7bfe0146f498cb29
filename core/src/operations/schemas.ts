/** Output shapes that several operations share. */
import { z } from 'zod'
import type { Json } from '../operation/types.ts'

/** Any JSON, with our read-only type. */
export const JsonValue: z.ZodType<Json, Json> = z.json()

export const GuestRow = z.object({
  vmid: z.int(),
  name: z.string(),
  type: z.enum(['lxc', 'qemu']),
  node: z.string(),
  status: z.string(),
  lock: z.string().optional(),
  tags: z.array(z.string()),
  template: z.boolean(),
  /** Seconds. */
  uptime: z.number(),
  /** 0 to 1 of `maxcpu` cores. */
  cpu: z.number(),
  maxcpu: z.number(),
  /** Bytes. */
  mem: z.number(),
  maxmem: z.number(),
  disk: z.number(),
  maxdisk: z.number(),
})

export const PowerResult = z.object({
  name: z.string(),
  vmid: z.int(),
  type: z.enum(['lxc', 'qemu']),
  node: z.string(),
  /** `unchanged`: it was so already; `skipped`: something it needs failed. */
  outcome: z.enum(['done', 'warnings', 'unchanged', 'failed', 'skipped']),
  upid: z.string().optional(),
  /** Milliseconds without service: seen by its health check, else the time the task took. */
  downMs: z.number().optional(),
  /** Absent when nothing is known to check it by, or nobody waited. */
  healthy: z.boolean().optional(),
  detail: z.string(),
})
export type PowerResult = z.infer<typeof PowerResult>

export const TaskRow = z.object({
  upid: z.string(),
  node: z.string(),
  type: z.string(),
  id: z.string(),
  user: z.string(),
  /** Seconds since the epoch, by the server's clock. */
  startTime: z.number(),
  endTime: z.number().optional(),
  exitStatus: z.string().optional(),
})
