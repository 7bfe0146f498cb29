/** The cards of a command on its way: acknowledged, asking, going on, waiting, ended. */
import {
  type Button,
  type Card,
  duration,
  errorCard,
  type Json,
  notUndoneSections,
  type Operation,
  type Plan,
  planCard,
  type RunView,
} from '@homelab/core'
import { type PendingApproval, wanted } from './approvals.ts'

export const acknowledged = (text: string): Card => ({ title: text, tone: 'busy', text: 'On it…' })

export const asking = (operation: Operation, plan: Plan, id: string, seconds: number): Card => ({
  ...planCard(operation, plan, 'confirm'),
  buttons: [
    {
      label: 'Confirm',
      style: operation.risk === 'destructive' ? 'danger' : 'primary',
      action: { kind: 'confirm', id },
    },
    { label: 'Cancel', action: { kind: 'decline', id } },
  ],
  footer: `Nothing happens until you confirm, within ${duration(seconds * 1000)}.`,
})

/** The second question: what was agreed to would also take down what the bot needs. */
export const askingAgain = (plan: Plan, id: string, seconds: number): Card => ({
  title: `${plan.summary}, really?`,
  tone: 'error',
  text: 'This takes down what I need myself. Until it is up again I cannot answer, here or anywhere.',
  sections: [{ kind: 'list', title: 'Why', items: plan.lockout ?? [] }],
  buttons: [
    { label: 'Do it anyway', style: 'danger', action: { kind: 'confirm', id } },
    { label: 'Cancel', action: { kind: 'decline', id } },
  ],
  footer: `Nothing happens until you confirm, within ${duration(seconds * 1000)}.`,
})

/** Of a change that waits for an approval, where it was asked and in the ops channels alike. */
export function waitingForApproval(pending: PendingApproval, timezone?: string): Card {
  const { plan, command, id, beginsAt, expiresAt } = pending
  const approvable = pending.by.some((way) => way !== 'delay')
  const clock = (at: string) => timeOf(at, timezone)
  return {
    title: `${plan.summary}: waits for approval`,
    tone: 'warning',
    text: `${command.caller.name} asked for it. It waits for ${wanted(pending)}.`,
    sections: [
      { kind: 'list', title: 'What will happen', items: plan.steps },
      ...(plan.affects.length === 0
        ? []
        : [
            {
              kind: 'list' as const,
              title: 'What will notice',
              items: plan.affects.map(({ name, why }) => `${name}: ${why}`),
            },
          ]),
      ...(plan.warnings.length === 0 ? [] : [{ kind: 'list' as const, title: 'Mind', items: plan.warnings }]),
    ],
    buttons: [
      ...(approvable
        ? [{ label: 'Approve', style: 'primary' as const, action: { kind: 'approve' as const, id } }]
        : []),
      { label: 'Call it off', style: 'danger' as const, action: { kind: 'reject' as const, id } },
    ],
    footer:
      beginsAt === undefined
        ? `approval ${id} · until ${clock(expiresAt)}`
        : `approval ${id} · begins at ${clock(beginsAt)} unless it is called off`,
  }
}

export const approvalEnded = (pending: PendingApproval, what: string): Card => ({
  title: `${pending.plan.summary}: ${what}`,
  tone: pending.approved === undefined ? 'neutral' : 'ok',
  text: `${pending.command.caller.name} asked for it.`,
  footer: `approval ${pending.id}`,
})

/** A wall clock time in the lab's time zone: `21:40`, with the day when that is another one. */
function timeOf(at: string, timezone: string | undefined): string {
  const zone = timezone === undefined ? {} : { timeZone: timezone }
  const day = (date: Date) => date.toLocaleDateString('en-GB', zone)
  const date = new Date(at)
  const time = date.toLocaleTimeString('en-GB', { ...zone, hour: '2-digit', minute: '2-digit' })
  return day(date) === day(new Date()) ? time : `${day(date)} ${time}`
}

export const declined = (plan: Plan, why: string): Card => ({
  title: `Not done: ${plan.summary}`,
  tone: 'neutral',
  text: why,
})

/** @param expectedMs how long such a run usually takes */
export function running(run: RunView, now: Date, expectedMs?: number): Card {
  const cancel: Button = {
    label: 'Cancel',
    style: 'danger',
    action: { kind: 'command', text: `run cancel ${run.id}` },
  }
  const footer = `run ${run.id}`
  if (run.state === 'waiting' && run.waitingFor !== undefined) {
    const { lock, run: other } = run.waitingFor
    return {
      title: run.title,
      tone: 'busy',
      text: `Waits until run ${other} lets go of ${lock}: only one change at a time.`,
      buttons: [cancel, { label: 'Show the other', action: { kind: 'command', text: `run show ${other}` } }],
      footer,
    }
  }
  return {
    title: run.title,
    tone: 'busy',
    progress: {
      ...(run.progress ?? { text: run.state === 'cancelling' ? 'Cancelling…' : 'Starting…' }),
      ...(run.startedAt === undefined ? {} : { startedAt: run.startedAt, at: now.toISOString() }),
      ...(expectedMs === undefined ? {} : { expectedMs }),
    },
    ...(run.state === 'cancelling' ? {} : { buttons: [cancel] }),
    footer,
  }
}

/**
 * The card of a run that has ended.
 * @param kept whether the run can be looked at later: one inside a terminal is gone with it
 */
export function ended(run: RunView, operation: Operation, kept: boolean): Card {
  const footer = [kept ? `run ${run.id}` : undefined, took(run)]
    .filter((part) => part !== undefined)
    .join(' · ')
  if (run.state === 'succeeded') {
    const card = operation.card(run.result, run.input)
    return { ...card, footer: card.footer === undefined ? footer : `${card.footer} · ${footer}` }
  }
  const more: Button = { label: 'Show the log', action: { kind: 'command', text: `run show ${run.id}` } }
  const output = failureOutput(run)
  // It failed in part: what came of each is worth more than the first reason.
  if (output !== undefined) {
    const card = operation.card(output, run.input)
    const sections = [...(card.sections ?? []), ...notUndoneSections(run.error ?? {})]
    return { ...card, sections, buttons: [...(card.buttons ?? []), ...(kept ? [more] : [])], footer }
  }
  const error = run.error ?? { code: 'cancelled' as const, message: 'It was cancelled.' }
  const title = run.state === 'cancelled' ? `Cancelled: ${run.title}` : `Failed: ${run.title}`
  return { ...errorCard(error, { title }), ...(kept ? { buttons: [more] } : {}), footer }
}

/** What an operation that failed in part has to show. */
export const failureOutput = (run: RunView): Json | undefined => run.error?.data?.output as Json | undefined

const took = ({ startedAt, finishedAt }: RunView): string | undefined =>
  startedAt === undefined || finishedAt === undefined
    ? undefined
    : `took ${duration(Date.parse(finishedAt) - Date.parse(startedAt))}`
