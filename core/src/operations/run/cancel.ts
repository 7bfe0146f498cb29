import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { findRun } from './find.ts'
import { RunRow, runInput } from './row.ts'

export const runCancel = defineOperation({
  id: 'run.cancel',
  chat: 'run cancel',
  title: 'Cancel a run',
  description: 'Stops what is going on, undoes what can be undone, and says where things stand.',
  risk: 'change',
  immediate: true,
  permission: 'operator',
  input: z.object({ run: runInput }),
  output: RunRow,
  positional: ['run'],
  needs: ['runs', 'caller'],
  plan: async ({ run: id }, { runs }) => {
    const run = await findRun(runs, id)
    return {
      summary: `Cancel run ${run.id}: ${run.title}`,
      steps: [`Stop it (it is ${run.state})`, 'Undo what can be undone'],
      affects: [],
      warnings: [],
      locks: [],
      state: { run: run.id },
    }
  },
  run: async ({ run }, { runs, caller }) => runs.cancel((await findRun(runs, run)).id, caller),
  card: (run) => ({
    title: run.state === 'cancelled' ? `Cancelled: ${run.title}` : `Cancelling: ${run.title}`,
    tone: run.state === 'cancelled' ? 'ok' : 'busy',
    buttons: [{ label: 'Show', action: { kind: 'command', text: `run show ${run.id}` } }],
    footer: `run ${run.id}`,
  }),
})
