import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import { TaskRow } from '../schemas.ts'
import { upidInput } from './log.ts'

/** Seconds that a task gets to end after it was told to. */
const STOP_SECONDS = 60

export const taskStop = defineOperation({
  id: 'task.stop',
  chat: 'task stop',
  title: 'Stop a Proxmox task',
  description: 'Interrupts a running task. What it was doing may stay half done.',
  risk: 'destructive',
  rare: true,
  permission: 'admin',
  input: z.object({ upid: upidInput }),
  output: TaskRow,
  positional: ['upid'],
  needs: ['proxmox', 'clock'],
  plan: async ({ upid }, { proxmox }, { signal }) => {
    const task = await proxmox.tasks.status(upid, signal)
    if (task.exitStatus !== undefined) {
      throw new HomelabError('conflict', `That task has ended already: ${task.exitStatus}.`, {
        data: { upid },
      })
    }
    return {
      summary: `Stop the running ${task.type} ${task.id} on ${task.node}`,
      steps: [`Interrupt ${task.type} ${task.id}, started by ${task.user}`],
      affects: [],
      warnings: ['What it was doing may stay half done.'],
      locks: [`task/${upid}`],
      state: { upid, running: true },
    }
  },
  run: async ({ upid }, { proxmox, clock }, { change, follow }) => {
    await change<string>('stop', {
      act: async () => {
        await proxmox.tasks.stop(upid)
        return upid
      },
      find: async () => ((await proxmox.tasks.status(upid)).exitStatus === undefined ? undefined : upid),
    })
    return await follow('end', async (signal) => {
      const end = clock.monotonic() + STOP_SECONDS * 1000
      for (;;) {
        const task = await proxmox.tasks.status(upid, signal)
        if (task.exitStatus !== undefined) return { ...task }
        if (clock.monotonic() >= end) {
          throw new HomelabError(
            'timeout',
            `The task was told to stop and still runs after ${STOP_SECONDS} s.`,
            { data: { upid } },
          )
        }
        await clock.sleep(500, signal)
      }
    })
  },
  card: (task) => ({
    title: `${task.type} ${task.id} stopped`,
    tone: 'ok',
    sections: [{ kind: 'fields', fields: [{ name: 'It ended with', value: task.exitStatus ?? '' }] }],
    footer: task.upid,
  }),
})
