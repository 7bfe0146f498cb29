/**
 * homelab.yaml as it is written (`InventoryFile`) and as the rest of the program reads it (`Inventory`:
 * defaults filled in, every map a list of named entries).
 */
import { z } from 'zod'
import { CheckSpec } from '../health/spec.ts'
import type { Role as RoleName } from '../operation/types.ts'
import { Alerts, type AlertsSettings } from './alerts-schema.ts'
import { Backup, Digest, Repository } from './backup-schema.ts'
import { Channel, Discord, Slack } from './chat-schema.ts'
import {
  AbsolutePath,
  Address,
  CaSource,
  CertificateFingerprint,
  Endpoint,
  GuestName,
  HostKeyFingerprint,
  Hostname,
  Name,
  NodeName,
  OperationName,
  oneOrMore,
  Port,
  SecretRef,
  Size,
  Timezone,
} from './fields.ts'
import { K3s, type K3sSettings } from './k3s-schema.ts'
import { Monitoring, type MonitoringSettings } from './monitoring-schema.ts'
import { N8n, type N8nSettings } from './n8n-schema.ts'
import { Network, type NetworkSettings } from './network-schema.ts'
import {
  type ApprovalWay,
  Approve,
  BotSection,
  PersonSection,
  RightsSection,
  Role,
  Selector,
} from './rights-schema.ts'
import { Vault, type VaultSettings, vaultReferences } from './vault-schema.ts'

const SshAccess = z.strictObject({
  host: Address.optional().describe(
    "Default: the endpoint's host when there is only one, else the node's name",
  ),
  port: Port.default(22),
  user: z.string().default('root').describe('`pct exec` needs root'),
  key: SecretRef.optional().describe('A private key: file:/path or env:NAME'),
  passphrase: SecretRef.optional().describe('Of the private key'),
  agent: z.boolean().optional().describe('Use the running SSH agent'),
  password: SecretRef.optional(),
  fingerprint: HostKeyFingerprint.optional().describe("The host key's fingerprint, SHA256:…"),
  known_hosts: z.string().optional().describe('Path of a known_hosts file; default ~/.ssh/known_hosts'),
  jobs: AbsolutePath.optional().describe(
    'Where backup jobs keep their folders, there and in its containers; default /var/lib/homelab',
  ),
})

const ProxmoxSection = z
  .strictObject({
    endpoints: oneOrMore(Endpoint).describe('https://host:8006; several nodes of one cluster as a list'),
    token: z
      .strictObject({
        id: z
          .string()
          .regex(
            /^[^\s!@:]+@[^\s!@:]+![A-Za-z][\w.-]+$/,
            'must look like user@realm!name, such as homelab@pve!desk',
          )
          .describe('user@realm!name'),
        secret: SecretRef,
      })
      .optional()
      .describe('An API token: the better way to log in'),
    login: z
      .strictObject({
        user: z.string().regex(/^[^\s!@:]+@[^\s!@:]+$/, 'must look like user@realm, such as root@pam'),
        password: SecretRef,
      })
      .optional()
      .describe('A user with a password, where a token is not possible'),
    fingerprint: oneOrMore(CertificateFingerprint)
      .optional()
      .describe("SHA-256 of each node's certificate; anything else is refused"),
    ca: CaSource.optional(),
    ssh: z
      .record(NodeName, SshAccess)
      .optional()
      .describe('SSH access by node name: logs, commands in containers, host paths'),
  })
  .refine((section) => (section.token === undefined) !== (section.login === undefined), {
    error: 'needs exactly one of "token" and "login"',
  })

const Service = z
  .strictObject({
    guest: GuestName.optional().describe(
      "Name or VMID of the guest it runs on; default: the service's own name",
    ),
    kind: Name.optional().describe(
      'What it is, from the catalogue; default: its own name when that is known',
    ),
    blueprint: Name.optional().describe(
      'Which one it was provisioned from, and so whose database it has; default: that of its own name',
    ),
    title: z.string().optional(),
    stack: Name.optional().describe('Group for `status` and for @stack selectors'),
    port: Port.optional(),
    address: Address.optional().describe("Where it answers; default: the guest's own address"),
    unit: z
      .string()
      .regex(/^[A-Za-z0-9:_.@\\][A-Za-z0-9:_.@\\-]*$/, 'must be the name of a systemd unit')
      .optional()
      .describe('systemd unit inside the guest, for logs'),
    health: CheckSpec.optional().describe("Default: the catalogue's check for its kind"),
    needs: z.array(Name).optional().describe('Services it cannot run without'),
    url: z
      .string()
      .regex(/^https?:\/\/\S+$/, 'must be an http or https URL')
      .optional()
      .describe('Where people open it; default: its route'),
    private: z.boolean().optional().describe('Never offered for exposure'),
    confirm: z.boolean().optional().describe('Every change to it asks first'),
    role: Role.optional().describe('Changes to it need at least this role'),
    aliases: z.array(Name).optional().describe('Other names that people type for it'),
  })
  .nullable()

