/** Follows what was begun to its end, and tells what went wrong, until it goes well again, and what came late. The rest is silent. */
import { type Button, type Card, duration, errorCard, errorData, type RunView } from '@homelab/core'
import { entryOf } from '../chat/audit.ts'
import { running } from '../chat/cards.ts'
import { createFollower } from '../chat/follow.ts'
import type { Command } from '../chat/types.ts'
import type { Finding } from '../incidents/types.ts'
import { nowhere } from './begin.ts'
import type { Last, Memory } from './memory.ts'
import type { Beginning, ScheduledJob, SchedulerOptions } from './types.ts'

/** What a run was begun for. */
type Begun = Pick<Beginning, 'job' | 'operation' | 'caller' | 'key' | 'command' | 'late'> & {
  /** The card that an ops channel shows of it, or would. */
  readonly notice: string
  /** Whether it shows that card already. */
  readonly shown: boolean
}

/** Milliseconds after which a run that failed for something that passes is begun once more. */
const AGAIN_MS = [300_000, 900_000, 1_800_000]
const passing = new Set(['unreachable', 'timeout', 'locked'])

export const noticeOf = (id: string, due: string): string => `schedule-${id}-${due}`

/** The card that says still what went wrong before, of a job that has one for all of it. */
export const standingCard = (last: Last | undefined): string | undefined =>
  last?.standing === true && last.state !== 'succeeded' ? last.notice : undefined

/** Kept of an occurrence of such a job that did not end well. */
export const standing = ({ oneCard }: ScheduledJob, notice: string): Pick<Last, 'notice' | 'standing'> =>
  oneCard === true ? { notice, standing: true } : {}

export type Teller = ReturnType<typeof createTeller>

