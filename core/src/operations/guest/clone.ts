import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Given, Plan } from '../../operation/types.ts'
import { guestPlace } from '../../operation/view.ts'
import type { GuestConfig } from '../../proxmox/backup-types.ts'
import { configLines, mountsOf, option } from '../../proxmox/guest-config.ts'
import type { CloneRequest } from '../../proxmox/provision-types.ts'
import type { Guest } from '../../proxmox/types.ts'
import { start } from './create.ts'
import { guestInput, hostnameInput, vmidInput } from './inputs.ts'
import { make, takenError } from './making.ts'
import { oneOrTemplate } from './one.ts'
import { storageFor } from './places.ts'
import { unlocking } from './unlock.ts'

const input = z.object({
  guest: guestInput,
  name: hostnameInput.optional().describe('Its name; default: that of the original, and -clone'),
  vmid: vmidInput,
  linked: z
    .boolean()
    .default(false)
    .describe('On the disks of a template or a snapshot, which it needs from then on'),
  storage: z
    .string()
    .optional()
    .describe('Where the disks of a full clone go; default: where they are')
    .meta({ suggest: 'storages' }),
  snapshot: z.string().optional().describe('As it was in this snapshot, instead of as it is'),
  start: z.boolean().default(false).describe('Start it: beside the original it is the same service twice'),
})
type Input = z.infer<typeof input>
type Services = Given<readonly ['lab', 'proxmox', 'health', 'clock'], readonly ['shells']>

export const guestClone = defineOperation({
  id: 'guest.clone',
  chat: 'guest clone',
  title: 'Clone a guest',
  description:
    'As another guest with disks of its own and new network addresses, or linked to a template or a snapshot. It is not started by itself.',
  risk: 'change',
  permission: 'admin',
  rare: true,
  deadlineMs: 86_400_000,
  input,
  output: z.object({
    name: z.string(),
    vmid: z.int(),
    type: z.enum(['lxc', 'qemu']),
    node: z.string(),
    status: z.string(),
    from: z.string(),
    linked: z.boolean(),
    upid: z.string(),
  }),
  positional: ['guest', 'name'],
  examples: ['guest clone vaultwarden vaultwarden-test', 'guest clone debian-12-template web linked:true'],
  needs: ['lab', 'proxmox', 'health', 'clock'],
  wants: ['shells'],
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { source, name, storage, fixed } = await find(wanted, services, signal)
    return {
      summary: `Clone ${source.name} (${guestPlace(source)}) as ${name}`,
      steps: [
        wanted.linked
          ? `${name} is made on the disks of ${wanted.snapshot ?? source.name}`
          : `the disks of ${source.name}${wanted.snapshot === undefined ? '' : ` in ${wanted.snapshot}`} are copied${storage === undefined ? '' : ` to ${storage}`}`,
        'its network cards get new hardware addresses',
        wanted.start ? 'it is started' : 'it is not started',
      ],
      affects: [],
      warnings: [
        ...(wanted.linked ? [`It needs ${wanted.snapshot ?? source.name} for as long as it lives.`] : []),
        ...fixed.map((address) => `It has ${address} as the original has: one of them must get another.`),
        ...(wanted.start && !source.template
          ? ['Started beside the original it is the same service twice.']
          : []),
      ],
      locks: [`guest/${source.vmid}`, ...(wanted.vmid === undefined ? [] : [`guest/${wanted.vmid}`])],
      state: { source: source.vmid, name, storage: storage ?? null, vmid: wanted.vmid ?? null },
    }
  },
  async run(wanted, services, verbs) {
    const { proxmox, lab } = services
    const { source, name, storage } = await verbs.step('find', async () => {
      const {
        fixed: _fixed,
        source: original,
        storage: where,
        ...found
      } = await find(wanted, services, verbs.signal)
      const { vmid, type, node, name: called } = original
      return { ...found, storage: where ?? null, source: { vmid, type, node, name: called } }
    })
    const request = (vmid: number): CloneRequest => ({
      vmid,
      name,
      full: !wanted.linked,
      ...(storage === null ? {} : { storage }),
      ...(wanted.snapshot === undefined ? {} : { snapshot: wanted.snapshot }),
    })
    const { guest, upid } = await make(
      {
        vmid: wanted.vmid,
        guest: { type: source.type, node: source.node, name },
        verb: `clone ${source.vmid}`,
        what: `Cloning ${source.name}`,
        act: (vmid) => proxmox.provision.clone(source, request(vmid)),
        find: async (vmid, { since, claimed }) => {
          const found = await proxmox.provision.findClone(source, since, claimed)
          // The task is the source's, and says nothing of who it makes: ours took this number.
          return found !== undefined && (await proxmox.isFree(vmid)) ? undefined : found
        },
        ...unlocking(services.shells, source.node),
      },
      services,
      verbs,
    )
    await assertNamed(guest, services, verbs.signal)
    if (wanted.start) await start(guest, services, verbs)
    const { status } = await proxmox.guestStatus(guest, verbs.signal)
    await lab.overview({ fresh: true }).catch(() => undefined)
    return {
      name,
      vmid: guest.vmid,
      type: guest.type,
      node: guest.node,
      status,
      from: source.name,
      linked: wanted.linked,
      upid,
    }
  },
  card: ({ name, vmid, type, node, status, from, linked }) => ({
    title: `${name} is a clone of ${from}`,
    tone: 'ok',
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Guest', value: guestPlace({ vmid, type, node }) },
          { name: 'State', value: status },
          { name: 'Disks', value: linked ? 'linked: it needs the original' : 'its own' },
        ],
      },
    ],
    ...(status === 'running'
      ? {}
      : { buttons: [{ label: 'Start', action: { kind: 'command' as const, text: `start ${vmid}` } }] }),
  }),
})

