/** Replication of guests' ZFS disks to another node. Its scheduler runs the jobs: nothing here is a task. */
import { z } from 'zod'
import type { Client } from './client.ts'
import type { Replication, ReplicationJob, ReplicationState } from './cluster-types.ts'
import { at } from './path.ts'
import { read } from './schemas.ts'

const flag = z
  .unknown()
  .optional()
  .transform((value) => value === 1 || value === '1' || value === true)
const number = z.coerce.number().catch(0)

const JobRow = z.object({
  id: z.string(),
  guest: z.coerce.number().optional(),
  source: z.string().optional(),
  target: z.string().catch(''),
  schedule: z.string().catch('*/15'),
  disable: flag,
  remove_job: z.string().optional(),
})

const StateRow = JobRow.extend({
  last_sync: number,
  last_try: number,
  next_sync: number,
  fail_count: number,
  duration: number,
  error: z.string().optional(),
  pid: z.unknown().optional(),
})

const toJob = (row: z.infer<typeof JobRow>): ReplicationJob => ({
  id: row.id,
  vmid: row.guest ?? Number(row.id.split('-')[0]),
  ...(row.source === undefined ? {} : { source: row.source }),
  target: row.target,
  schedule: row.schedule,
  disabled: row.disable,
  removing: row.remove_job !== undefined,
})

const toState = (row: z.infer<typeof StateRow>): ReplicationState => ({
  ...toJob(row),
  lastSync: row.last_sync,
  lastTry: row.last_try,
  nextSync: row.next_sync,
  failures: row.fail_count,
  ...(row.error === undefined || row.error === '' ? {} : { error: row.error.trim() }),
  seconds: row.duration,
  running: row.pid !== undefined && row.pid !== null,
})

export const createReplication = (client: Client): Replication => ({
  async jobs(signal) {
    const path = '/cluster/replication'
    return read(JobRow.array(), (await client.get(path, { signal })).data, path).map(toJob)
  },
  async states(node, signal) {
    const path = at`/nodes/${node}/replication`
    return read(StateRow.array(), (await client.get(path, { signal })).data, path).map(toState)
  },
  async add({ id, target, schedule }) {
    await client.send('POST', '/cluster/replication', { id, type: 'local', target, schedule })
  },
  async runNow(node, id) {
    await client.send('POST', at`/nodes/${node}/replication/${id}/schedule_now`)
  },
  async remove(id, keep) {
    await client.send('DELETE', at`/cluster/replication/${id}`, { keep: keep || undefined })
  },
})
