/** The cards of a command on its way: acknowledged, asking, going on, waiting, ended. */
import {
  type Button,
  type Card,
  duration,
  errorCard,
  type Json,
  type Operation,
  type Plan,
  planCard,
  type RunView,
} from '@homelab/core'

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

export const declined = (plan: Plan, why: string): Card => ({
  title: `Not done: ${plan.summary}`,
  tone: 'neutral',
  text: why,
})

export function running(run: RunView): Card {
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
    progress: run.progress ?? { text: run.state === 'cancelling' ? 'Cancelling…' : 'Starting…' },
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
    return { ...card, buttons: [...(card.buttons ?? []), ...(kept ? [more] : [])], footer }
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
