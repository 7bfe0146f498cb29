import { z } from 'zod'
import { HomelabError, isHomelabError } from '../../errors.ts'
import { waitUntilUp } from '../../health/index.ts'
import type { Target } from '../../inventory/types.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Json, Needed, Plan, Verbs } from '../../operation/types.ts'
import { bytes, duration, guestPlace } from '../../operation/view.ts'
import { configLines } from '../../proxmox/guest-config.ts'
import type { TaskEnd } from '../../proxmox/types.ts'
import { guestInput } from './inputs.ts'
import { checkMigration, refuseUnmovable, targetNode } from './migration.ts'
import { arrived, movedByHa } from './migration-end.ts'
import { one } from './one.ts'

const input = z.object({
  guest: guestInput,
  node: z.string().min(1).describe('The node that it goes to').meta({ suggest: 'nodes' }),
  storage: z
    .string()
    .optional()
    .describe('Where its disks go there; default: to the storage of the same name')
    .meta({ suggest: 'storages' }),
})
type Input = z.infer<typeof input>
const needs = ['lab', 'proxmox', 'health', 'clock'] as const
export type MigrationServices = Needed<typeof needs>

/** Bytes a second of the network that homes have: 1 Gbit/s. */
const PER_SECOND = 110e6
/** Seconds that a service gets to answer after its guest has arrived. */
const HEALTH_SECONDS = 180

const modes = ['restart', 'online', 'offline'] as const

