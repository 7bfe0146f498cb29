import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { TaskRow } from '../schemas.ts'
import { upidInput } from './log.ts'
import { taskCard } from './row.ts'

export const taskShow = defineOperation({
  id: 'task.show',
  chat: 'task show',
  title: 'Show a Proxmox task',
  description: 'Whether it runs or how it ended, without its log.',
  risk: 'read',
  permission: 'viewer',
  rare: true,
  input: z.object({ upid: upidInput }),
  output: TaskRow,
  positional: ['upid'],
  needs: ['proxmox'],
  run: async ({ upid }, { proxmox }, { signal }) => ({ ...(await proxmox.tasks.status(upid, signal)) }),
  card: (task) => taskCard(task),
})
