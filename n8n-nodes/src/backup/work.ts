/** A backup operation, begun here and looked at later: the job on the machine goes on without any of us. */
import { HomelabError, isHomelabError, type Json } from '@homelab/core'
import type { IDataObject } from 'n8n-workflow'
import { n8nClock } from '../clock.ts'
import { sound } from '../execute.ts'
import type { Surfaced } from '../form.ts'
import { itemOf } from '../output.ts'
import { type RunOptions, runOperation } from '../run.ts'
import type { SshContext } from '../ssh/shell.ts'
import { backupServices, type Credentials } from './services.ts'
import { seal, type Ticket, unseal } from './ticket.ts'

export interface Place {
  readonly context: SshContext
  readonly credentials: Credentials
  readonly signal: AbortSignal
  /** Milliseconds to stay with it. */
  readonly limitMs: number
  readonly log: (line: string) => void
}

/** @returns `{state: 'done', …}` or `{state: 'running', job, …}` */
export const begin = (surface: Surfaced, ticket: Omit<Ticket, 'journal' | 'surface'>, place: Place) =>
  work(surface, { ...ticket, surface: nameOf(surface), journal: {} }, place, {})

/** @throws what became of the job, when it failed */
export function look(all: readonly Surfaced[], job: string, place: Place): Promise<IDataObject> {
  const { ticket, surface } = opened(all, job, place)
  return work(surface, ticket, place, { journal: ticket.journal })
}

/** Asks it to end and waits until it has, which takes restic a moment: no lock stays behind. */
export async function cancel(all: readonly Surfaced[], job: string, place: Place): Promise<IDataObject> {
  const { ticket, surface } = opened(all, job, place)
  try {
    // It may have ended well meanwhile.
    return await work(surface, ticket, place, { journal: ticket.journal, end: true })
  } catch (error) {
    if (!isHomelabError(error) || error.code !== 'cancelled' || place.signal.aborted) throw error
    return { state: 'cancelled', plan: ticket.plan.name }
  }
}

const nameOf = ({ resource, verb }: Surfaced): string => `${resource}.${verb}`

/** Both: what is sealed with a password alone would let whoever sees an id try passwords on it. */
const keyOf = ({ restic, ssh }: Credentials): string =>
  [restic.password, ssh.privateKey, ssh.password].map((secret) => secret ?? '').join('\n')

function opened(all: readonly Surfaced[], job: string, { credentials }: Place) {
  const ticket = unseal(job, keyOf(credentials))
  const surface = all.find((each) => nameOf(each) === ticket.surface)
  if (surface !== undefined) return { ticket, surface }
  throw new HomelabError('usage', `This version of the node has no operation "${ticket.surface}"`)
}

async function work(
  surface: Surfaced,
  ticket: Ticket,
  { context, credentials, signal, limitMs, log }: Place,
  how: Pick<RunOptions, 'journal' | 'end'>,
): Promise<IDataObject> {
  const ran = await runOperation(
    surface.operation,
    ticket.input,
    backupServices(context, ticket.plan, credentials),
    { clock: n8nClock, signal, limitMs, log, onCancel: 'leave', ...how },
  )
  if (ran.state === 'running') {
    const { text, done, total } = ran.progress ?? { text: 'begun' }
    return {
      state: 'running',
      plan: ticket.plan.name,
      job: seal({ ...ticket, journal: ran.journal }, keyOf(credentials)),
      progress: text,
      ...(done === undefined || total === undefined || total === 0
        ? {}
        : { percent: Math.floor((done / total) * 100) }),
    }
  }
  sound(surface, ran.output as Json, ticket.input)
  return { state: 'done', plan: ticket.plan.name, ...itemOf(surface, ran.output) }
}
