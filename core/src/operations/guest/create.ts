import { z } from 'zod'
import { HomelabError, isHomelabError } from '../../errors.ts'
import { SecretRef } from '../../inventory/fields.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Given, Plan, Verbs } from '../../operation/types.ts'
import { bytes, guestPlace } from '../../operation/view.ts'
import type { CreateRequest } from '../../proxmox/provision-types.ts'
import type { GuestRef } from '../../proxmox/types.ts'
import type { Secret } from '../../secret.ts'
import { hostnameInput, tagsInput, tagsText, vmidInput } from './inputs.ts'
import { make, takenError } from './making.ts'
import { nodeFor, storageFor } from './places.ts'
import { powerGuest } from './power.ts'
import { templateNamed } from './templates.ts'
import { unlocking } from './unlock.ts'

const keyLine = /^(?:ssh-(?:ed25519|rsa)|ecdsa-sha2-\S+|sk-\S+) [A-Za-z0-9+/=]+(?: .*)?$/
const lines = (text: string): readonly string[] =>
  text
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '')

const input = z.object({
  hostname: hostnameInput.describe('Its name'),
  template: z.string().min(1).describe('Template: its volume id, or part of its name such as debian-12'),
  node: z.string().optional().describe('Node; default: the only one').meta({ suggest: 'nodes' }),
  vmid: vmidInput,
  cores: z.int().min(1).max(8192).default(1).describe('Cores'),
  memory: z.int().min(16).default(512).describe('Memory in MiB'),
  swap: z.int().min(0).default(512).describe('Swap in MiB'),
  storage: z
    .string()
    .optional()
    .describe('Where its root disk goes; default: the only storage that takes one')
    .meta({ suggest: 'storages' }),
  size: z.int().min(1).max(100_000).default(8).describe('Its root disk in GiB'),
  net: z
    .string()
    .default('name=eth0,bridge=vmbr0,ip=dhcp')
    .describe('Its network card, as net0 of Proxmox; "none" for none'),
  nameserver: z.string().optional().describe("Name server; default: the node's"),
  unprivileged: z.boolean().default(true).describe('Its root is nobody on the host'),
  features: z.string().optional().describe('Such as nesting=1; all others are root@pam alone'),
  tags: tagsInput.optional().describe('Tags'),
  sshKeys: z
    .string()
    .refine((text) => lines(text).every((line) => keyLine.test(line)), 'public SSH keys, one a line')
    .optional()
    .describe('Public SSH keys for its root, one a line'),
  password: z
    .string()
    .refine(
      (text) => SecretRef.safeParse(text).success,
      'where it is, not what it is: env:NAME, file:/path or vault:mount/path#key',
    )
    .optional()
    .describe("Where its root's password is: env:NAME, file:/path or vault:mount/path#key"),
  start: z.boolean().default(true).describe('Start it'),
})
type Input = z.infer<typeof input>
type Services = Given<readonly ['lab', 'proxmox', 'health', 'clock', 'secrets'], readonly ['shells']>

