/** What came of starting, stopping or restarting guests, for people. */
import type { Card, Cell } from '../../operation/card.ts'
import { duration, guestPlace } from '../../operation/view.ts'
import type { PowerRequest } from '../guest/power.ts'
import type { PowerResult } from '../schemas.ts'
import type { PowerOutput } from './targets.ts'

export const powerWords = {
  start: { done: 'started', noun: 'Start' },
  stop: { done: 'stopped', noun: 'Stop' },
  shutdown: { done: 'shut down', noun: 'Shut down' },
  restart: { done: 'restarted', noun: 'Restart' },
} as const

export const isFailed = ({ outcome }: PowerResult): boolean => outcome === 'failed' || outcome === 'skipped'

/** `5 of 6 guests restarted`. */
export function powerTitle({ results }: PowerOutput, action: PowerRequest['action']): string {
  const done = results.filter((result) => !isFailed(result)).length
  return `${done === results.length ? done : `${done} of ${results.length}`} guests ${powerWords[action].done}`
}

export function powerCard(output: PowerOutput, action: PowerRequest['action']): Card {
  const { results } = output
  const { done } = powerWords[action]
  const only = results.length === 1 ? results[0] : undefined
  if (only !== undefined) {
    const health = only.healthy === true ? ' and answers' : ''
    const title =
      only.outcome === 'unchanged' ? `${only.name} ${only.detail}` : `${only.name} ${done}${health}`
    return {
      title,
      tone: only.outcome === 'warnings' ? 'warning' : 'ok',
      ...(only.outcome === 'warnings'
        ? {
            text:
              only.healthy === false
                ? 'It answers, but not as it should.'
                : 'Its Proxmox task ended with warnings.',
          }
        : {}),
      sections: [{ kind: 'fields', fields: fieldsOf(only) }],
      ...(only.type === 'lxc' && action !== 'stop' && action !== 'shutdown'
        ? { buttons: [{ label: 'Logs', action: { kind: 'command' as const, text: `logs ${only.name}` } }] }
        : {}),
    }
  }
  const failed = results.filter(isFailed)
  const again = failed.map((result) => result.name).join(' ')
  return {
    title: powerTitle(output, action),
    tone:
      failed.length > 0
        ? 'error'
        : results.some((result) => result.outcome === 'warnings')
          ? 'warning'
          : 'ok',
    sections: [
      {
        kind: 'table',
        columns: [
          { name: 'Service' },
          { name: 'Guest' },
          { name: 'Result' },
          { name: 'Down', align: 'right' },
          { name: 'Detail' },
        ],
        rows: [...failed, ...results.filter((result) => !failed.includes(result))].map((result) => [
          result.name,
          guestPlace(result),
          outcome(result),
          result.downMs === undefined ? '' : duration(result.downMs),
          result.detail,
        ]),
      },
    ],
    ...(failed.length === 0
      ? {}
      : {
          buttons: [
            {
              label: 'Try the failed again',
              action: { kind: 'command' as const, text: `${action} ${again}` },
            },
          ],
        }),
  }
}

const outcome = (result: PowerResult): Cell => ({
  text: result.outcome,
  tone: isFailed(result) ? 'error' : result.outcome === 'warnings' ? 'warning' : 'ok',
})

function fieldsOf(result: PowerResult): readonly { name: string; value: string }[] {
  return [
    { name: 'Guest', value: guestPlace(result) },
    ...(result.downMs === undefined ? [] : [{ name: 'Down for', value: duration(result.downMs) }]),
    ...(result.outcome === 'unchanged'
      ? []
      : [{ name: result.healthy === undefined ? 'State' : 'Health', value: result.detail }]),
  ]
}