const percent = z.number().min(1).max(100)
const Storage = z
  .strictObject({
    storage: z
      .string()
      .regex(/^[A-Za-z][A-Za-z0-9._-]*$/, 'must be the id of a Proxmox storage')
      .optional()
      .describe('Id of a Proxmox storage'),
    path: AbsolutePath.optional().describe(
      'Where it is mounted; alone (with node) when Proxmox does not know it',
    ),
    node: NodeName.optional(),
    title: z.string().optional(),
    kind: z.string().optional().describe('For people: NVMe SSD, HDD RAID'),
    size: Size.optional().describe('As bought: 48 TB'),
    purpose: z.string().optional(),
    layout: z.array(z.strictObject({ path: AbsolutePath, purpose: z.string() })).optional(),
    warn: percent.default(80).describe('Percent used from which `status` warns'),
    crit: percent.default(90).describe('Percent used from which it is critical'),
    raid: z
      .string()
      .regex(/^(?:\/dev\/)?md[A-Za-z0-9/_-]*$/, 'must be an md device, such as /dev/md0')
      .transform((device) => (device.startsWith('/dev/') ? device : `/dev/${device}`))
      .optional()
      .describe('Linux software RAID device to watch'),
    disks: z
      .array(z.string().regex(/^\/dev\/[A-Za-z0-9/_:.-]+$/, 'must be a device, such as /dev/sda'))
      .optional()
      .describe('Disks whose SMART state to watch'),
  })
  .refine((entry) => entry.storage !== undefined || entry.path !== undefined, {
    error: 'needs "storage" (a Proxmox storage) or "path" and "node" (a folder on a node)',
  })
  .refine((entry) => entry.path === undefined || entry.storage !== undefined || entry.node !== undefined, {
    error: 'needs "node": which node has this path',
  })
  .refine((entry) => entry.warn <= entry.crit, { error: '"warn" must not be above "crit"', path: ['warn'] })

const Console = z.strictObject({
  host: Address.default('127.0.0.1'),
  port: z.int().min(0).max(65_535).default(8787).describe('0 takes any free port'),
  hosts: z
    .array(Hostname)
    .default([])
    .describe('Names it is opened by besides its address, such as that of a reverse proxy'),
  role: Role.default('operator').describe('What the console may do'),
  token: SecretRef.optional().describe('Asked for at login; needed when host is not the loopback'),
})

/** The file as people write it. A section that is there but empty counts as absent. */
export const InventoryFile = z
  .strictObject({
    name: z.string().min(1).max(60).default('homelab').describe('What this lab is called on cards'),
    timezone: Timezone.optional().describe('For schedules; default: the time zone of the machine'),
    proxmox: ProxmoxSection.nullish().describe('How to reach Proxmox VE'),
    vault: Vault.nullish().describe(
      'Where HashiCorp Vault or OpenBao is, for references such as vault:secret/homelab#key',
    ),
    services: z.record(Name, Service).nullish().describe('Services by name'),
    storages: z.record(Name, Storage).nullish().describe('Storages and folders worth watching'),
    repositories: z.record(Name, Repository).nullish().describe('Where backups go'),
    backups: z.record(Name, Backup).nullish().describe('Backup plans by name'),
    unprotected: z
      .array(z.strictObject({ what: z.string().min(1), why: z.string().min(1) }))
      .nullish()
      .describe(
        'What may be lost: names of `backup coverage`, or folders and all below them, with the reason',
      ),
    digest: z
      .union([z.literal(false), Digest])
      .nullish()
      .describe(
        'What happened and what waits, each day as one card; default: at 8, where there is a channel for notices',
      ),
    network: Network.nullish().describe('The domain, the tunnel and what is reachable through it'),
    monitoring: Monitoring.nullish().describe('Where measurements over time come from'),
    alerts: Alerts.nullish().describe('Who may tell of alerts, and who is told of them'),
    n8n: N8n.nullish().describe('Workflows of n8n that may be started from here'),
    k3s: K3s.nullish().describe('A K3s cluster: how to reach it, and what of it is looked at'),
    people: z.record(Name, PersonSection).nullish().describe('Who may do what; everyone else may do nothing'),
    rights: RightsSection.nullish().describe('Other roles for operations than their own'),
    approve: z
      .array(Approve)
      .nullish()
      .describe('Changes that wait for another yes; the first that fits counts'),
    discord: Discord.nullish().describe('The Discord bot'),
    slack: Slack.nullish().describe('The Slack app'),
    channels: z
      .record(Name, Channel)
      .nullish()
      .describe('When there: the desk works only in these, and in direct messages'),
    bot: BotSection.nullish().describe('What the bot itself needs: stopping it asks once more'),
    console: Console.nullish().describe('The web console'),
    confirm: z
      .array(OperationName)
      .nullish()
      .describe('Operations that always ask before they act, by id or by what one types'),
    exec: z
      .array(Selector)
      .nullish()
      .describe('Guests in which admins may run any command, never from a chat; default: none'),
    blueprints: z
      .string()
      .min(1)
      .optional()
      .describe('Folder of blueprints of your own, which go before those that come along'),
    state: z
      .string()
      .regex(/^(?!.*:\/\/).+$/, 'must be a folder; a database URL is not supported yet')
      .optional()
      .describe('Folder for the state of the bot; default .homelab'),
  })
  .superRefine((file, context) => {
    if (file.vault != null) return
    for (const path of vaultReferences(file))
      context.addIssue({
        code: 'custom',
        path,
        message: 'is in Vault, but there is no "vault" section to say where that is',
      })
  })
  .describe('homelab.yaml: the lab by name')