export const guestMigrate = defineOperation({
  id: 'guest.migrate',
  chat: 'guest migrate',
  title: 'Move a guest to another node',
  description:
    'A container that runs is stopped, copied and started there; a VM runs on meanwhile. What stands in the way is said before anything is done.',
  risk: 'change',
  permission: 'admin',
  rare: true,
  deadlineMs: 86_400_000,
  input,
  output: z.object({
    name: z.string(),
    vmid: z.int(),
    type: z.enum(['lxc', 'qemu']),
    from: z.string(),
    node: z.string(),
    mode: z.enum(modes),
    /** HA has moved it. */
    ha: z.boolean(),
    status: z.string(),
    /** Whether its service answers there; absent when none is known, or it does not run. */
    healthy: z.boolean().optional(),
    detail: z.string(),
    /** Of the task. */
    seconds: z.number(),
    upid: z.string(),
  }),
  positional: ['guest', 'node'],
  examples: ['guest migrate vaultwarden pve2', 'guest migrate homeassistant pve2 storage:local-lvm'],
  needs,
  async plan(wanted, services, { signal }): Promise<Plan> {
    const { target, node, mode, copied, warnings, replicated } = await find(wanted, services, signal)
    const { name, guest } = target
    const size = copied.reduce((sum, each) => sum + each.size, 0)
    const goesDown = mode === 'restart'
    const lockout = goesDown ? services.lab.lockout([target]) : []
    const stores = [...new Set(copied.map(({ to }) => to))].join(', ')
    const copy =
      copied.length === 0
        ? 'its disks are on shared storage and stay there'
        : replicated
          ? `what of its disks has changed since the last replication is copied to ${stores} of ${node}`
          : `its disks, up to ${bytes(size)}, are copied to ${stores} of ${node}`
    const takes =
      copied.length === 0 || replicated ? '' : `, up to ${duration((size / PER_SECOND) * 1000)} at 1 Gbit/s`
    return {
      summary: `Move ${name} (${guestPlace(guest)}) to ${node}`,
      steps: [
        ...(managed(target) ? ['HA is asked, which begins within some 10 s'] : []),
        ...(goesDown ? [`${name} is shut down, with 180 s for that`] : []),
        copy,
        ...(goesDown
          ? [`it is started on ${node}`]
          : [mode === 'online' ? 'it runs on meanwhile' : 'it is not started']),
      ],
      affects: goesDown ? target.dependents.map((each) => ({ name: each, why: `needs ${name}` })) : [],
      warnings: [
        ...(goesDown
          ? [`It is down from the shutdown to the start there: as long as the copy takes${takes}.`]
          : []),
        ...warnings,
      ],
      locks: [`guest/${guest.vmid}`],
      confirm: goesDown,
      state: { vmid: guest.vmid, from: guest.node, to: node, mode, storage: wanted.storage ?? null },
      ...(lockout.length === 0 ? {} : { lockout }),
    }
  },
  async run(wanted, services, verbs) {
    const { proxmox, lab } = services
    const { target, node, mode } = (await verbs.step<Json>('find', async () => {
      const found = await find(wanted, services, verbs.signal)
      return { target: found.target, node: found.node, mode: found.mode } as unknown as Json
    })) as unknown as Pick<Awaited<ReturnType<typeof find>>, 'target' | 'node' | 'mode'>
    const { guest, name } = target
    const begun: { upid?: string; sent: boolean } = { sent: false }
    if (mode === 'restart' && !managed(target))
      verbs.undo(`leave ${guest.vmid} running`, () => startAgain(target, begun, services))
    verbs.report({ text: `Moving ${name} to ${node}` })
    let here = false
    const upid = await verbs.change<string>(`migrate ${guest.vmid}`, {
      act: () => {
        here = true
        begun.sent = true
        const request = { target: node, running: mode !== 'offline' }
        return proxmox.migration.start(
          guest,
          wanted.storage === undefined ? request : { ...request, storage: wanted.storage },
        )
      },
      find: ({ since, claimed }) => proxmox.migration.find(guest, since, claimed),
    })
    begun.sent = true
    begun.upid = upid
    verbs.log(`migration of ${guest.vmid} to ${node}: ${upid}`)
    const end = (await verbs.follow<Json>('task', async (signal) => {
      try {
        const report = (progress: Parameters<Verbs['report']>[0]) => verbs.report(progress)
        // A cancel leaves the task to its end: killed midway, it would leave the guest locked.
        return (await proxmox.tasks.wait(upid, { signal, report, mayHaveEnded: !here })) as unknown as Json
      } catch (error) {
        throw await failedWith(error, target, node, services)
      }
    })) as unknown as TaskEnd
    if (managed(target))
      await verbs.follow<Json>('HA', (signal) => movedByHa(target, node, upid, services, signal, verbs))
    const status = await verbs.follow<string>('arrival', (signal) =>
      arrived(target, node, mode === 'offline' ? 'stopped' : 'running', services, signal),
    )
    const there: Target = { ...target, guest: { ...guest, node } }
    const checked = mode === 'offline' ? undefined : await healthThere(there, services, verbs)
    await lab.overview({ fresh: true }).catch(() => undefined)
    return {
      name,
      vmid: guest.vmid,
      type: guest.type,
      from: guest.node,
      node,
      mode,
      ha: managed(target),
      status,
      ...(checked === undefined ? {} : { healthy: checked.healthy }),
      detail: checked?.detail ?? status,
      seconds: end.seconds,
      upid,
    }
  },
  card: ({ name, vmid, type, from, node, status, healthy, detail, seconds, ha }) => ({
    title: `${name} is on ${node} now`,
    tone: healthy === false ? 'warning' : 'ok',
    ...(healthy === false ? { text: `It runs there, but does not answer: ${detail}.` } : {}),
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'Before', value: from },
          { name: 'State', value: healthy === true ? `${status}, ${detail}` : status },
          { name: ha ? 'Moved by' : 'Took', value: ha ? 'HA' : duration(seconds * 1000) },
        ],
      },
    ],
    ...(healthy === false
      ? { buttons: [{ label: 'Logs', action: { kind: 'command' as const, text: `logs ${vmid}` } }] }
      : {}),
    footer: guestPlace({ vmid, type, node }),
  }),
})

const managed = ({ guest: { hastate } }: Pick<Target, 'guest'>): boolean =>
  hastate !== undefined && hastate !== 'ignored'

