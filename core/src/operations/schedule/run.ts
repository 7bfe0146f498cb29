import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { scheduleInput } from './row.ts'

export const scheduleRun = defineOperation({
  id: 'schedule.run',
  chat: 'schedule run',
  title: 'Begin now what is scheduled',
  description:
    'Begins it as a run of yours, with your rights, and does not wait for its end. When it comes next by itself stays as it is.',
  risk: 'change',
  immediate: true,
  permission: 'operator',
  input: z.object({ schedule: scheduleInput }),
  output: z.object({ schedule: z.string(), run: z.string(), title: z.string() }),
  positional: ['schedule'],
  examples: ['schedule run backup/postgresql'],
  needs: ['schedules', 'caller'],
  plan: ({ schedule }, { schedules, caller }, { signal }) => schedules.plan(schedule, caller, signal),
  run: async ({ schedule }, { schedules, caller }) => {
    const run = await schedules.run(schedule, caller)
    return { schedule, run: run.id, title: run.title }
  },
  card: ({ run, title }) => ({
    title: `Begun: ${title}`,
    tone: 'ok',
    text: 'If it fails, the ops channel hears of it.',
    buttons: [
      { label: 'Show the run', action: { kind: 'command', text: `run show ${run}` } },
      { label: 'Cancel', style: 'danger', action: { kind: 'command', text: `run cancel ${run}` } },
    ],
    footer: `run ${run}`,
  }),
})