export type InventoryFile = z.output<typeof InventoryFile>

type Named<T> = { readonly name: string } & Readonly<T>

export type ProxmoxAccess = Readonly<z.output<typeof ProxmoxSection>>
/** `name` is the Proxmox node's. */
export type SshEntry = Named<z.output<typeof SshAccess>> & { readonly host: string }
export type StorageEntry = Named<z.output<typeof Storage>>
export type RepositoryEntry = Named<z.output<typeof Repository>>
export type BackupEntry = Named<z.output<typeof Backup>>
export type DigestSettings = Readonly<z.output<typeof Digest>>
export type Person = Named<z.output<typeof PersonSection>>
export type ChannelEntry = Named<z.output<typeof Channel>>
export type DiscordSettings = Readonly<z.output<typeof Discord>>
export type SlackSettings = Readonly<z.output<typeof Slack>>
export type { ApprovalWay }
export interface ApproveRule {
  /** Operation ids or chat names. */
  readonly what: readonly string[]
  /** Services, guests, `@stack` or `@all`. */
  readonly services: readonly string[]
  readonly by: readonly ApprovalWay[]
  readonly delayMs?: number
  readonly expiresMs: number
}
export type ConsoleSettings = Readonly<z.output<typeof Console>>
export type {
  AlertRoute,
  AlertSourceEntry,
  AlertSourceKind,
  AlertsSettings,
  QuietHours,
  Remedy,
} from './alerts-schema.ts'
export type { K3sSettings } from './k3s-schema.ts'
export type {
  AccessSettings,
  NetworkSettings,
  RouteEntry,
  TraefikSettings,
  TunnelSettings,
} from './network-schema.ts'

export interface ServiceEntry {
  readonly name: string
  /** A VMID, or the guest's name. */
  readonly guest: number | string
  /** Key of the catalogue. */
  readonly kind?: string
  /** Only when it has another name than the service. */
  readonly blueprint?: string
  readonly title: string
  readonly stack: string
  readonly port?: number
  readonly address?: string
  readonly unit?: string
  /** Only when the file gives one; the catalogue's check applies otherwise. */
  readonly health?: CheckSpec
  readonly needs: readonly string[]
  readonly url?: string
  readonly private: boolean
  readonly confirm: boolean
  /** Changes to it need at least this. */
  readonly role?: RoleName
  readonly aliases: readonly string[]
}

export interface Inventory {
  readonly name: string
  readonly timezone?: string
  readonly proxmox?: Omit<ProxmoxAccess, 'ssh'>
  readonly vault?: VaultSettings
  /** One entry for each node with SSH access. */
  readonly ssh: readonly SshEntry[]
  readonly services: readonly ServiceEntry[]
  readonly storages: readonly StorageEntry[]
  readonly repositories: readonly RepositoryEntry[]
  readonly backups: readonly BackupEntry[]
  readonly unprotected: readonly { readonly what: string; readonly why: string }[]
  /** Absent: none. */
  readonly digest?: DigestSettings
  readonly network: NetworkSettings
  readonly monitoring: MonitoringSettings
  readonly alerts: AlertsSettings
  readonly n8n?: N8nSettings
  readonly k3s?: K3sSettings
  readonly people: readonly Person[]
  /** By operation id or chat name: the lowest role here. */
  readonly rights: { readonly operations: ReadonlyMap<string, RoleName> }
  readonly approve: readonly ApproveRule[]
  readonly discord?: DiscordSettings
  readonly slack?: SlackSettings
  /** None: every channel. */
  readonly channels: readonly ChannelEntry[]
  readonly bot: { readonly guest?: number | string; readonly needs: readonly string[] }
  readonly console: ConsoleSettings
  /** Operation ids or chat names. */
  readonly confirm: readonly string[]
  /** Services, guests, VMIDs, @stack or @all in which commands may be run. */
  readonly exec: readonly string[]
  /** A folder of the machine of the bot. */
  readonly blueprints?: string
  readonly state?: string
}

export const defaultConsole: ConsoleSettings = Console.parse({})
