import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import { duration } from '../../operation/view.ts'
import { TaskRow } from '../schemas.ts'
import { upidInput } from './log.ts'
import { taskCard } from './row.ts'

export const taskWait = defineOperation({
  id: 'task.wait',
  chat: 'task wait',
  title: 'Wait for a Proxmox task',
  description:
    'Until it has ended, or for so long: then it goes on, and the answer says so. A task that failed is an error with the last lines of its log.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({
    upid: upidInput,
    timeout: z.int().min(1).max(3_000).default(300).describe('Seconds to wait at most'),
  }),
  output: TaskRow.extend({
    /** False: the time was up, and the task goes on. */
    finished: z.boolean(),
    /** Absent while it runs; `warnings` is a success. */
    outcome: z.enum(['ok', 'warnings']).optional(),
    /** Of a task that ended with warnings, the last lines. */
    log: z.array(z.string()),
    waitedMs: z.number(),
  }),
  positional: ['upid', 'timeout'],
  needs: ['proxmox', 'clock'],
  async run({ upid, timeout }, { proxmox, clock }, { signal, report }) {
    const began = clock.monotonic()
    const over = new AbortController()
    const timeUp = new HomelabError('timeout', `The task still runs after ${timeout} s.`)
    const limit = clock.sleep(timeout * 1000, over.signal).then(
      () => over.abort(timeUp),
      // The task was faster.
      () => undefined,
    )
    try {
      const both = AbortSignal.any([signal, over.signal])
      const end = await proxmox.tasks.wait(upid, { signal: both, report, mayHaveEnded: true })
      const { outcome, log } = end
      const task = await proxmox.tasks.status(upid, signal)
      return { ...task, finished: true, outcome, log: [...log], waitedMs: clock.monotonic() - began }
    } catch (error) {
      if (error !== timeUp) throw error
      const task = await proxmox.tasks.status(upid, signal)
      return { ...task, finished: false, log: [], waitedMs: clock.monotonic() - began }
    } finally {
      over.abort()
      await limit
    }
  },
  card: ({ finished, waitedMs, ...task }) =>
    taskCard(
      task,
      finished ? undefined : `It still runs after ${duration(waitedMs)}. Nothing was stopped: it goes on.`,
    ),
})
