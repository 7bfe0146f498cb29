/** The form of an operation, for platforms that can show one: from a half-typed command, and back to a whole one. */
import { type Field, fieldsOf, type Operation, optionName, parseCommand, quoteWord } from '@homelab/core'

export interface Form {
  readonly operation: Operation
  /** Those without a default first; texts as one would type them. */
  readonly fields: readonly { readonly field: Field; readonly value: string }[]
}

/** @returns undefined when the text names no operation of these */
export function formOf(text: string, operations: readonly Operation[]): Form | undefined {
  const words = text.trim().split(/\s+/)
  const named = (count: number) => {
    const path = words.slice(0, count).join(' ').toLowerCase()
    return operations.find(({ chat }) => chat === path)
  }
  const operation = named(2) ?? named(1)
  if (operation === undefined) return undefined
  const said = inputOf(text, operation) ?? guessed(operation, words.slice(operation.chat.split(' ').length))
  return {
    operation,
    fields: fieldsOf(operation).map((field) => ({ field, value: textOf(said[field.name] ?? field.default) })),
  }
}

function inputOf(text: string, operation: Operation): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed = parseCommand(text, [operation])
    return parsed.kind === 'command' ? parsed.input : undefined
  } catch {
    // Half a command is no command yet.
    return undefined
  }
}

function guessed(operation: Operation, words: readonly string[]): Record<string, unknown> {
  const fields = fieldsOf(operation)
  const values: Record<string, unknown> = {}
  const inOrder = fields
    .filter(({ position }) => position !== undefined)
    .toSorted((a, b) => (a.position ?? 0) - (b.position ?? 0))
  for (const word of words) {
    const [, name, value] = /^(?:--)?([a-z][a-z0-9-]*)[:=](.+)$/i.exec(word) ?? []
    const named = fields.find((field) => optionName(field.name) === name?.toLowerCase())
    const field = named ?? inOrder.find((each) => each.kind === 'list' || values[each.name] === undefined)
    if (field === undefined) continue
    const said = named === undefined ? word : (value ?? '')
    const before = values[field.name]
    values[field.name] = field.kind === 'list' ? [...(Array.isArray(before) ? before : []), said] : said
  }
  return values
}

const textOf = (value: unknown): string => {
  if (value === undefined || value === null) return ''
  return Array.isArray(value) ? value.map((item) => quoteWord(String(item))).join(' ') : String(value)
}

/** The command of what was filled in, whatever it is: the grammar judges it. Empty fields are left out. */
export function commandOf(operation: Operation, values: Readonly<Record<string, string>>): string {
  const parts = fieldsOf(operation).flatMap((field) => {
    const value = values[field.name]?.trim() ?? ''
    if (value === '' || value === textOf(field.default)) return []
    if (field.kind === 'list') {
      const words = value.split(/[\s,]+/).filter((word) => word !== '')
      return field.position === undefined ? [`${optionName(field.name)}:${words.join(',')}`] : words
    }
    const word = quoteWord(value)
    return [field.position === undefined ? `${optionName(field.name)}:${word}` : word]
  })
  return [operation.chat, ...parts].join(' ')
}
