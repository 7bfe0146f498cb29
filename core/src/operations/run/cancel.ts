import { z } from 'zod'
import type { Lab } from '../../inventory/types.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Caller, Commands, Rights, RunView } from '../../operation/services.ts'
import { targetsOf } from '../../operation/targets.ts'
import { findRun } from './find.ts'
import { RunRow, runInput } from './row.ts'

export const runCancel = defineOperation({
  id: 'run.cancel',
  chat: 'run cancel',
  title: 'Cancel a run',
  description: 'Stops what is going on, undoes what can be undone, and says where things stand.',
  risk: 'change',
  immediate: true,
  // Whoever may begin a run may cancel it, and everybody their own: `mayCancel` decides.
  permission: 'viewer',
  input: z.object({ run: runInput }),
  output: RunRow,
  positional: ['run'],
  needs: ['runs', 'caller', 'rights', 'commands', 'lab'],
  plan: async ({ run: id }, services, { signal }) => {
    const run = await findRun(services.runs, id)
    await mayCancel(run, services, signal)
    return {
      summary: `Cancel run ${run.id}: ${run.title}`,
      steps: [`Stop it (it is ${run.state})`, 'Undo what can be undone'],
      affects: [],
      warnings: [],
      locks: [],
      state: { run: run.id },
    }
  },
  run: async ({ run: id }, services, { signal }) => {
    const run = await findRun(services.runs, id)
    await mayCancel(run, services, signal)
    return services.runs.cancel(run.id, services.caller)
  },
  card: (run) => ({
    title: run.state === 'cancelled' ? `Cancelled: ${run.title}` : `Cancelling: ${run.title}`,
    tone: run.state === 'cancelled' ? 'ok' : 'busy',
    buttons: [{ label: 'Show', action: { kind: 'command', text: `run show ${run.id}` } }],
    footer: `run ${run.id}`,
  }),
})

interface CancelServices {
  readonly caller: Caller
  readonly rights: Rights
  readonly commands: Commands
  readonly lab: Lab
}

/** @throws HomelabError `denied` when it is somebody else's run of what this caller may not do */
async function mayCancel(
  run: RunView,
  { caller, rights, commands, lab }: CancelServices,
  signal: AbortSignal,
): Promise<void> {
  const operation = commands.registry.byId(run.operation)
  if (run.caller.id === caller.id || operation === undefined) return
  rights.permit(operation, caller)
  const input = (run.input ?? {}) as Readonly<Record<string, unknown>>
  if (rights.dependsOnTargets(operation, caller))
    rights.permit(operation, caller, await targetsOf(operation, input, lab, signal))
}
