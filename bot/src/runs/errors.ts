import { HomelabError } from '@homelab/core'
import type { Hold } from './queue.ts'
import type { RunRow } from './rows.ts'

/** Not a failure: this process stops working on the run and leaves it to the next start. */
export class Interrupted extends Error {
  constructor(options?: ErrorOptions) {
    super('The bot is shutting down; the run goes on after its next start.', options)
    this.name = 'Interrupted'
  }
}

export const shuttingDown = () =>
  new HomelabError('failed', 'The bot is shutting down.', { hint: 'Its runs go on after the next start.' })

export const cancelledBy = (name: string) => new HomelabError('cancelled', `Cancelled by ${name}.`)

export const deadlinePassed = (waitingFor?: Hold) =>
  waitingFor === undefined
    ? new HomelabError('timeout', 'It was not done by its deadline and was stopped.')
    : new HomelabError('timeout', `It waited for ${waitingFor.lock} until its deadline.`, {
        hint: `Run ${waitingFor.run} holds it: \`run show ${waitingFor.run}\`.`,
      })

export const noRun = (id: string) =>
  new HomelabError('not-found', `There is no run ${id}.`, { hint: '`run list` shows them.' })

export const keyUsed = (key: string, run: string) =>
  new HomelabError('conflict', `"${key}" was already used to start run ${run}.`, {
    hint: `\`run show ${run}\` shows it. Send the command again to start another one.`,
  })

export const alreadyEnding = (run: string) =>
  new HomelabError('conflict', `Run ${run} is already ending.`, { hint: `\`run show ${run}\`` })

const ends: Readonly<Record<string, string>> = {
  succeeded: 'has succeeded',
  failed: 'has failed',
  cancelled: 'was cancelled',
}

/** @param row of a run that has ended, or undefined when there is none */
export function nothingToCancel(id: string, row: RunRow | undefined): HomelabError {
  if (!row) return noRun(id)
  const how = `${ends[row.state] ?? 'has ended'} at ${row.finished_at}`
  return new HomelabError('conflict', `Run ${id} ${how}: nothing is left to cancel.`)
}
