/** Replication jobs, and how each stands: what the operations on them share. */
import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import type { Target } from '../../inventory/types.ts'
import { joinWords } from '../../nearest.ts'
import type { Needed } from '../../operation/types.ts'
import type { ReplicationJob, ReplicationState } from '../../proxmox/cluster-types.ts'
import type { Proxmox } from '../../proxmox/types.ts'
import { one } from '../guest/one.ts'

export const replicationNeeds = ['lab', 'proxmox', 'clock'] as const
export type ReplicationServices = Needed<typeof replicationNeeds>

export const nodeInput = z
  .string()
  .optional()
  .describe('Where the copy is; not needed when there is only one')
  .meta({ suggest: 'nodes' })

export const JobRow = z.object({
  id: z.string(),
  vmid: z.int(),
  /** Absent of a guest that may not be seen. */
  name: z.string().optional(),
  source: z.string().optional(),
  target: z.string(),
  schedule: z.string(),
  /** `removing` until its scheduler has taken it away; `unknown` when its node does not answer. */
  state: z.enum(['ok', 'failing', 'running', 'waiting', 'disabled', 'removing', 'unknown']),
  /** Seconds since the epoch; absent: never, or not known. */
  lastSync: z.number().optional(),
  nextSync: z.number().optional(),
  failures: z.int().optional(),
  error: z.string().optional(),
  /** How long the last one took. */
  seconds: z.number().optional(),
})
export type JobRow = z.infer<typeof JobRow>

export function rowOf(job: ReplicationJob, seen: ReplicationState | undefined, name?: string): JobRow {
  const { id, vmid, source, target, schedule } = job
  return {
    id,
    vmid,
    ...(name === undefined ? {} : { name }),
    ...(source === undefined ? {} : { source }),
    target,
    schedule,
    state: stateOf(job, seen),
    ...(seen === undefined
      ? {}
      : {
          ...(seen.lastSync > 0 ? { lastSync: seen.lastSync } : {}),
          ...(seen.nextSync > 0 ? { nextSync: seen.nextSync } : {}),
          failures: seen.failures,
          ...(seen.error === undefined ? {} : { error: seen.error }),
          seconds: seen.seconds,
        }),
  }
}

function stateOf(job: ReplicationJob, seen: ReplicationState | undefined): JobRow['state'] {
  if (job.removing) return 'removing'
  if (job.disabled) return 'disabled'
  if (seen === undefined) return 'unknown'
  if (seen.running) return 'running'
  if (seen.failures > 0 || seen.error !== undefined) return 'failing'
  return seen.lastSync > 0 ? 'ok' : 'waiting'
}

/** The job as its node tells it now; undefined when it has none. */
export async function look(
  proxmox: Pick<Proxmox, 'replication'>,
  node: string,
  id: string,
  signal?: AbortSignal,
): Promise<ReplicationState | undefined> {
  return (await proxmox.replication.states(node, signal)).find((each) => each.id === id)
}

export interface FoundJob {
  readonly target: Target
  readonly job: ReplicationJob
}

/** @throws HomelabError `not-found` for a guest without one, `usage` for several */
export async function jobOf(
  named: string,
  node: string | undefined,
  { lab, proxmox }: ReplicationServices,
  signal: AbortSignal,
): Promise<FoundJob> {
  // The guest's node runs the job: one that has moved since would not be found there.
  await lab.overview({ fresh: true, signal })
  const target = await one(lab, named, signal)
  const { guest, name } = target
  const all = (await proxmox.replication.jobs(signal)).filter(({ vmid }) => vmid === guest.vmid)
  const chosen =
    node === undefined ? all : all.filter((job) => job.target.toLowerCase() === node.toLowerCase())
  const [job, ...others] = chosen
  if (job !== undefined && others.length === 0) return { target, job }
  if (job !== undefined)
    throw new HomelabError(
      'usage',
      `${name} is replicated to ${joinWords(all.map((each) => each.target))}: which?`,
      {
        hint: `Say \`node:${job.target}\`.`,
      },
    )
  const to = node === undefined ? '' : ` to ${node}`
  throw new HomelabError('not-found', `${name} is not replicated${to}.`, {
    hint:
      all.length === 0
        ? `\`replication add ${guest.vmid} <node>\` begins that.`
        : `It is to ${joinWords(all.map((each) => each.target))}.`,
  })
}
