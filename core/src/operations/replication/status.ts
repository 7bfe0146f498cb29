import { z } from 'zod'
import type { Tone } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { duration } from '../../operation/view.ts'
import type { ReplicationState } from '../../proxmox/cluster-types.ts'
import { JobRow, replicationNeeds, rowOf } from './jobs.ts'

export const replicationStatus = defineOperation({
  id: 'replication.status',
  chat: 'replication status',
  title: 'Show replications',
  description: 'Which guests are copied to which node, how old each copy is, and which fail.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({
    guest: z.string().optional().describe('Only of this guest').meta({ suggest: 'guests' }),
  }),
  output: z.object({
    jobs: z.array(JobRow),
    /** ISO 8601, of the answer. */
    at: z.string(),
  }),
  positional: ['guest'],
  examples: ['replication status', 'replication status vaultwarden'],
  needs: replicationNeeds,
  run: async ({ guest: named }, { lab, proxmox, clock }, { signal }) => {
    const only = named === undefined ? undefined : (await lab.resolve([named], { signal }))[0]?.guest.vmid
    const [all, { guests }] = await Promise.all([proxmox.replication.jobs(signal), lab.overview({ signal })])
    const jobs = all.filter(({ vmid }) => only === undefined || vmid === only)
    const nodes = new Set(
      jobs.flatMap((job) => guests.find(({ vmid }) => vmid === job.vmid)?.node ?? job.source ?? []),
    )
    const states = await Promise.all(
      [...nodes].map(async (node): Promise<readonly ReplicationState[]> => {
        try {
          return await proxmox.replication.states(node, signal)
        } catch {
          // A node that is gone tells nothing of its jobs: they are unknown.
          signal.throwIfAborted()
          return []
        }
      }),
    )
    return {
      jobs: jobs.map((job) =>
        rowOf(
          job,
          states.flat().find(({ id }) => id === job.id),
          guests.find(({ vmid }) => vmid === job.vmid)?.name,
        ),
      ),
      at: clock.now().toISOString(),
    }
  },
  failed: ({ jobs }) => jobs.some(({ state }) => state === 'failing'),
  card: ({ jobs, at }) => ({
    title: titleOf(jobs),
    tone: jobs.some(({ state }) => state === 'failing') ? 'error' : jobs.length === 0 ? 'neutral' : 'ok',
    ...(jobs.length === 0 ? { text: '`replication add` begins one.' } : {}),
    ...(jobs.length === 0
      ? {}
      : {
          sections: [
            {
              kind: 'table' as const,
              columns: [
                { name: 'Guest' },
                { name: 'To' },
                { name: 'State' },
                { name: 'Copy' },
                { name: 'Schedule' },
              ],
              rows: jobs.map(({ vmid, name, target, state, lastSync, schedule }) => [
                name === undefined ? String(vmid) : `${name} (${vmid})`,
                target,
                { text: state, tone: tones[state] ?? ('neutral' as const) },
                lastSync === undefined ? 'none yet' : `${age(lastSync, at)} old`,
                schedule,
              ]),
            },
            ...jobs
              .filter(({ error }) => error !== undefined)
              .map(({ name, vmid, target, error }) => ({
                kind: 'code' as const,
                title: `${name ?? vmid} to ${target}`,
                text: error ?? '',
                keep: 'end' as const,
              })),
          ],
        }),
  }),
})

const tones: Partial<Record<JobRow['state'], Tone>> = {
  ok: 'ok',
  failing: 'error',
  running: 'busy',
  unknown: 'warning',
}

/** The clocks of a node and of ours may differ by a little. */
const age = (lastSync: number, at: string): string => duration(Math.max(0, Date.parse(at) - lastSync * 1000))

function titleOf(jobs: readonly JobRow[]): string {
  if (jobs.length === 0) return 'Nothing is replicated'
  const failing = jobs.filter(({ state }) => state === 'failing').length
  const all = jobs.length === 1 ? 'One replication' : `${jobs.length} replications`
  return failing === 0 ? all : `${all}, ${failing === jobs.length ? 'failing' : `${failing} of them failing`}`
}
