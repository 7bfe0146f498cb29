import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Needed, Plan } from '../../operation/types.ts'
import { guestPlace } from '../../operation/view.ts'
import { configLines } from '../../proxmox/guest-config.ts'
import type { Guest } from '../../proxmox/types.ts'
import { guestInput, hostnameInput, tagsInput, tagsText } from './inputs.ts'
import { oneOrTemplate } from './one.ts'

const input = z.object({
  guest: guestInput,
  name: hostnameInput.optional().describe('Its name'),
  cores: z.int().min(1).max(8192).optional().describe('Cores'),
  memory: z.int().min(16).optional().describe('Memory in MiB'),
  swap: z.int().min(0).optional().describe('Swap in MiB; containers only'),
  description: z.string().min(1).max(8_000).optional().describe('Its notes'),
  tags: tagsInput.min(1).optional().describe('Its tags, instead of those that it has'),
  onboot: z.boolean().optional().describe('Start it with its node'),
  protection: z.boolean().optional().describe('Refuse to remove it or its disks'),
  clear: z
    .array(z.enum(['description', 'tags']))
    .optional()
    .describe('Take away: description, tags'),
  digest: z.string().optional().describe('Only if its configuration is still the one with this digest'),
})
type Input = z.infer<typeof input>
type Services = Needed<readonly ['lab', 'proxmox']>

const Changed = z.object({
  key: z.string(),
  from: z.string().optional(),
  to: z.string().optional(),
  /** Saved, and true from its next start on. */
  pending: z.boolean(),
})

export const guestSet = defineOperation({
  id: 'guest.set',
  chat: 'guest set',
  title: "Change a guest's settings",
  description:
    'Only what is given. Refused when somebody else changed its configuration meanwhile. What a running guest takes only at its next start is named.',
  risk: 'change',
  permission: 'admin',
  rare: true,
  input,
  output: z.object({
    name: z.string(),
    vmid: z.int(),
    type: z.enum(['lxc', 'qemu']),
    node: z.string(),
    outcome: z.enum(['done', 'unchanged']),
    changed: z.array(Changed),
    /** Of the configuration as it is now. */
    digest: z.string(),
  }),
  positional: ['guest'],
  examples: ['guest set radarr memory:2048', 'guest set vaultwarden protection:true onboot:true'],
  needs: ['lab', 'proxmox'],
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { name, guest, changes, service } = await find(wanted, services, signal)
    return {
      summary: `Change ${changes.map(({ key }) => key).join(', ') || 'nothing'} of ${name} (${guestPlace(guest)})`,
      steps: changes.length === 0 ? ['It is so already.'] : changes.map(text),
      affects: [],
      warnings: warningsOf(guest, wanted, changes),
      locks: [`guest/${guest.vmid}`],
      confirm: service?.confirm === true || changes.some(({ key, to }) => key === 'protection' && to !== '1'),
      state: changes.map(({ key, from, to }) => [key, from ?? null, to ?? null]),
    }
  },
  async run(wanted, services, verbs) {
    const { proxmox, lab } = services
    const { guest, changes, digest } = await verbs.step('look', async () => {
      const found = await find(wanted, services, verbs.signal)
      const { vmid, type, node, name } = found.guest
      return { guest: { vmid, type, node, name }, changes: found.changes.map(json), digest: found.digest }
    })
    const base = { name: guest.name, vmid: guest.vmid, type: guest.type, node: guest.node }
    if (changes.length === 0) return { ...base, outcome: 'unchanged' as const, changed: [], digest }
    const lines = Object.fromEntries(changes.flatMap(({ key, to }) => (to === null ? [] : [[key, to]])))
    const remove = changes.filter(({ to }) => to === null).map(({ key }) => key)
    await verbs.change<string>(`set ${guest.vmid}`, {
      act: async () => {
        await proxmox.configure(guest, lines, { remove, digest })
        return 'done'
      },
      find: async () => {
        const now = await read(guest, services, verbs.signal)
        if (changes.every((change) => holds(change, now.lines))) return 'done'
        if (now.digest === digest) return undefined
        throw new HomelabError('conflict', `The configuration of ${guest.name} was changed by somebody else.`)
      },
    })
    const { now, pending } = await verbs.step('state', async () => {
      const saved = await read(guest, services, verbs.signal)
      return { now: saved, pending: await proxmox.provision.pending(guest, verbs.signal) }
    })
    const lost = changes.filter((change) => !holds(change, now.lines))
    if (lost.length > 0)
      throw new HomelabError(
        'conflict',
        `Proxmox took the change, but ${guest.name} has ${lost.map(({ key }) => `${key}: ${now.lines[key] ?? 'nothing'}`).join(', ')}.`,
        { hint: 'Somebody else changed it right after: look with `guest show`.', data: { vmid: guest.vmid } },
      )
    await lab.overview({ fresh: true }).catch(() => undefined)
    return {
      ...base,
      outcome: 'done' as const,
      changed: changes.map(({ key, from, to }) => ({
        key,
        ...(from === null ? {} : { from }),
        ...(to === null ? {} : { to }),
        pending: pending.includes(key),
      })),
      digest: now.digest,
    }
  },
  card: ({ name, vmid, type, node, outcome, changed }) => {
    const waiting = changed.filter(({ pending }) => pending)
    return {
      title: outcome === 'unchanged' ? `${name} was so already` : `${name} is changed`,
      tone: waiting.length > 0 ? 'warning' : 'ok',
      sections: changed.length === 0 ? [] : [{ kind: 'list', title: 'Now', items: changed.map(text) }],
      ...(waiting.length === 0
        ? {}
        : {
            text: `It takes ${waiting.map(({ key }) => key).join(', ')} at its next start.`,
            buttons: [{ label: 'Restart', action: { kind: 'command' as const, text: `restart ${vmid}` } }],
          }),
      footer: guestPlace({ vmid, type, node }),
    }
  },
})