async function find(wanted: Input, { lab, proxmox }: MigrationServices, signal: AbortSignal) {
  // Where it is decides everything: what is remembered may be of before somebody moved it.
  const overview = await lab.overview({ fresh: true, signal })
  const target = await one(lab, wanted.guest, signal)
  const { name, guest } = target
  const { node } = targetNode(overview, target, wanted.node)
  refuseUnmovable(target)
  const cluster = await proxmox.cluster.status(signal).catch(() => undefined)
  signal.throwIfAborted()
  if (cluster?.quorate === false)
    throw new HomelabError('conflict', 'The cluster has no quorum, so Proxmox moves nothing.', {
      hint: '`cluster status` shows which nodes are missing.',
    })
  const { status, lock } = await proxmox.guestStatus(guest, signal)
  if (lock !== undefined) refuseUnmovable({ name, guest: { ...guest, lock } })
  const running = status !== 'stopped'
  const config = configLines(await proxmox.guestConfig(guest, signal))
  const obstacles = guest.type === 'qemu' ? await proxmox.migration.obstacles(guest, node, signal) : undefined
  const { copied, warnings } = checkMigration({
    name,
    guest,
    config,
    overview,
    target: node,
    storage: wanted.storage,
    running,
    obstacles,
  })
  const jobs = await proxmox.replication.jobs(signal).catch(() => [])
  signal.throwIfAborted()
  const ssh = lab.inventory.ssh.map((each) => each.name)
  const mode: (typeof modes)[number] = running ? (guest.type === 'lxc' ? 'restart' : 'online') : 'offline'
  return {
    target,
    node,
    mode,
    copied,
    replicated: jobs.some((job) => job.vmid === guest.vmid && job.target === node && !job.disabled),
    warnings: [
      ...warnings,
      ...(guest.type === 'lxc' && ssh.includes(guest.node) && !ssh.includes(node)
        ? [
            `homelab.yaml has no SSH access to ${node}: logs, commands and backups from inside need it under \`proxmox.ssh\`.`,
          ]
        : []),
    ],
  }
}

/** What went wrong, and where the guest is now. */
async function failedWith(
  error: unknown,
  { name, guest }: Target,
  node: string,
  { proxmox }: MigrationServices,
): Promise<unknown> {
  if (!isHomelabError(error) || error.data?.exitStatus === undefined) return error
  const now = await proxmox.cluster.nodeOf(guest).catch(() => undefined)
  const state = await proxmox.guestStatus(guest).catch(() => undefined)
  const place = now === undefined ? '' : ` It is on ${now}${state === undefined ? '' : `, ${state.status}`}.`
  return new HomelabError(
    error.code,
    `The migration of ${name} to ${node} failed: ${String(error.data.exitStatus)}.${place}`,
    {
      hint: error.hint ?? `\`task log ${String(error.data.upid)}\` shows how far it came.`,
      data: error.data,
      cause: error,
    },
  )
}

/** A migration that broke off must not leave down what was up before, wherever that is now. */
async function startAgain(
  { name, guest }: Target,
  begun: { readonly upid?: string; readonly sent: boolean },
  { proxmox, clock }: MigrationServices,
): Promise<void> {
  if (!begun.sent) return
  if (begun.upid !== undefined && (await proxmox.tasks.status(begun.upid)).exitStatus === undefined)
    throw new HomelabError('conflict', `The migration of ${name} goes on: a half moved guest helps nobody.`, {
      hint: `\`task wait ${begun.upid}\` tells its end.`,
    })
  const { status, lock } = await proxmox.guestStatus(guest)
  if (status !== 'stopped') return
  if (lock !== undefined)
    throw new HomelabError('locked', `${name} is stopped and locked (${lock}).`, {
      hint: `When nothing works on it any more, as root on its node: pct unlock ${guest.vmid}`,
    })
  // Its lock file is still held for a moment.
  await clock.sleep(500)
  await proxmox.tasks.wait(await proxmox.power(guest, 'start'))
}

async function healthThere(
  target: Target,
  { health, clock }: MigrationServices,
  verbs: Verbs,
): Promise<{ readonly healthy: boolean; readonly detail: string } | undefined> {
  if (!health.knows(target)) return undefined
  verbs.report({ text: `Waiting until ${target.name} answers` })
  return await verbs.follow('health', async (signal) => {
    const timeoutMs = HEALTH_SECONDS * 1000
    const { state, detail } = await waitUntilUp(health, target, { clock, signal, timeoutMs })
    return { healthy: state === 'up', detail }
  })
}
