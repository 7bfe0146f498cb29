/** Words for numbers, and the cards that every surface shares: plans, errors, help. */
import type { ErrorData } from '../errors.ts'
import type { Card, Cell, Section } from './card.ts'
import { type Field, fieldsOf } from './fields.ts'
import { optionName, usage } from './grammar.ts'
import type { Operation, Plan } from './types.ts'

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

/** 1536 → `1.5 KiB`. */
export function bytes(count: number): string {
  let value = count
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit++
  }
  return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`
}

/** 0.834 → `83 %`. */
export const percent = (share: number): string =>
  Number.isFinite(share) ? `${Math.round(share * 100)} %` : '–'

/** Milliseconds → `0.8 s`, `42 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`: the two largest units. */
export function duration(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  const parts: [number, string][] = [
    [Math.floor(whole / 86_400), 'd'],
    [Math.floor(whole / 3600) % 24, 'h'],
    [Math.floor(whole / 60) % 60, 'min'],
    [whole % 60, 's'],
  ]
  const first = parts.findIndex(([count]) => count > 0)
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${count} ${unit}`)
    .join(' ')
}

/** `CT 110 on pve`. */
export const guestPlace = (guest: { vmid: number; type: 'lxc' | 'qemu'; node: string }): string =>
  `${guest.type === 'lxc' ? 'CT' : 'VM'} ${guest.vmid} on ${guest.node}`

/** A cell in a tone that says how full something is. */
export function share(part: number, whole: number, warn = 0.8, crit = 0.9): Cell {
  if (whole <= 0) return '–'
  const value = part / whole
  return { text: percent(value), tone: value >= crit ? 'error' : value >= warn ? 'warning' : 'neutral' }
}

export function errorCard(
  error: ErrorData,
  context?: { readonly title?: string; readonly log?: readonly string[] },
): Card {
  const log = context?.log ?? (Array.isArray(error.data?.log) ? error.data.log.map(String) : [])
  const sections: Section[] = []
  if (error.hint !== undefined) sections.push({ kind: 'text', title: 'Next step', text: error.hint })
  if (log.length > 0)
    sections.push({
      kind: 'code',
      title: 'Last lines of the log',
      text: log.slice(-15).join('\n'),
      keep: 'end',
    })
  const bug = error.code === 'bug'
  return {
    title: context?.title ?? (bug ? 'Something broke in homelab itself' : titles[error.code]),
    tone: error.code === 'cancelled' || error.code === 'usage' ? 'warning' : 'error',
    text: error.message,
    ...(sections.length === 0 ? {} : { sections }),
  }
}

const titles: Record<ErrorData['code'], string> = {
  usage: 'I did not understand that',
  config: 'The configuration is wrong',
  'not-found': 'Not found',
  ambiguous: 'Which one?',
  denied: 'Not allowed',
  unauthorised: 'Refused: a permission is missing',
  untrusted: 'Identity check failed',
  locked: 'Locked',
  conflict: 'Not possible as things are',
  unreachable: 'No connection',
  timeout: 'It took too long',
  unclear: 'Unclear whether it happened',
  cancelled: 'Cancelled',
  failed: 'It failed',
  bug: 'Something broke',
}

/** What will happen, for a dry run or a confirmation. */
export function planCard(operation: Operation, plan: Plan, kind: 'dry-run' | 'confirm'): Card {
  const sections: Section[] = [{ kind: 'list', title: 'What will happen', items: plan.steps }]
  if (plan.affects.length > 0) {
    sections.push({
      kind: 'list',
      title: 'What will notice',
      items: plan.affects.map((a) => `${a.name}: ${a.why}`),
    })
  }
  if (plan.warnings.length > 0) sections.push({ kind: 'list', title: 'Mind', items: plan.warnings })
  const lockout = plan.lockout ?? []
  if (lockout.length > 0) sections.push({ kind: 'list', title: 'It takes me down with it', items: lockout })
  return {
    title: kind === 'dry-run' ? `Dry run: ${plan.summary}` : `${plan.summary}?`,
    tone:
      plan.warnings.length > 0 || lockout.length > 0 || operation.risk === 'destructive'
        ? 'warning'
        : 'neutral',
    ...(kind === 'dry-run' ? { text: 'Nothing was changed.' } : {}),
    sections,
  }
}

/** The commands that the caller is offered, by what they are about. */
export function helpCard(
  operations: readonly { readonly chat: string; readonly title: string }[],
  group?: string,
): Card {
  const chosen =
    group === undefined
      ? operations
      : operations.filter((operation) => operation.chat.startsWith(`${group} `))
  return {
    title: group === undefined ? 'What you can do' : `${group}: what you can do`,
    tone: 'neutral',
    sections: [
      {
        kind: 'table',
        columns: [{ name: 'Command' }, { name: 'What it does' }],
        rows: chosen.map((operation) => [operation.chat, operation.title]),
      },
      { kind: 'text', text: 'Add --help to a command for its options, --dry-run to see what it would do.' },
    ],
  }
}

export function operationHelpCard(operation: Operation): Card {
  const fields = fieldsOf(operation)
  const sections: Section[] = [{ kind: 'code', title: 'Usage', text: usage(operation), keep: 'start' }]
  if (fields.length > 0) {
    sections.push({
      kind: 'table',
      title: 'Options',
      columns: [{ name: 'Name' }, { name: 'Meaning' }, { name: 'Default' }],
      rows: fields.map((field) => [
        optionName(field.name),
        meaning(field),
        field.required ? 'required' : String(field.default ?? ''),
      ]),
    })
  }
  if (operation.examples !== undefined)
    sections.push({ kind: 'list', title: 'Examples', items: operation.examples })
  const risk =
    operation.risk === 'read'
      ? 'changes nothing'
      : operation.risk === 'change'
        ? 'a change'
        : 'destructive: asks first'
  return {
    title: operation.chat,
    tone: 'neutral',
    text: `${operation.title}. ${operation.description}`,
    sections,
    footer: `${risk} · for ${forWhom(operation)}`,
  }
}

/** `operators`, `everyone`. */
export const forWhom = ({ permission }: Operation): string =>
  permission === 'everyone' ? permission : `${permission}s`

function meaning(field: Field): string {
  const range = field.min !== undefined && field.max !== undefined ? ` (${field.min} to ${field.max})` : ''
  const choices = field.choices === undefined ? '' : ` (${field.choices.join(', ')})`
  return `${field.description}${choices}${field.kind === 'text' || field.kind === 'list' ? '' : range}`
}

/** `+1.5 GiB`: by how many bytes it has grown; `–` when nobody knows. */
export function grown(now: number | undefined, before: number | undefined): string {
  if (now === undefined || before === undefined) return '–'
  const more = now - before
  return more === 0 ? 'the same' : `${more > 0 ? '+' : '−'}${bytes(Math.abs(more))}`
}
