/** The backup part of homelab.yaml: where backups go, and the plans. */
import { z } from 'zod'
import {
  AbsolutePath,
  Address,
  Duration,
  Name,
  NodeName,
  Port,
  Schedule,
  SecretRef,
  Timezone,
} from './fields.ts'

const Environment = z.record(
  z.string().regex(/^[A-Z][A-Z0-9_]*$/, 'must be the name of an environment variable'),
  SecretRef,
)

export const Repository = z
  .strictObject({
    title: z.string().optional(),
    storage: z.string().optional().describe('A Proxmox storage for vzdump archives'),
    restic: z.string().optional().describe('A restic repository: a path, s3:…, rest:…, sftp:…'),
    password: SecretRef.optional().describe("The restic repository's password"),
    env: Environment.optional().describe('What restic needs in its environment, such as AWS_ACCESS_KEY_ID'),
    binary: AbsolutePath.optional().describe('restic itself, where it is not in the PATH of the machine'),
    append_only: z
      .boolean()
      .default(false)
      .describe('Its keys cannot delete: old snapshots are removed by somebody else'),
    egress_price: z.number().min(0).optional().describe('Dollars for each GB that is read back'),
    recovery: z
      .strictObject({ password: SecretRef, env: Environment.optional() })
      .optional()
      .describe('The copy of the password and the keys that would be used after a fire: drills prove it'),
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

const Command = z.array(z.string().min(1)).min(1)

const planCommon = {
  title: z.string().optional(),
  to: z.array(Name).min(1).describe('Names of repositories'),
  schedule: Schedule.describe('hourly, daily, weekly, monthly or five cron fields'),
  timezone: Timezone.optional(),
  jitter: Duration.optional().describe('Up to so much later, the same on every bot: not everybody at once'),
  retention: Retention.optional(),
  prune: Schedule.optional().describe(
    'When what is over by the retention is removed from repositories of restic; without it by hand only',
  ),
  fresh: Duration.optional().describe('How old the newest proven snapshot may get; default: by the schedule'),
  shrink: z
    .int()
    .min(1)
    .max(100)
    .default(30)
    .describe('Percent less of bytes, files or rows than the largest that is kept, which stop the pruning'),
  verify: z
    .strictObject({
      schedule: Schedule,
      cycle: z.int().min(1).max(100).default(10).describe('After so many all that is stored has been read'),
    })
    .optional()
    .describe('Reads a part of the repository, another one each time'),
  drill: z
    .strictObject({
      schedule: Schedule,
      files: z.int().min(1).max(1000).default(20).describe('Files compared with the live ones'),
    })
    .optional()
    .describe('Restores for a proof, beside what is live'),
  before: z.array(Command).optional().describe('Commands before it, where it runs; one that fails ends it'),
  after: z.array(Command).optional().describe('Commands after it, also when it failed'),
  pause: z
    .strictObject({
      guests: z.array(z.string()).default([]).describe('Containers that are stopped meanwhile'),
      nextcloud: Name.optional().describe('The Nextcloud that is in maintenance mode meanwhile'),
    })
    .optional()
    .describe('What must not write meanwhile; on again in the end, whatever happens'),
  ping: SecretRef.optional().describe('Where the URL is that is asked after each success (healthchecks.io)'),
}

/** For a key that says nothing of whole guests: refused with a way out, as one that does nothing is taken for one that works. */
const notOfGuests = (why: string) => z.never({ error: why }).optional()
const nothingAround = (key: string) =>
  notOfGuests(
    `"${key}" is not for whole guests, which Proxmox saves itself. Give what needs it a plan of its own by pg_dump or restic`,
  )
export const digestParts = [
  'runs',
  'incidents',
  'backups',
  'storages',
  'updates',
  'certificates',
  'tunnel',
] as const
export type DigestPart = (typeof digestParts)[number]

/** The daily card of what happened and what waits. */
export const Digest = z.strictObject({
  schedule: Schedule.default('0 8 * * *').describe('When it comes'),
  channel: Name.optional().describe('Name of the channel it comes in; default: where the notices go'),
  empty: z.boolean().default(true).describe('Also when there is nothing that anybody has to know'),
  without: z.array(z.enum(digestParts)).default([]).describe('Parts that are left out'),
})

/** How something is backed up: three methods, one schedule and retention. */
export const Backup = z.discriminatedUnion('method', [
  z
    .strictObject({
      method: z.literal('pg_dump').describe('Dump PostgreSQL, then restic'),
      service: Name.describe('The database service'),
      databases: z.array(z.string()).optional().describe('Default: all of them, and the roles'),
      user: z
        .string()
        .regex(/^[a-z_][a-z0-9_-]*$/, 'must be the name of a user of the machine')
        .default('postgres')
        .describe('The user of the machine as whom pg_dump runs'),
      host: z.union([AbsolutePath, Address]).optional().describe('Folder of the socket, or an address'),
      port: Port.optional(),
      jobs: z.int().min(1).max(16).default(2).describe('Tables dumped at a time'),
      staging: AbsolutePath.default('/var/lib/homelab-staging').describe('Where there is room for a dump'),
      stream: z
        .boolean()
        .optional()
        .describe('Past the staging, one database only; default: when there is no room for the dump'),
      originals: z
        .array(
          z.strictObject({
            database: z.string().min(1),
            query: z.string().min(1).describe('Gives the path of a file in each row'),
            from: z.string().min(1).describe('How the paths begin in the database'),
            to: AbsolutePath.describe('How the same paths begin in the backup of the files'),
            plan: Name.describe('The plan that backs up the files'),
          }),
        )
        .optional()
        .describe('Files that rows speak of: a drill looks for them in the backup of the other plan'),
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
      compress: z
        .enum(['none', 'lzo', 'gzip', 'zstd'])
        .optional()
        .describe('Default: zstd; none where restic copies the archives, which compresses by itself'),
      notes: z
        .string()
        .regex(/^[^\n\r]{1,200}$/, 'must be one line of at most 200 characters')
        .optional()
        .describe(
          'Before what homelab notes of an archive; {{guestname}}, {{node}} and {{vmid}} are filled in',
        ),
      protected: z
        .boolean()
        .default(false)
        .describe('Nobody removes its archives, the retention neither, before that is taken off'),
      ...planCommon,
      drill: z
        .strictObject({
          schedule: Schedule,
          copies: Schedule.optional().describe(
            'Also the newest copy of one guest each time, from each repository of restic: compared with the archive on the storage',
          ),
          files: notOfGuests('"files" is for plans of files: of a guest the whole archive is restored'),
        })
        .optional()
        .describe('Tries the newest archive of one guest each time, the one whose turn it is'),
      before: nothingAround('before'),
      after: nothingAround('after'),
      pause: nothingAround('pause'),
    })
    .describe('Guests by vzdump'),
])