interface Change {
  readonly key: string
  /** As the configuration has it; undefined: no such line. */
  readonly from?: string | undefined
  readonly to?: string | undefined
}

const json = ({ key, from, to }: Change) => ({ key, from: from ?? null, to: to ?? null })

const short = (value: string): string => (value.length > 60 ? `${value.slice(0, 60)}…` : value)
const text = ({ key, from, to }: Change): string =>
  `${key}: ${short(from ?? 'not set')} → ${to === undefined ? 'not set' : short(to)}`

async function read(
  guest: Pick<Guest, 'vmid' | 'type' | 'node' | 'name'>,
  { proxmox }: Services,
  signal: AbortSignal,
) {
  const config = await proxmox.guestConfig(guest, signal)
  return { lines: { ...configLines(config) }, digest: String(config.digest ?? '') }
}

async function find(wanted: Input, services: Services, signal: AbortSignal) {
  const { name, guest, service } = await oneOrTemplate(services.lab, wanted.guest, signal)
  const asked = linesOf(wanted, guest)
  const { lines, digest } = await read(guest, services, signal)
  if (wanted.digest !== undefined && wanted.digest !== digest)
    throw new HomelabError(
      'conflict',
      `The configuration of ${name} is not the one with that digest any more.`,
      {
        hint: `\`guest show ${name}\` shows it as it is.`,
        data: { vmid: guest.vmid, digest },
      },
    )
  const changes = asked
    .filter((change) => !holds(change, lines))
    .map((change): Change => ({ ...change, from: lines[change.key] }))
  return { name, guest, service, changes, digest }
}

const flag = (value: boolean | undefined): string | undefined =>
  value === undefined ? undefined : value ? '1' : '0'

/** @throws HomelabError `usage` when nothing is asked for, or what this kind of guest does not have */
function linesOf(wanted: Input, { type, name }: Guest): readonly Change[] {
  if (wanted.swap !== undefined && type === 'qemu')
    throw new HomelabError('usage', `${name} is a VM: its swap is its own.`)
  const twice = (wanted.clear ?? []).find((key) => wanted[key] !== undefined)
  if (twice !== undefined) throw new HomelabError('usage', `${twice} is both given and to be taken away.`)
  const lines: Readonly<Record<string, string | undefined>> = {
    [type === 'lxc' ? 'hostname' : 'name']: wanted.name,
    cores: wanted.cores?.toString(),
    memory: wanted.memory?.toString(),
    swap: wanted.swap?.toString(),
    description: wanted.description,
    tags: wanted.tags && tagsText(wanted.tags),
    onboot: flag(wanted.onboot),
    protection: flag(wanted.protection),
  }
  const asked = [
    ...Object.entries(lines).flatMap(([key, to]): Change[] => (to === undefined ? [] : [{ key, to }])),
    ...(wanted.clear ?? []).map((key): Change => ({ key })),
  ]
  if (asked.length > 0) return asked
  throw new HomelabError('usage', 'Nothing to change.', { hint: 'Such as `memory:2048` or `onboot:true`.' })
}

/** Whether the configuration says it already. Proxmox ends notes with a line break, sorts tags, and leaves out a 0. */
function holds(
  { key, to }: { readonly key: string; readonly to?: string | null | undefined },
  lines: Readonly<Record<string, string>>,
): boolean {
  const now = lines[key]
  if (to === undefined || to === null) return now === undefined || now === ''
  if (key === 'tags') return tagsText((now ?? '').split(/[;, ]+/).filter((tag) => tag !== '')) === to
  if (key === 'onboot' || key === 'protection') return (now ?? '0') === to
  return (now ?? '').trimEnd() === to.trimEnd()
}

function warningsOf(guest: Guest, wanted: Input, changes: readonly Change[]): string[] {
  const keys = changes.map(({ key }) => key)
  const running = guest.status !== 'stopped'
  const later = keys.filter((key) => key === 'cores' || key === 'memory')
  return [
    ...(running && guest.type === 'qemu' && later.length > 0
      ? [`Most VMs take ${later.join(' and ')} only at their next start.`]
      : []),
    ...(running && keys.includes('memory') && (wanted.memory ?? 0) * 2 ** 20 < guest.mem
      ? ['It uses more memory than that at the moment: its programs may be killed.']
      : []),
    ...(keys.includes('protection') && wanted.protection === false
      ? ['From then on it can be removed.']
      : []),
  ]
}
