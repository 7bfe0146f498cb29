/** Completion of a half-typed command: the same for the console, the CLI's shell completion and Discord's `do`. */
import type { Suggestion, SuggestKind } from '../inventory/types.ts'
import { type Field, fieldsOf } from './fields.ts'
import { commonOptions, findOperation, optionName } from './grammar.ts'
import type { Operation } from './types.ts'
import { quoteWord, type Word, wordsOf } from './words.ts'

export interface Completion {
  /** The whole line after choosing it. */
  readonly line: string
  /** What to show for it. */
  readonly value: string
  readonly label: string
}

export interface CompletionSource {
  readonly operations: readonly Operation[]
  suggest(kind: SuggestKind, typed: string, limit: number): readonly Suggestion[]
}

/** Never throws: a line that cannot be completed has no completions. At most `limit`. */
export function complete(line: string, source: CompletionSource, limit = 25): readonly Completion[] {
  try {
    return candidates(line, source, limit).slice(0, limit)
  } catch {
    return []
  }
}

function candidates(line: string, source: CompletionSource, limit: number): readonly Completion[] {
  const words = wordsOf(line, true)
  const typing = words.length > 0 && !/\s$/.test(line)
  const partial = typing ? words.at(-1) : undefined
  const before = typing ? words.slice(0, -1) : words
  const base = line.slice(0, partial?.start ?? line.length)
  const make = (value: string, label: string, space = ' '): Completion => ({
    line: `${base}${value}${space}`,
    value,
    label,
  })

  const commands = commandsAt(before, partial?.text ?? '', source.operations)
  if (commands.length > 0) return commands.map(({ word, label }) => make(word, label))
  const found = findOperation(before, source.operations)
  if ('group' in found) return []
  const fields = fieldsOf(found.operation)
  const text = partial?.text ?? ''

  const assigned = /^(?:--)?([a-z][a-z0-9-]*)[:=](.*)$/is.exec(text)
  const named = fields.find((field) => optionName(field.name) === assigned?.[1]?.toLowerCase())
  if (assigned !== null && named !== undefined) {
    const prefix = text.slice(0, text.length - (assigned[2] ?? '').length)
    return valuesOf(named, assigned[2] ?? '', source, limit).map((s) =>
      make(`${prefix}${quoteWord(s.value)}`, s.label ?? ''),
    )
  }
  const pending = optionBefore(before.at(-1), fields)
  if (pending !== undefined) {
    return valuesOf(pending, text, source, limit).map((s) => make(quoteWord(s.value), s.label ?? ''))
  }
  const options = fields
    .filter((field) => field.position === undefined)
    .map((field) => ({ name: `--${optionName(field.name)}`, label: field.description }))
    .concat(
      commonOptions.map((name) => ({
        name: `--${name}`,
        label: name === 'help' ? 'Explain it' : 'Show the plan, do nothing',
      })),
    )
    .filter(({ name }) => !before.some((word) => word.text.startsWith(name)))
  if (text.startsWith('-'))
    return options.filter((o) => o.name.startsWith(text)).map((o) => make(o.name, o.label))

  const position = found.rest.filter(
    (word, index) =>
      optionBeforeOrSelf(word) === undefined && optionBefore(found.rest[index - 1], fields) === undefined,
  ).length
  const positional = fields.find((field) => field.position === position) ?? lastList(fields)
  const used = new Set(found.rest.map((word) => word.text))
  const values =
    positional === undefined
      ? []
      : valuesOf(positional, text, source, limit).filter((s) => !used.has(s.value))
  const shown = values.map((s) => make(quoteWord(s.value), s.label ?? ''))
  return text === '' ? [...shown, ...options.map((o) => make(o.name, o.label))] : shown
}

const optionBeforeOrSelf = (word: Word): string | undefined =>
  word.text.startsWith('--') || /^[a-z-]+:/i.test(word.text) ? word.text : undefined

/** The field whose value comes next after `--name`; a flag takes none. */
function optionBefore(word: Word | undefined, fields: readonly Field[]): Field | undefined {
  if (word === undefined || !word.text.startsWith('--') || word.text.includes('=')) return undefined
  const field = fields.find((candidate) => `--${optionName(candidate.name)}` === word.text)
  return field?.kind === 'boolean' ? undefined : field
}

const lastList = (fields: readonly Field[]): Field | undefined =>
  fields.find((field) => field.kind === 'list' && field.position !== undefined)

function commandsAt(before: readonly Word[], typed: string, operations: readonly Operation[]) {
  const prefix = before.map((word) => word.text.toLowerCase()).join(' ')
  const start = prefix === '' ? '' : `${prefix} `
  const seen = new Map<string, string>()
  for (const operation of operations) {
    if (!operation.chat.startsWith(start + typed.toLowerCase())) continue
    const [word, more] = operation.chat.slice(start.length).split(' ')
    if (word === undefined || word === '') continue
    const group =
      more === undefined
        ? operation.title
        : operations
            .filter((other) => other.chat.startsWith(`${start}${word} `))
            .map((other) => other.chat.split(' ').at(-1))
            .join(', ')
    if (!seen.has(word)) seen.set(word, group)
  }
  return [...seen].map(([word, label]) => ({ word, label }))
}

function valuesOf(
  field: Field,
  typed: string,
  source: CompletionSource,
  limit: number,
): readonly Suggestion[] {
  const fixed = field.kind === 'boolean' ? ['true', 'false'] : field.choices
  if (fixed !== undefined)
    return fixed.filter((v) => v.startsWith(typed.toLowerCase())).map((value) => ({ value }))
  if (field.suggest === undefined) return []
  // `radarr,son`: the last item of a list is being typed.
  const comma = field.kind === 'list' ? typed.lastIndexOf(',') + 1 : 0
  return source
    .suggest(field.suggest, typed.slice(comma), limit)
    .map((s) => ({ ...s, value: typed.slice(0, comma) + s.value }))
}
