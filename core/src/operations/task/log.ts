import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { TaskRow } from '../schemas.ts'
import { resultTone } from './row.ts'

export const upidInput = z
  .string()
  .describe('UPID, as `task list --json` prints it')
  .meta({ suggest: 'tasks' })

export const taskLog = defineOperation({
  id: 'task.log',
  chat: 'task log',
  title: 'Read the log of a Proxmox task',
  description: 'Its last lines and how it ended.',
  risk: 'read',
  rare: true,
  permission: 'viewer',
  input: z.object({
    upid: upidInput,
    lines: z.int().min(1).max(5000).default(100).describe('How many lines, the newest'),
  }),
  output: z.object({ task: TaskRow, lines: z.array(z.string()) }),
  positional: ['upid'],
  needs: ['proxmox'],
  run: async ({ upid, lines }, { proxmox }, { signal }) => {
    const task = await proxmox.tasks.status(upid, signal)
    // Read after the status: a task that has ended writes no more lines.
    const log = await proxmox.tasks.log(upid, { limit: lines, signal })
    return { task, lines: [...log] }
  },
  card: ({ task, lines }) => ({
    title: `${task.type} ${task.id}: ${task.exitStatus ?? 'running'}`,
    tone: resultTone(task.exitStatus),
    ...(lines.length === 0
      ? { text: 'It logged nothing.' }
      : { sections: [{ kind: 'code', text: lines.join('\n'), keep: 'end' }] }),
    ...(task.exitStatus === undefined
      ? {
          buttons: [
            {
              label: 'Stop it',
              style: 'danger',
              action: { kind: 'command', text: `task stop ${task.upid}` },
            },
          ],
        }
      : {}),
    footer: task.upid,
  }),
})
