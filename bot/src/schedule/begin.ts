/** A job's way into a run without a chat: rights, plan, audit and locks as for a person's command, and no questions. */
import {
  type Caller,
  commandText,
  errorData,
  HomelabError,
  type Json,
  namedIn,
  type Operation,
  type Plan,
  targetsOf,
  validateInput,
  within,
} from '@homelab/core'
import { entryOf } from '../chat/audit.ts'
import { DEADLINE_MS } from '../chat/handle.ts'
import type { Beginner, BegunJob, ScheduledJob, SchedulerOptions } from './types.ts'

/** The longest that planning may take. */
const PLAN_MS = 60_000

/** Where its cards would be if it had any; the audit log asks for one. */
export const nowhere = { surface: 'api', channel: 'schedule' } as const

/** Who begins what nobody asked for just now. What is in the file was written by an admin. */
export const callerOf = (job: ScheduledJob): Caller => ({
  id: `schedule:${job.id}`,
  name: 'schedule',
  role: 'admin',
  surface: 'api',
})

export function createBeginner(
  options: Pick<SchedulerOptions, 'runs' | 'audit' | 'rights' | 'services' | 'approval' | 'mustConfirm'>,
  end: AbortSignal,
): Beginner {
  const { runs, audit, rights, services, approval, mustConfirm } = options

  /** @throws HomelabError `config` */
  const inputOf = (job: BegunJob, operation: Operation): Record<string, unknown> => {
    try {
      return validateInput(operation, job.command.input)
    } catch (error) {
      const { message } = errorData(error)
      throw new HomelabError(
        'config',
        `The schedule ${job.id} does not fit "${operation.chat}": ${message}`,
        {
          cause: error,
        },
      )
    }
  }

  async function permit(operation: Operation, input: Record<string, unknown>, caller: Caller): Promise<void> {
    const named = namedIn(operation, input)
    rights.permit(operation, caller, undefined, named)
    const { lab } = services(caller)
    const signal = within(PLAN_MS, end)
    const targets = lab === undefined ? [] : await targetsOf(operation, input, lab, signal)
    if (rights.dependsOnTargets(operation, caller)) rights.permit(operation, caller, targets, named)
    if (approval(operation, targets) === undefined) return
    throw new HomelabError(
      'denied',
      `"${operation.chat}" needs an approval, which a schedule cannot wait for.`,
      {
        hint: `Type \`${commandText(operation, input)}\` yourself and have it approved, or change \`approve\` in homelab.yaml.`,
      },
    )
  }

  const planOf = async (
    job: BegunJob,
    operation: Operation,
    caller: Caller,
    signal: AbortSignal,
  ): Promise<{ readonly plan: Plan; readonly input: Record<string, unknown> }> => {
    const input = inputOf(job, operation)
    await permit(operation, input, caller)
    const plan = await operation.plan?.(input, services(caller), { signal })
    return { input, plan: plan ?? withoutPlan(job) }
  }

  return {
    async plan({ job, operation }, caller, signal) {
      const { plan } = await planOf(job, operation, caller, signal)
      const marked = mustConfirm()
      const asks =
        operation.risk === 'destructive' || marked.includes(operation.id) || marked.includes(operation.chat)
      return asks ? { ...plan, confirm: true } : plan
    },
    async begin({ job, operation, caller, key, command, late, attended }) {
      const before = await runs.byKey(key)
      if (before !== undefined) return { run: before, existing: true }
      const signal = within(PLAN_MS, end)
      const { plan, input } = await planOf(job, operation, caller, signal)
      const [lockout] = plan.lockout ?? []
      if (lockout !== undefined && !attended)
        throw new HomelabError('conflict', `It would take down what I need myself: ${lockout}`, {
          hint: `A schedule does not do that. Type \`${commandText(operation, input)}\` yourself.`,
        })
      end.throwIfAborted()
      // First: a change that is not in the audit log must not be made.
      await audit.append(
        entryOf({ text: command, caller, place: nowhere, key }, operation, 'started', { plan: plan.summary }),
      )
      return await runs.start({
        operation: operation.id,
        title: late === undefined ? plan.summary : `${plan.summary} (${late})`,
        input: input as Json,
        caller,
        key,
        locks: job.exclusive === undefined ? plan.locks : [...plan.locks, job.exclusive],
        deadlineMs: operation.deadlineMs ?? DEADLINE_MS,
      })
    },
  }
}

/** Of a read, which has none. */
const withoutPlan = ({ title }: BegunJob): Plan => ({
  summary: title,
  steps: [title],
  affects: [],
  warnings: [],
  locks: [],
  state: null,
})
