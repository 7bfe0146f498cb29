import type { z } from 'zod'
import type { Card, Tone } from '../../operation/card.ts'
import type { TaskRow } from '../schemas.ts'

/** Of an exit status of Proxmox; undefined while the task runs. */
export const resultTone = (status: string | undefined): Tone =>
  status === undefined ? 'busy' : status === 'OK' ? 'ok' : status.startsWith('WARNINGS') ? 'warning' : 'error'

export const taskCard = (task: z.infer<typeof TaskRow>, text?: string): Card => ({
  title: `${`${task.type} ${task.id}`.trim()}: ${task.exitStatus ?? 'running'}`,
  tone: resultTone(task.exitStatus),
  ...(text === undefined ? {} : { text }),
  sections: [
    {
      kind: 'fields',
      fields: [
        { name: 'On', value: task.node },
        { name: 'By', value: task.user },
      ],
    },
  ],
  buttons: [{ label: 'Its log', action: { kind: 'command', text: `task log ${task.upid}` } }],
  footer: task.upid,
})