export function createTeller(options: SchedulerOptions, memory: Memory, over: () => void) {
  const { runs, audit, clock, notify, tell, log } = options
  const begun = new Map<string, Begun>()
  const shown = new Set<string>()
  const writing = new Set<Promise<void>>()
  const kept = (what: Promise<void>) => {
    const done = what
      .catch((error: unknown) => log.error({ err: error }, 'what became of a schedule is not kept'))
      .finally(() => writing.delete(done))
    writing.add(done)
  }

  /** Whether it is this notice that tells of a problem, and not one of something late. */
  const isProblem = (id: string, notice: string): boolean => memory.get(id).problem === notice

  function problem(job: ScheduledJob, notice: string, card: Card, state: 'live' | 'done'): void {
    if (!isProblem(job.id, notice)) {
      // The late one is at its end: how it goes on is told of the problem.
      if (shown.has(notice)) notify(notice, { title: card.title, tone: 'neutral' }, 'done')
      kept(memory.change(job.id, { problem: notice }))
    }
    tell(notice, card, state, findingOf(job.id, card, 'firing', aboutOf(job)))
  }

  function solved(id: string, card: Card, about: Finding['about']): void {
    const { problem: notice } = memory.get(id)
    if (notice === undefined) return
    kept(memory.change(id, { problem: undefined }))
    tell(notice, card, 'done', findingOf(id, card, 'resolved', about))
  }

  function end({ job, key, late, notice }: Begun, run: string, card: Card, error: string | undefined): void {
    begun.delete(key)
    const state = error === undefined ? 'succeeded' : error === 'cancelled' ? 'cancelled' : 'failed'
    const { last } = memory.get(job.id)
    const mine = last?.run === run
    const tries = last?.tries ?? 0
    const ms = mine && last.by === undefined && passing.has(error ?? '') ? AGAIN_MS[tries] : undefined
    const at = ms === undefined ? undefined : new Date(clock.now().getTime() + ms).toISOString()
    if (mine) {
      const { again: _, ...before } = last
      const ended: Last = {
        ...before,
        state,
        ...(error === undefined ? {} : { error: card.text ?? card.title }),
        ...(at === undefined ? {} : { again: at, tries: tries + 1, notice }),
        ...(error === undefined ? {} : standing(job, notice)),
      }
      kept(memory.change(job.id, { last: ended }))
    }
    if (ms !== undefined) {
      const text = `It is tried again in ${duration(ms)} (${tries + 1} of ${AGAIN_MS.length}).`
      const waits: Card = { ...card, tone: 'warning', text: [card.text, text].filter(Boolean).join(' ') }
      const waiting = said(waits, late, again(job.id, state))
      if (job.tells === undefined) problem(job, notice, waiting, 'live')
      else notify(notice, waiting, 'live', { to: job.tells.channel })
      shown.add(notice)
      over()
      return
    }
    const doubt = job.tellsDoubts === true && card.tone === 'warning'
    const report = job.tells === undefined ? doubt : !(job.tells.unlessOk === true && card.tone === 'ok')
    // What a report found to be wrong is not mended by another report.
    const ended = said(card, late, job.tells === undefined ? again(job.id, state) : [])
    const told = isProblem(job.id, notice)
    if (job.tells === undefined && (state === 'failed' || (told && state === 'cancelled')))
      problem(job, notice, ended, 'done')
    else if (state !== 'succeeded' || (shown.has(notice) && !told) || report)
      notify(notice, ended, 'done', { to: job.tells?.channel })
    if (state === 'succeeded') solved(job.id, ended, aboutOf(job))
    shown.delete(notice)
    over()
  }

  const follow = createFollower({
    runner: runs,
    clock,
    expectedMs: () => undefined,
    kept: () => true,
    put: (command: Command, { card, state, run = '', error }) => {
      const what = begun.get(command.key)
      if (what !== undefined && state === 'done') end(what, run, card, error)
    },
    note: (command, operation, decision, rest) =>
      kept(audit.append(entryOf(command, operation, decision, rest))),
  })

  return {
    /** Resolves when what was found out so far is kept. */
    written: async (): Promise<void> => void (await Promise.all(writing)),
    follows: (key: string): boolean => begun.has(key),
    /** Shows a late one at once, and every one that does not end well. */
    follow(what: Begun, run: RunView): void {
      if (begun.has(what.key)) return
      begun.set(what.key, what)
      if (what.shown) shown.add(what.notice)
      if (what.late !== undefined) {
        shown.add(what.notice)
        const card = said(running(run, clock.now()), what.late)
        if (isProblem(what.job.id, what.notice)) problem(what.job, what.notice, card, 'live')
        else notify(what.notice, card, 'live', { to: what.job.tells?.channel })
      }
      const { caller, command: text, key, operation } = what
      follow({ text, caller, place: nowhere, key }, operation, run)
    },
    /** It did not begin, and is not tried again. */
    refused(beginning: Beginning, notice: string, error: unknown): void {
      const { job, operation, caller, command: text, key, late } = beginning
      const data = errorData(error)
      if (data.code === 'bug') log.error({ err: error, schedule: job.id }, 'a schedule failed')
      const decision = data.code === 'denied' ? 'denied' : 'refused'
      const command = { text, caller, place: nowhere, key }
      kept(audit.append(entryOf(command, operation, decision, { result: data.message })))
      const card = errorCard(data, { title: `Not begun: ${job.title}` })
      problem(job, notice, said(card, late, again(job.id, 'failed')), 'done')
      shown.delete(notice)
    },
    /** It could not begin, and is tried again. */
    waits({ job, late }: Beginning, notice: string, error: unknown): void {
      const card = errorCard(errorData(error), { title: `Cannot begin yet: ${job.title}` })
      const text = `${card.text ?? ''} It is tried again until it begins.`
      problem(job, notice, said({ ...card, tone: 'warning', text }, late), 'live')
      shown.add(notice)
    },
    /** What failed, or was to be tried again, is not begun any more. */
    gone(id: string, notice: string, title: string): void {
      const card: Card = { title, tone: 'neutral' }
      if (isProblem(id, notice)) solved(id, card, {})
      else notify(notice, card, 'done')
      shown.delete(notice)
    },
  }
}

const findingOf = (id: string, card: Card, state: Finding['state'], about: Finding['about']): Finding => ({
  key: `schedule/${id}`,
  state,
  kind: 'failed',
  severity: 'warning',
  title: card.title,
  ...(card.text === undefined ? {} : { text: card.text }),
  about,
  card,
})

function aboutOf({ command: { operation, input } }: ScheduledJob): Finding['about'] {
  const { plan } = input
  return operation.startsWith('backup.') && typeof plan === 'string' ? { plan } : {}
}

const again = (id: string, state: Last['state']): Button[] =>
  state === 'failed' ? [{ label: 'Run now', action: { kind: 'command', text: `schedule run ${id}` } }] : []

/** Buttons that only make sense to a person who asked stay; how late it is comes first. */
function said(card: Card, late: string | undefined, more: readonly Button[] = []): Card {
  const text = [late === undefined ? undefined : `${late}.`, card.text].filter((part) => part !== undefined)
  const buttons = [...(card.buttons ?? []), ...more]
  return {
    ...card,
    ...(text.length === 0 ? {} : { text: text.join('\n') }),
    ...(buttons.length === 0 ? {} : { buttons }),
  }
}
