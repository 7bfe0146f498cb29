/** The backup part of homelab.yaml: where backups go, and the plans. */
import { z } from 'zod'
import { AbsolutePath, Name, NodeName, Schedule, SecretRef, Timezone } from './fields.ts'

export const Repository = z
  .strictObject({
    title: z.string().optional(),
    storage: z.string().optional().describe('A Proxmox storage for vzdump archives'),
    restic: z.string().optional().describe('A restic repository: a path, s3:…, rest:…, sftp:…'),
    password: SecretRef.optional().describe("The restic repository's password"),
    env: z
      .record(z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be the name of an environment variable'), SecretRef)
      .optional()
      .describe('What restic needs in its environment, such as AWS_ACCESS_KEY_ID'),
  })
  .refine((entry) => entry.storage !== undefined || entry.restic !== undefined, {
    error: 'needs "storage" (a Proxmox storage) or "restic" (a repository)',
  })
  .refine((entry) => entry.restic === undefined || entry.password !== undefined, {
    error: 'needs "password": restic has no repository without one',
  })

const count = z.int().min(0)
const Retention = z.strictObject({
  last: count.optional(),
  hourly: count.optional(),
  daily: count.optional(),
  weekly: count.optional(),
  monthly: count.optional(),
  yearly: count.optional(),
  within: z
    .string()
    .regex(/^(?:\d+[ymdh])+$/, 'must be a duration, such as 30d or 1y6m')
    .optional(),
})

const planCommon = {
  title: z.string().optional(),
  to: z.array(Name).min(1).describe('Names of repositories'),
  schedule: Schedule.describe('hourly, daily, weekly, monthly or five cron fields'),
  timezone: Timezone.optional(),
  retention: Retention.optional(),
}
/** How something is backed up: three methods, one schedule and retention. */
export const Backup = z.discriminatedUnion('method', [
  z
    .strictObject({
      method: z.literal('pg_dump').describe('Dump PostgreSQL, then restic'),
      service: Name.describe('The database service'),
      databases: z.array(z.string()).optional().describe('Default: all of them, and the roles'),
      ...planCommon,
    })
    .describe('A PostgreSQL server by pg_dump and restic'),
  z
    .strictObject({
      method: z.literal('restic').describe('Files'),
      node: NodeName.optional().describe('The node that has the paths'),
      service: Name.optional().describe('Or the service inside whose guest the paths are'),
      paths: z.array(AbsolutePath).min(1),
      exclude: z.array(z.string()).optional(),
      ...planCommon,
    })
    .describe('Files by restic'),
  z
    .strictObject({
      method: z.literal('vzdump').describe('Whole guests, by Proxmox itself'),
      guests: z.array(z.string()).min(1).default(['@all']).describe('Services, guests, @stack or @all'),
      mode: z.enum(['snapshot', 'suspend', 'stop']).default('snapshot'),
      ...planCommon,
    })
    .describe('Guests by vzdump'),
])
