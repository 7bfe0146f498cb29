/** What comes before a change, and all of a read: what it touches, whether it is allowed, what it would do. */
import {
  errorData,
  HomelabError,
  type Json,
  namedIn,
  type Operation,
  type Plan,
  runInline,
  targetsOf,
} from '@homelab/core'
import type { Decision, entryOf } from './audit.ts'
import type { DeskOptions } from './options.ts'
import type { Command } from './types.ts'

/** An entry of the audit log that nothing waits for. */
export type Note = (
  command: Command,
  operation: Operation,
  decision: Decision,
  rest?: Parameters<typeof entryOf>[3],
) => void

/** The longest that a read may take before the person is told that it did not work. */
const READ_MS = 60_000

export function createPreparation(options: DeskOptions, note: Note) {
  const { rights, clock } = options

  async function targets(command: Command, operation: Operation, input: Record<string, unknown>) {
    const { lab } = options.services(command.caller)
    return lab === undefined ? [] : await targetsOf(operation, input, lab, AbortSignal.timeout(READ_MS))
  }

  /** @throws HomelabError `denied`, which is in the audit log then */
  async function permit(
    command: Command,
    operation: Operation,
    input: Record<string, unknown>,
  ): Promise<void> {
    const { caller } = command
    try {
      const named = namedIn(operation, input)
      rights.permit(operation, caller, undefined, named)
      if (rights.dependsOnTargets(operation, caller))
        rights.permit(operation, caller, await targets(command, operation, input), named)
    } catch (error) {
      const { code, message } = errorData(error)
      if (code === 'denied') note(command, operation, 'denied', { result: message })
      throw error
    }
  }

  async function planOf(
    command: Command,
    operation: Operation,
    input: Record<string, unknown>,
  ): Promise<Plan> {
    if (operation.plan === undefined) throw new HomelabError('bug', `${operation.id} has no plan`)
    try {
      return await operation.plan(input, options.services(command.caller), {
        signal: AbortSignal.timeout(READ_MS),
      })
    } catch (error) {
      note(command, operation, 'refused', { result: errorData(error).message })
      throw error
    }
  }

  async function outputOf(
    command: Command,
    operation: Operation,
    input: Record<string, unknown>,
  ): Promise<Json> {
    const timeout = AbortSignal.timeout(READ_MS)
    return await runInline(operation, input, options.services(command.caller), {
      clock,
      signal: timeout,
    }).catch((error: unknown) => {
      throw timeout.aborted
        ? new HomelabError('timeout', `No answer within ${READ_MS / 1000} s.`, {
            hint: 'Try again; `node list` shows which nodes answer.',
            cause: error,
          })
        : error
    })
  }

  return { targets, permit, planOf, outputOf }
}
