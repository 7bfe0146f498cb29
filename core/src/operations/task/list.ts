import { z } from 'zod'
import type { Cell } from '../../operation/card.ts'
import { defineOperation } from '../../operation/define.ts'
import { duration } from '../../operation/view.ts'
import { one } from '../guest/one.ts'
import { TaskRow } from '../schemas.ts'
import { resultTone } from './row.ts'

export const taskList = defineOperation({
  id: 'task.list',
  chat: 'task list',
  title: 'List Proxmox tasks',
  description:
    'What Proxmox did lately or is doing, newest first. Without Sys.Audit a token sees only its own tasks.',
  risk: 'read',
  rare: true,
  permission: 'viewer',
  input: z.object({
    guest: z.string().optional().describe('Only tasks of this guest').meta({ suggest: 'guests' }),
    active: z.boolean().default(false).describe('Only running ones'),
    failed: z.boolean().default(false).describe('Only failed ones'),
    limit: z.int().min(1).max(200).default(20).describe('How many'),
  }),
  output: z.object({ tasks: z.array(TaskRow) }),
  positional: ['guest'],
  examples: ['task list', 'task list plex', 'task list failed:true'],
  needs: ['lab', 'proxmox'],
  run: async ({ guest, active, failed, limit }, { lab, proxmox }, { signal }) => {
    const target = guest === undefined ? undefined : await one(lab, guest, signal)
    const tasks = await proxmox.tasks.list(
      {
        ...(target === undefined ? {} : { vmid: target.guest.vmid, node: target.guest.node }),
        active,
        errors: failed,
        limit,
      },
      signal,
    )
    return { tasks: tasks.slice(0, limit) }
  },
  card: ({ tasks }) => ({
    title: tasks.length === 0 ? 'No such tasks' : `${tasks.length} tasks`,
    tone: 'neutral',
    sections:
      tasks.length === 0
        ? []
        : [
            {
              kind: 'table',
              columns: [
                { name: 'Started' },
                { name: 'Task' },
                { name: 'Node' },
                { name: 'By' },
                { name: 'Result' },
                { name: 'Took', align: 'right' },
              ],
              rows: tasks.map((task) => [
                new Date(task.startTime * 1000).toISOString().slice(0, 19).replace('T', ' '),
                `${task.type} ${task.id}`.trim(),
                task.node,
                task.user,
                resultCell(task.exitStatus),
                task.endTime === undefined ? '' : duration((task.endTime - task.startTime) * 1000),
              ]),
            },
          ],
    buttons: tasks
      .filter((task) => resultTone(task.exitStatus) === 'error')
      .slice(0, 3)
      .map((task) => ({
        label: `Log of ${task.type} ${task.id}`.trim(),
        action: { kind: 'command' as const, text: `task log ${task.upid}` },
      })),
    ...(tasks.length === 0 ? {} : { footer: 'times in UTC' }),
  }),
})

const resultCell = (status: string | undefined): Cell => ({
  text: status ?? 'running',
  tone: resultTone(status),
})