export const guestCreate = defineOperation({
  id: 'guest.create',
  chat: 'guest create',
  title: 'Create a container',
  description:
    'From a template, as an unprivileged container that is started, unless it is told otherwise. It is there when its state says so.',
  risk: 'change',
  permission: 'admin',
  rare: true,
  input,
  output: z.object({
    name: z.string(),
    vmid: z.int(),
    type: z.literal('lxc'),
    node: z.string(),
    status: z.string(),
    template: z.string(),
    storage: z.string(),
    addresses: z.array(z.string()),
    upid: z.string(),
  }),
  positional: ['hostname', 'template'],
  examples: ['guest create web debian-12', 'guest create web debian-12 storage:tesla size:16 memory:2048'],
  needs: ['lab', 'proxmox', 'health', 'clock', 'secrets'],
  wants: ['shells'],
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { template, node, storage, twins } = await find(wanted, services, signal)
    await passwordOf(wanted, services)
    return {
      summary: `Create ${wanted.hostname}${wanted.vmid === undefined ? '' : ` (CT ${wanted.vmid})`} on ${node}`,
      steps: [
        `${template} is unpacked on ${storage}, on a disk of ${wanted.size} GiB`,
        `${wanted.cores} cores, ${bytes(wanted.memory * 2 ** 20)} of memory, ${wanted.net === 'none' ? 'no network' : wanted.net}`,
        ...(wanted.start ? ['it is started'] : []),
      ],
      affects: [],
      warnings: [
        ...(wanted.unprivileged ? [] : ['It is privileged: its root is root on the host.']),
        ...(wanted.password === undefined && wanted.sshKeys === undefined
          ? ['It has neither a password nor a key: only `pct enter` on its node gets into it.']
          : []),
        ...twins.map((place) => `${place} has this name too: commands to it need the VMID then.`),
      ],
      locks: wanted.vmid === undefined ? [] : [`guest/${wanted.vmid}`],
      state: { template, node, storage, vmid: wanted.vmid ?? null },
    }
  },
  async run(wanted, services, verbs) {
    const { proxmox, lab } = services
    const { template, node, storage } = await verbs.step('find', async () => {
      const { twins: _twins, ...found } = await find(wanted, services, verbs.signal)
      return found
    })
    const request = (vmid: number, password?: Secret): CreateRequest => ({
      node,
      vmid,
      template,
      storage,
      hostname: wanted.hostname,
      sizeGib: wanted.size,
      unprivileged: wanted.unprivileged,
      config: configOf(wanted),
      ...(wanted.sshKeys === undefined ? {} : { sshKeys: lines(wanted.sshKeys).join('\n') }),
      ...(password === undefined ? {} : { password }),
    })
    const { guest, upid } = await make(
      {
        vmid: wanted.vmid,
        guest: { type: 'lxc', node, name: wanted.hostname },
        verb: 'create',
        what: `Making ${wanted.hostname}`,
        act: async (vmid) => proxmox.provision.create(request(vmid, await passwordOf(wanted, services))),
        find: (vmid, { since, claimed }) => proxmox.provision.findCreate(request(vmid), since, claimed),
        ...unlocking(services.shells, node),
      },
      services,
      verbs,
    )
    if (wanted.start) await start(guest, services, verbs)
    const { status } = await proxmox.guestStatus(guest, verbs.signal)
    // It may be too early for one by DHCP: none is no reason to fail.
    const addresses = wanted.start ? await proxmox.guestAddresses(guest, verbs.signal).catch(() => []) : []
    // Whoever names it next should find it.
    await lab.overview({ fresh: true }).catch(() => undefined)
    return {
      name: wanted.hostname,
      vmid: guest.vmid,
      type: 'lxc' as const,
      node,
      status,
      template,
      storage,
      addresses: [...addresses],
      upid,
    }
  },
  card: ({ name, vmid, node, status, template, storage, addresses }) => ({
    title: `${name} is made (${guestPlace({ vmid, type: 'lxc', node })})`,
    tone: 'ok',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'State', value: status },
          { name: 'From', value: template.split('/').at(-1) ?? template },
          { name: 'On', value: storage },
          ...(addresses.length > 0 ? [{ name: 'Addresses', value: addresses.join(', ') }] : []),
        ],
      },
    ],
    buttons: [
      status === 'running'
        ? { label: 'Show', action: { kind: 'command', text: `guest show ${vmid}` } }
        : { label: 'Start', style: 'primary', action: { kind: 'command', text: `start ${vmid}` } },
    ],
  }),
})

async function find(wanted: Input, { lab, proxmox }: Services, signal: AbortSignal) {
  const overview = await lab.overview({ signal })
  const node = nodeFor(overview, wanted.node)
  const storage = storageFor(overview, node, 'rootdir', wanted.storage)
  const template = await templateNamed(wanted.template, node, { overview, proxmox }, signal)
  if (wanted.vmid !== undefined && !(await proxmox.isFree(wanted.vmid, signal))) throw takenError(wanted.vmid)
  const name = wanted.hostname.toLowerCase()
  const twins = overview.guests.filter((guest) => guest.name.toLowerCase() === name).map(guestPlace)
  return { template: template.volid, node, storage, twins }
}

/** @throws HomelabError `config` when it is not there or too short for Proxmox */
async function passwordOf({ password }: Input, { secrets }: Services): Promise<Secret | undefined> {
  if (password === undefined) return undefined
  const secret = await secrets.resolve(SecretRef.parse(password))
  if (secret.reveal().length >= 5) return secret
  throw new HomelabError('config', `The password in ${password} is too short: Proxmox wants 5 characters.`)
}

const configOf = (wanted: Input): Readonly<Record<string, string>> => ({
  cores: String(wanted.cores),
  memory: String(wanted.memory),
  swap: String(wanted.swap),
  ...(wanted.net === 'none' ? {} : { net0: wanted.net }),
  ...(wanted.nameserver === undefined ? {} : { nameserver: wanted.nameserver }),
  ...(wanted.features === undefined ? {} : { features: wanted.features }),
  ...(wanted.tags === undefined || wanted.tags.length === 0 ? {} : { tags: tagsText(wanted.tags) }),
})

/** A start of its own, so that the guest's state is looked at: the end of a creation with `start=1` says nothing of it. */
export async function start(
  guest: GuestRef,
  services: Pick<Services, 'proxmox' | 'health' | 'clock'>,
  verbs: Verbs,
): Promise<void> {
  const target = { name: guest.name, guest: { ...guest, ...unseen }, dependents: [] }
  try {
    const request = { action: 'start', wait: false, force: false, timeout: 60 } as const
    await powerGuest(target, request, services, verbs)
  } catch (error) {
    if (!isHomelabError(error)) throw error
    throw new HomelabError(
      error.code,
      `${guest.name} is made (${guestPlace(guest)}), but it did not start: ${error.message}`,
      {
        hint: error.hint ?? `\`guest show ${guest.vmid}\` tells more, \`guest delete\` takes it away.`,
        data: { ...error.data, vmid: guest.vmid, node: guest.node },
        cause: error,
      },
    )
  }
}

/** What an overview would say of a guest that it has not seen yet. */
const unseen = {
  status: 'stopped',
  template: false,
  tags: [],
  uptime: 0,
  cpu: 0,
  maxcpu: 0,
  mem: 0,
  maxmem: 0,
  disk: 0,
  maxdisk: 0,
} as const