/** A lost answer may have been found in the task of somebody else's clone of the same guest. */
async function assertNamed(
  guest: {
    readonly vmid: number
    readonly type: 'lxc' | 'qemu'
    readonly node: string
    readonly name: string
  },
  { proxmox }: Services,
  signal: AbortSignal,
): Promise<void> {
  const config = await proxmox.guestConfig(guest, signal)
  const called = config[guest.type === 'lxc' ? 'hostname' : 'name']
  if (called === guest.name) return
  throw new HomelabError(
    'conflict',
    `${guest.vmid} on ${guest.node} is called ${String(called)} and not ${guest.name}: it is another clone.`,
    { hint: 'Look with `guest list` whether yours is there too.', data: { vmid: guest.vmid } },
  )
}

async function find(wanted: Input, { lab, proxmox }: Services, signal: AbortSignal) {
  const overview = await lab.overview({ signal })
  const { guest: source } = await oneOrTemplate(lab, wanted.guest, signal)
  if (wanted.linked && wanted.storage !== undefined)
    throw new HomelabError('usage', 'A linked clone stays on the storage of its original.', {
      hint: 'Leave `storage` out, or `linked`.',
    })
  const content = source.type === 'lxc' ? 'rootdir' : 'images'
  const storage =
    wanted.storage === undefined ? undefined : storageFor(overview, source.node, content, wanted.storage)
  if (wanted.vmid !== undefined && !(await proxmox.isFree(wanted.vmid, signal))) throw takenError(wanted.vmid)
  const config = configLines(await proxmox.guestConfig(source, signal))
  const feature = wanted.linked ? 'clone' : 'copy'
  const can = await proxmox.provision.can(source, feature, wanted.snapshot, signal)
  // The overview may be of before it was stopped.
  const { status } = await proxmox.guestStatus(source, signal)
  const obstacle = obstacleIn({ ...source, running: status !== 'stopped' }, config, wanted, can)
  if (obstacle !== undefined) throw obstacle
  return {
    source,
    name: wanted.name ?? `${source.name}-clone`,
    storage,
    fixed: fixedAddresses(config),
  }
}

/** Why it cannot be cloned so, and what can be done instead; Proxmox itself says only that it cannot. */
function obstacleIn(
  source: Guest & { readonly running: boolean },
  config: GuestConfig,
  wanted: Input,
  can: boolean,
): HomelabError | undefined {
  const { name, type } = source
  const ofHost = type === 'lxc' ? mountsOf(type, config).filter(({ kind }) => kind !== 'volume') : []
  if (ofHost.length > 0) {
    const each = ofHost.map(({ key, source: path }) => `${key} (${path})`).join(', ')
    return new HomelabError('conflict', `${name} cannot be cloned: its ${each} is of the host.`, {
      hint: `Its archive can become another guest: \`guest backup ${name}\`, then \`guest restore ${name}\`.`,
      data: { mounts: ofHost.map(({ key, source: path }) => ({ key, path })) },
    })
  }
  // A running VM is copied while it runs; of a container that would be a copy of files in motion.
  if (!wanted.linked && type === 'lxc' && source.running && wanted.snapshot === undefined)
    return new HomelabError('conflict', `${name} runs: Proxmox copies a container only when it is stopped.`, {
      hint: `\`stop ${name}\` first, or name a snapshot of it where its storage can copy one.`,
    })
  if (can) return undefined
  if (!wanted.linked)
    return new HomelabError(
      'conflict',
      `${name} cannot be copied${of(wanted)}: its storage does not do that.`,
      {
        hint: `Its archive can become another guest: \`guest backup ${name}\`, then \`guest restore ${name}\`.`,
      },
    )
  return new HomelabError('conflict', `${name} cannot be cloned linked${of(wanted)}.`, {
    hint: source.template
      ? 'Its storage does not do that: make a full clone.'
      : 'Only a template can, or on some storages a snapshot: make a full clone.',
  })
}

const of = ({ snapshot }: Input): string => (snapshot === undefined ? '' : ` from ${snapshot}`)

/** `192.168.1.110/24`, also of cloud-init. */
const fixedAddresses = (config: GuestConfig): readonly string[] =>
  Object.entries(config)
    .filter(([key]) => /^(net|ipconfig)\d+$/.test(key))
    .flatMap(([, value]) => [option(value, 'ip'), option(value, 'ip6')])
    .filter((address) => address !== undefined)
    .filter((address) => /^[\da-f.:]+\//i.test(address))
