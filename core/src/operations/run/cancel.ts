import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { findRun } from './find.ts'
import { RunRow, runInput } from './row.ts'

/** Not a change of the lab but of our own queue: it must get through while every lock is taken, so it is no run itself. */
export const runCancel = defineOperation({
  id: 'run.cancel',
  chat: 'run cancel',
  title: 'Cancel a run',
  description: 'Stops what is going on, undoes what can be undone, and says where things stand.',
  risk: 'read',
  permission: 'operator',
  input: z.object({ run: runInput }),
  output: RunRow,
  positional: ['run'],
  needs: ['runs', 'caller'],
  run: async ({ run }, { runs, caller }) => runs.cancel((await findRun(runs, run)).id, caller),
  card: (run) => ({
    title: run.state === 'cancelled' ? `Cancelled: ${run.title}` : `Cancelling: ${run.title}`,
    tone: run.state === 'cancelled' ? 'ok' : 'busy',
    buttons: [{ label: 'Show', action: { kind: 'command', text: `run show ${run.id}` } }],
    footer: `run ${run.id}`,
  }),
})
