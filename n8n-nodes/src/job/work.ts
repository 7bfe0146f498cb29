/** An operation, begun here and looked at later: its job on the machine goes on without any of us. */
import { HomelabError, isHomelabError, type Json, type Progress, type Services, within } from '@homelab/core'
import { n8nClock } from '../clock.ts'
import { sound } from '../execute.ts'
import type { Surfaced } from '../form.ts'
import { Left, type RunOptions, runOperation } from '../run.ts'
import { type LongCommands, longCommands } from './long-commands.ts'
import { type Subject, seal, type Ticket, unseal } from './ticket.ts'

export interface Place<S extends Subject> {
  /** Secrets of the credentials, which seal the id. */
  readonly key: string
  /** What operations need, with what is run on a machine as `around` has it. */
  readonly services: (subject: S, around: LongCommands['around']) => Partial<Services>
  /** Of a subject: a program, or a path. */
  readonly restic: (subject: S) => string
  readonly signal: AbortSignal
  /** Milliseconds to stay with it. */
  readonly limitMs: number
  readonly log: (line: string) => void
}

export type Worked<S extends Subject> = (
  | { readonly state: 'done'; readonly output: Json }
  | { readonly state: 'running'; readonly job: string; readonly progress: Progress }
  | { readonly state: 'cancelled' }
) & { readonly surface: Surfaced; readonly ticket: Ticket<S> }

export const begin = <S extends Subject>(
  surface: Surfaced,
  ticket: Omit<Ticket<S>, 'journal' | 'surface'>,
  place: Place<S>,
): Promise<Worked<S>> => work(surface, { ...ticket, surface: nameOf(surface), journal: {} }, place, {})

/** @throws what became of the job, when it failed */
export function look<S extends Subject>(
  all: readonly Surfaced[],
  job: string,
  place: Place<S>,
): Promise<Worked<S>> {
  const { ticket, surface } = opened(all, job, place)
  return work(surface, ticket, place, { journal: ticket.journal })
}

/** Asks it to end and waits until it has, which takes restic a moment: no lock stays behind. */
export async function cancel<S extends Subject>(
  all: readonly Surfaced[],
  job: string,
  place: Place<S>,
): Promise<Worked<S>> {
  const { ticket, surface } = opened(all, job, place)
  try {
    // It may have ended well meanwhile.
    return await work(surface, ticket, place, { journal: ticket.journal, end: true })
  } catch (error) {
    if (!isHomelabError(error) || error.code !== 'cancelled' || place.signal.aborted) throw error
    return { state: 'cancelled', surface, ticket }
  }
}

/** How far it is, as fields of an item. */
export const progressFields = ({ done, total }: Progress): { readonly percent?: number } =>
  done === undefined || total === undefined || total === 0
    ? {}
    : { percent: Math.floor((done / total) * 100) }

const nameOf = ({ resource, verb }: Surfaced): string => `${resource}.${verb}`

function opened<S extends Subject>(all: readonly Surfaced[], job: string, { key }: Place<S>) {
  const ticket = unseal<S>(job, key)
  const surface = all.find((each) => nameOf(each) === ticket.surface)
  if (surface !== undefined) return { ticket, surface }
  throw new HomelabError('usage', `This version of the node has no operation "${ticket.surface}"`)
}

async function work<S extends Subject>(
  surface: Surfaced,
  ticket: Ticket<S>,
  { key, services, restic, signal, limitMs, log }: Place<S>,
  how: Pick<RunOptions, 'journal' | 'end'>,
): Promise<Worked<S>> {
  const commands = longCommands({
    journal: ticket.journal,
    name: ticket.subject.name,
    restic: restic(ticket.subject),
    clock: n8nClock,
    lateness: how.end === true ? ended : lateAfter(limitMs, signal),
  })
  const ran = await runOperation(surface.operation, ticket.input, services(ticket.subject, commands.around), {
    clock: n8nClock,
    signal,
    limitMs,
    log,
    onCancel: 'leave',
    ...how,
  })
  if (ran.state === 'done' && (await settled(commands))) {
    sound(surface, ran.output, ticket.input)
    return { state: 'done', output: ran.output, surface, ticket }
  }
  const journal = ran.state === 'running' ? ran.journal : ticket.journal
  return {
    state: 'running',
    job: seal({ ...ticket, journal: { ...journal, ...commands.journal } }, key),
    progress: (ran.state === 'running' ? ran.progress : undefined) ?? { text: 'at work' },
    surface,
    ticket,
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
    return within(rest, signal)
  }
}
