/** What Discord suggests while somebody types an option: what the desk knows, from memory. */
import { type Caller, type Completion, fieldsOf, type Operation, optionName } from '@homelab/core'
import { limits } from './limits.ts'
import { quoted } from './line.ts'
import { oneLine, shorten } from './text.ts'

export interface Choice {
  readonly name: string
  readonly value: string
}

type Complete = (line: string, caller: Caller) => readonly Completion[]

/** For `do`: the whole line after choosing it. */
export const lineChoices = (complete: Complete, line: string, caller: Caller): readonly Choice[] =>
  choices(
    complete(line, caller).map((completion) => ({
      value: completion.line.trimEnd(),
      name: labelled(completion.line.trimEnd(), completion.label),
    })),
  )

/** For one option of an operation, as far as it is typed. */
export function optionChoices(
  complete: Complete,
  operation: Operation,
  option: string,
  typed: string,
  caller: Caller,
): readonly Choice[] {
  const field = fieldsOf(operation).find(({ name }) => optionName(name) === option)
  if (field === undefined) return []
  // Of a list the last word is being typed; those before it stay.
  const start = field.kind === 'list' ? Math.max(typed.lastIndexOf(' '), typed.lastIndexOf(',')) + 1 : 0
  const before = typed.slice(0, start)
  const taken = new Set(before.split(/[\s,]+/))
  const prefix = `${option}:`
  const line = `${operation.chat} ${prefix}${typed.slice(start) === '' ? '' : quoted(typed.slice(start))}`
  const values = complete(line, caller).flatMap(({ value, label }) => {
    if (!value.startsWith(prefix)) return []
    const own = unquoted(value.slice(prefix.length))
    return taken.has(own) ? [] : [{ value: before + own, name: labelled(before + own, label) }]
  })
  return choices(values)
}

const unquoted = (text: string): string => (/^(["']).*\1$/s.test(text) ? text.slice(1, -1) : text)

const labelled = (value: string, label: string): string => (label === '' ? value : `${value} · ${label}`)

/** A value that is too long cannot be offered: cut it would be another. */
function choices(all: readonly Choice[]): readonly Choice[] {
  const names = new Set<string>()
  return all
    .map(({ name, value }) => ({ name: shorten(oneLine(name), limits.optionText), value }))
    .filter(({ name, value }) => {
      if (value === '' || name === '' || value.length > limits.optionText || names.has(name)) return false
      names.add(name)
      return true
    })
    .slice(0, limits.choices)
}
