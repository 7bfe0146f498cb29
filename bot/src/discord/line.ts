/** What was filled in, in a slash command or a form, as the line that one would type. */
import { type Field, fieldsOf, type Operation, optionName } from '@homelab/core'

/** By option name. */
export type Values = Readonly<Record<string, string | number | boolean>>

/** `<@123>` of a mention that was picked is who it stands for. */
export const mentionsAsIds = (text: string): string => text.replace(/<@!?(\d{15,21})>/g, 'discord:$1')

const quotes = [
  ['"', '"'],
  ["'", "'"],
  ['“', '”'],
  ['«', '»'],
] as const

/** One word of the grammar. Of a text with every kind of quotes the plain ones become apostrophes. */
export function quoted(value: string): string {
  if (value !== '' && !/[\s"'“”‘’«»]/.test(value)) return value
  const pair = quotes.find(([, close]) => !value.includes(close))
  return pair === undefined ? `"${value.replaceAll('"', "'")}"` : pair[0] + value + pair[1]
}

export function lineOf(operation: Operation, values: Values): string {
  const words = [operation.chat]
  const fields = fieldsOf(operation)
  const positional = fields
    .filter(({ position }) => position !== undefined)
    .toSorted((a, b) => (a.position ?? 0) - (b.position ?? 0))
  let inOrder = true
  const named: string[] = []
  for (const field of [...positional, ...fields.filter(({ position }) => position === undefined)]) {
    const name = optionName(field.name)
    const value = values[name]
    if (value === undefined) {
      inOrder = false
      continue
    }
    const text = mentionsAsIds(String(value).trim())
    if (field.position !== undefined && inOrder && staysPlain(field, text)) words.push(text)
    else named.push(...namedValue(field, name, text))
  }
  return [...words, ...named].join(' ')
}

/** Where a word alone cannot be taken for an option. A list is the words that were typed. */
const staysPlain = ({ kind }: Field, text: string): boolean =>
  kind === 'list' ? text !== '' : quoted(text) === text && !/^-|:/.test(text)

/** Of a list that must be named each item is one. */
const namedValue = ({ kind }: Field, name: string, text: string): readonly string[] =>
  kind === 'list'
    ? text.split(/[\s,]+/).flatMap((item) => (item === '' ? [] : [`${name}:${quoted(item)}`]))
    : [`${name}:${quoted(text)}`]
