/** What it takes to run one service: a blueprint, as its YAML file says it. */
import { z } from 'zod'
import { CheckSpec } from '../health/spec.ts'
import { AbsolutePath, GuestName, Hostname, Name, Port } from '../inventory/fields.ts'

const Id = z.int().min(0).max(65_535)
const Owner = z.strictObject({ uid: Id, gid: Id })

/** Without the characters that `pct set` parts its options at. */
const MountPath = AbsolutePath.regex(
  /^\/(?!.*(?:^|\/)\.\.(?:\/|$))[^,\s"']*$/,
  'must be an absolute path without commas, blanks, quotes and ".."',
)

const Mount = z.strictObject({
  source: MountPath.describe('Folder of the node'),
  target: MountPath.describe('Where the container has it'),
  readonly: z.boolean().default(false),
  owner: Owner.exactOptional().describe(
    'Who writes there, as the container numbers users: the same numbers own it on the node',
  ),
})

/** In a text: `{database.url}`, `{hostname}`, `{url}`. */
const Text = z.string().max(64_000)

const InstallStep = z.union(
  [
    z.strictObject({
      run: z.array(z.string()).min(1).describe('A command of the container, as argv; it may run twice'),
      env: z.record(z.string().regex(/^[A-Z_][A-Z0-9_]*$/), z.string()).optional(),
    }),
    z.strictObject({
      file: AbsolutePath.describe('A file of the container that is written whole'),
      text: Text,
      mode: z
        .string()
        .regex(/^0[0-7]{3}$/, 'must be four digits, such as "0644"')
        .default('0644'),
      owner: z
        .string()
        .regex(/^[a-z_][a-z0-9_-]*(?::[a-z_][a-z0-9_-]*)?$/)
        .optional(),
    }),
  ],
  { error: 'must be { run: [command, …] } or { file: /path, text: … }' },
)
export type InstallStep = Readonly<z.output<typeof InstallStep>>

const Line = z
  .string({ error: 'must be a text: in quotes, when it is a number or true and false' })
  .max(200)
  .regex(/^[^\n\r\0]*$/, 'must be one line')

/** Variables of a script that each run sets by itself. */
const told = new Set(['var_ctid', 'var_hostname', 'var_net', 'var_tags'])

const Create = z.discriminatedUnion('by', [
  z.strictObject({
    by: z.literal('template'),
    template: z
      .string()
      .min(1)
      .default('debian-12-standard')
      .describe('Template of a container, or part of its name'),
  }),
  z.strictObject({
    by: z.literal('script'),
    script: Name.describe('A community helper script, ct/<name>.sh: https://community-scripts.org'),
    env: z
      .record(
        z
          .string()
          .regex(/^var_[a-z_]+$/)
          .refine((key) => !told.has(key), {
            error: ({ input }) =>
              `${String(input)} is not for a blueprint: every run says it, and finds its container by it`,
          }),
        z.string(),
      )
      .default({})
      .describe('Variables of the script, but var_ctid, var_hostname, var_net and var_tags'),
    /** Those that are known to ask, whatever they are told. */
    asks: z.string().optional(),
    answers: z
      .array(
        z.strictObject({
          question: Line.min(1).describe('Words that its text has'),
          answer: Line.describe('yes or no for a box with these two; for a menu the tag of an entry'),
        }),
      )
      .max(20)
      .default([])
      .describe('To questions that are known to come; any other one ends the script'),
  }),
  z.strictObject({
    by: z.literal('vm'),
    template: GuestName.describe('The VM template that is cloned, by name or VMID'),
  }),
])

const Identifier = z
  .string()
  .regex(/^[a-z_][a-z0-9_]{0,62}$/, 'must be a name of PostgreSQL: small letters, digits and "_"')

const Device = z.strictObject({
  path: AbsolutePath.regex(/^\/dev\/[A-Za-z0-9/_.-]+$/, 'must be a device, such as /dev/dri/renderD128'),
  uid: Id.exactOptional(),
  gid: Id.exactOptional(),
})

export const Blueprint = z.strictObject({
  title: z.string().min(1).max(60),
  about: z.string().max(300).optional().describe('What one should know before one makes it'),
  stack: Name,
  kind: Name.optional().describe(
    "What it is in the catalogue; default: the blueprint's name when that is known",
  ),
  create: Create,
  cores: z.int().min(1).max(512).default(1),
  memory: z.int().min(16).default(512).describe('MiB'),
  swap: z.int().min(0).default(512).describe('MiB'),
  disk: z.int().min(1).max(100_000).default(8).describe('Of its root disk, GiB'),
  unprivileged: z.boolean().default(true),
  features: z
    .string()
    .regex(/^[a-z_]+=[^,\s]+(?:,[a-z_]+=[^,\s]+)*$/)
    .optional()
    .describe(
      'Such as nesting=1,keyctl=1. Left out: nesting=1, when it is unprivileged and from a template. All others go over SSH',
    ),
  mounts: z.array(Mount).max(100).default([]),
  gpu: z
    .union([z.enum(['dri', 'nvidia']), z.array(Device).min(1)], {
      error: 'must be dri, nvidia, or a list of { path: /dev/… }',
    })
    .optional()
    .describe('Devices of the node that it gets'),
  database: z
    .strictObject({
      name: Identifier,
      role: Identifier,
      extensions: z.array(Identifier).default([]),
    })
    .optional()
    .describe(
      'On the shared PostgreSQL; in files as {database.url}, {database.host}, {database.password}, …',
    ),
  install: z.array(InstallStep).default([]),
  unit: z
    .string()
    .regex(/^[A-Za-z0-9:_.@-]+$/)
    .optional()
    .describe('systemd unit that is enabled and started'),
  port: Port.optional(),
  health: CheckSpec.optional().describe("Default: the catalogue's check of its kind"),
  start: z.int().min(5).max(3_600).default(180).describe('Seconds that it may need until it answers'),
  needs: z.array(Name).default([]).describe('Services that must be there first'),
  expose: z
    .strictObject({
      hostname: Hostname.optional().describe('Default: its name under the domain'),
      public: z.boolean().default(false).describe('Without Access'),
    })
    .optional()
    .describe('Left out: it is not exposed unless one asks for it'),
  private: z.boolean().default(false).describe('Never offered for exposure'),
  confirm: z.boolean().default(false).describe('Every change to it asks first'),
  backup: z.boolean().default(true).describe('Its guest goes into a plan by vzdump, if it is in none'),
  monitoring: z
    .strictObject({ port: Port, path: z.string().startsWith('/').default('/metrics') })
    .optional()
    .describe('Where Prometheus finds its metrics'),
  alerts: z
    .array(
      z.strictObject({
        alert: z.string().regex(/^[A-Z][A-Za-z0-9]*$/, 'must be a name such as PlexDown'),
        expr: z.string().min(1),
        for: z
          .string()
          .regex(/^\d+[smhd]$/)
          .default('5m'),
        severity: z.enum(['critical', 'warning', 'info']).default('warning'),
        summary: z.string().min(1),
      }),
    )
    .default([])
    .describe('Rules for Prometheus'),
})
export type Blueprint = Readonly<z.output<typeof Blueprint>>

/** By its name, which is that of its file. */
export interface NamedBlueprint {
  readonly name: string
  readonly blueprint: Blueprint
  /** Of the lab's own folder, not of those that come along. */
  readonly own: boolean
}

export interface Blueprints {
  /** In the order of their names. @throws HomelabError `config` with the file and the place of what is wrong */
  list(): Promise<readonly NamedBlueprint[]>
  /** Of the last list. From memory. */
  names(): readonly string[]
}
