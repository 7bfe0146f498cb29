/** A backup operation, begun here and looked at later: the job on the machine goes on without any of us. */
import { HomelabError, isHomelabError, type Json } from '@homelab/core'
import type { IDataObject } from 'n8n-workflow'
import { n8nClock } from '../clock.ts'
import { sound } from '../execute.ts'
import type { Surfaced } from '../form.ts'
import { itemOf } from '../output.ts'
import { Left, type RunOptions, runOperation } from '../run.ts'
import type { SshContext } from '../ssh/shell.ts'
import { type LongCommands, longCommands } from './long-commands.ts'
import { backupServices, type Credentials, foldersOf } from './services.ts'
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
  const commands = longCommands({
    journal: ticket.journal,
    folders: foldersOf(credentials.ssh),
    plan: ticket.plan.name,
    restic: (credentials.restic.binary ?? '').trim() || 'restic',
    clock: n8nClock,
    lateness: how.end === true ? ended : lateAfter(limitMs, signal),
  })
  const services = backupServices(context, ticket.plan, credentials, commands.around)
  const ran = await runOperation(surface.operation, ticket.input, services, {
    clock: n8nClock,
    signal,
    limitMs,
    log,
    onCancel: 'leave',
    ...how,
  })
  if (ran.state === 'done' && (await settled(commands))) {
    sound(surface, ran.output as Json, ticket.input)
    return { state: 'done', plan: ticket.plan.name, ...itemOf(surface, ran.output) }
  }
  const { text, done, total } = (ran.state === 'running' ? ran.progress : undefined) ?? { text: 'at work' }
  const journal = ran.state === 'running' ? ran.journal : ticket.journal
  return {
    state: 'running',
    plan: ticket.plan.name,
    job: seal({ ...ticket, journal: { ...journal, ...commands.journal } }, keyOf(credentials)),
    progress: text,
    ...(done === undefined || total === undefined || total === 0
      ? {}
      : { percent: Math.floor((done / total) * 100) }),
  }
}

/** Whether nothing of it is at work any more. */
async function settled(commands: LongCommands): Promise<boolean> {
  try {
    await commands.settle()
    return true
  } catch (error) {
    if (error instanceof Left) return false
    throw error
  }
}

const ended = (): AbortSignal => AbortSignal.abort(new HomelabError('cancelled', 'It was cancelled.'))

/** At least for one look, whenever that is. */
function lateAfter(limitMs: number, signal: AbortSignal): () => AbortSignal {
  const until = n8nClock.monotonic() + limitMs
  return () => {
    const rest = Math.max(1, Math.ceil(until - n8nClock.monotonic()))
    return AbortSignal.any([signal, AbortSignal.timeout(rest)])
  }
}
