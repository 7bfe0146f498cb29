import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { joinWords } from '../../nearest.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Plan } from '../../operation/types.ts'
import { bytes, guestPlace } from '../../operation/view.ts'
import type { GuestConfig } from '../../proxmox/backup-types.ts'
import { configLines, mountsOf, option } from '../../proxmox/guest-config.ts'
import type { Overview } from '../../proxmox/types.ts'
import { guestInput } from '../guest/inputs.ts'
import { targetNode } from '../guest/migration.ts'
import { one } from '../guest/one.ts'
import { sizeIn } from '../guest/resize.ts'
import { JobRow, type ReplicationServices, replicationNeeds, rowOf } from './jobs.ts'

const input = z.object({
  guest: guestInput,
  node: z.string().min(1).describe('The node that gets the copy').meta({ suggest: 'nodes' }),
  schedule: z
    .string()
    .regex(/^[A-Za-z0-9*/.,: -]{1,64}$/, 'a calendar event such as */15, 22:30 or mon..fri 2:00')
    .default('*/15')
    .describe('A calendar event: */15 is every 15 minutes, 22:30 each evening, mon..fri 2:00'),
})
type Input = z.infer<typeof input>

export const replicationAdd = defineOperation({
  id: 'replication.add',
  chat: 'replication add',
  title: 'Copy a guest to another node, again and again',
  description:
    'Its ZFS disks only. A migration there is then quick, and HA can start it there as it was at the last copy.',
  risk: 'change',
  permission: 'admin',
  rare: true,
  input,
  output: JobRow,
  positional: ['guest', 'node'],
  examples: ['replication add vaultwarden pve2', 'replication add 123 pve2 schedule:"mon..fri 22:30"'],
  needs: replicationNeeds,
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { target, node, id, volumes, left } = await find(wanted, services, signal)
    const { name, guest } = target
    const size = volumes.reduce((sum, each) => sum + each.size, 0)
    return {
      summary: `Replicate ${name} (${guestPlace(guest)}) to ${node}, ${wanted.schedule}`,
      steps: [
        `${joinWords(volumes.map(({ key }) => key))} of it, up to ${bytes(size)}, are copied to ${node} at the next time of ${wanted.schedule}`,
        'from then on, what has changed',
      ],
      affects: [],
      warnings: left.map((each) => `${each} is not in it.`),
      locks: [`guest/${guest.vmid}`],
      state: { vmid: guest.vmid, from: guest.node, to: node, job: id, schedule: wanted.schedule },
    }
  },
  async run(wanted, services, verbs) {
    const { proxmox } = services
    const { target, node, id } = (await verbs.step<Json>(
      'find',
      async () => (await find(wanted, services, verbs.signal)) as unknown as Json,
    )) as unknown as Awaited<ReturnType<typeof find>>
    await verbs.change<string>(`replicate ${id}`, {
      act: async () => {
        await proxmox.replication.add({ id, target: node, schedule: wanted.schedule })
        return id
      },
      find: async () =>
        (await proxmox.replication.jobs()).find((job) => job.id === id && job.target === node)?.id,
    })
    const job = (await proxmox.replication.jobs(verbs.signal)).find((each) => each.id === id)
    if (job === undefined)
      throw new HomelabError('failed', `Proxmox took it, but there is no replication ${id}.`, {
        hint: '`replication status` shows what there is.',
      })
    const states = await proxmox.replication.states(target.guest.node, verbs.signal)
    return rowOf(
      job,
      states.find((each) => each.id === id),
      target.name,
    )
  },
  card: ({ name, vmid, target, schedule, state }) => ({
    title: `${name ?? vmid} is replicated to ${target}`,
    tone: 'ok',
    ...(state === 'waiting' ? { text: `The first copy is made at the next time of ${schedule}.` } : {}),
    buttons: [
      { label: 'Copy now', action: { kind: 'command', text: `replication run ${vmid} node:${target}` } },
    ],
  }),
})

interface Volume {
  readonly key: string
  readonly size: number
}

async function find(wanted: Input, { lab, proxmox }: ReplicationServices, signal: AbortSignal) {
  const overview = await lab.overview({ fresh: true, signal })
  const target = await one(lab, wanted.guest, signal)
  const { guest, name } = target
  const { node } = targetNode(overview, target, wanted.node)
  const jobs = (await proxmox.replication.jobs(signal)).filter(({ vmid }) => vmid === guest.vmid)
  const same = jobs.find((job) => job.target === node)
  if (same !== undefined)
    throw new HomelabError('conflict', `${name} is replicated to ${node} already (${same.schedule}).`, {
      hint: `\`replication run ${guest.vmid}\` copies it now; for another schedule remove it first.`,
    })
  const config = configLines(await proxmox.guestConfig(guest, signal))
  const { volumes, left } = replicated({ name, guest, node, config, overview })
  const numbers = jobs.map(({ id }) => Number(id.split('-')[1]))
  let number = 0
  while (numbers.includes(number)) number += 1
  return { target, node, id: `${guest.vmid}-${number}`, volumes, left }
}

/** What is copied, and what its owner has left out. @throws HomelabError `conflict` for what cannot be */
export function replicated({
  name,
  guest,
  node,
  config,
  overview,
}: {
  readonly name: string
  readonly guest: { readonly vmid: number; readonly type: 'lxc' | 'qemu'; readonly node: string }
  readonly node: string
  readonly config: GuestConfig
  readonly overview: Pick<Overview, 'storages'>
}): { readonly volumes: readonly Volume[]; readonly left: readonly string[] } {
  const all = mountsOf(guest.type, config)
  const isOut = (key: string) => option(config[key] ?? '', 'replicate') === '0'
  const mounts = all.filter(({ key }) => !isOut(key))
  const host = mounts.filter(({ kind }) => kind !== 'volume')
  const [first] = host
  if (first !== undefined) {
    const line = `'${(config[first.key] ?? '').replaceAll("'", `'\\''`)},replicate=0'`
    throw new HomelabError(
      'conflict',
      `${name} cannot be replicated: its ${joinWords(host.map(({ key, source }) => `${key} (${source})`))} ${host.length === 1 ? 'is' : 'are'} of the host.`,
      {
        hint: `Leave it out, on ${guest.node} as root: pct set ${guest.vmid} --${first.key} ${line}`,
        data: { mounts: host.map(({ key, source }) => ({ key, path: source })) },
      },
    )
  }
  for (const { key, source } of mounts) {
    const storage = source.split(':')[0] ?? source
    const on = (where: string) =>
      overview.storages.find((each) => each.storage === storage && each.node === where)
    if (on(guest.node)?.plugin !== 'zfspool')
      throw new HomelabError(
        'conflict',
        `${name} cannot be replicated: ${key} is on ${storage}, which is no ZFS.`,
        {
          hint: 'Only disks on ZFS can. Move it there (Volume Action → Move Storage), or use backups.',
          data: { storage },
        },
      )
    if (on(node)?.plugin !== 'zfspool')
      throw new HomelabError(
        'conflict',
        `${name} cannot be replicated: ${node} has no ZFS storage "${storage}".`,
        {
          hint: 'The storage must be there under the same name on both nodes.',
          data: { storage, node },
        },
      )
  }
  if (mounts.length === 0) throw new HomelabError('conflict', `${name} has no disk that could be replicated.`)
  return {
    volumes: mounts.map(({ key, size }) => ({ key, size: sizeIn(size) ?? 0 })),
    left: all.filter(({ key }) => isOut(key)).map(({ key, source }) => `${key} (${source})`),
  }
}
