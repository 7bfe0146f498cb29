/** The words of a command line, with their places, quotes resolved. The first half of the grammar. */
import { HomelabError } from '../errors.ts'

export interface Word {
  /** With quotes and escapes resolved. */
  readonly text: string
  /** Index of its first character in the line. */
  readonly start: number
  /** True when any of it was quoted. */
  readonly quoted: boolean
  /** True when it begins with a quote: it is a value then, never an option. */
  readonly literal: boolean
}

export const maxCommandLength = 4_000

// Phones turn quotes into these while one types.
const openers: Record<string, string> = { '"': '"', "'": "'", '“': '”', '‘': '’', '«': '»' }

/**
 * @param lenient an open quote at the end is taken as closed there: for completion while typing
 * @throws HomelabError `usage` on an open quote, or a line over 4,000 characters
 */
export function wordsOf(line: string, lenient = false): readonly Word[] {
  if (line.length > maxCommandLength) {
    throw new HomelabError(
      'usage',
      `A command may have ${maxCommandLength.toLocaleString('en')} characters; this one has ${line.length.toLocaleString('en')}.`,
      { hint: 'Type `help` for the commands.' },
    )
  }
  const words: Word[] = []
  let index = 0
  let closed = -1
  while (index < line.length) {
    if (/\s/.test(line.charAt(index))) {
      index++
      continue
    }
    const start = index
    let text = ''
    let quoted = false
    let literal = false
    while (index < line.length && !/\s/.test(line.charAt(index))) {
      const char = line.charAt(index)
      const closer = openers[char]
      // A quote opens only at the start of a word or of a value, or right after another: `don't` is a word.
      if (closer !== undefined && (text === '' || index === closed || /[:=]$/.test(text))) {
        const end = line.indexOf(closer, index + 1)
        if (end < 0 && !lenient) {
          throw new HomelabError('usage', `The quote opened at character ${index + 1} is never closed.`, {
            hint: `Add a closing ${closer}`,
          })
        }
        const close = end < 0 ? line.length : end
        text += line.slice(index + 1, close)
        quoted = true
        literal ||= index === start
        index = close + 1
        closed = index
      } else {
        text += char
        index++
      }
    }
    words.push({ text, start, quoted, literal })
  }
  return words
}

/** A value as one would have to type it. */
export const quoteWord = (value: string): string =>
  value !== '' && !/[\s"'“”‘’«»]/.test(value) ? value : quoted(value)

/** So that nothing in it is taken for an option. */
export function quoted(value: string): string {
  if (!value.includes('"')) return `"${value}"`
  if (!value.includes("'")) return `'${value}'`
  return value
    .split('"')
    .map((part) => `"${part}"`)
    .join(`'"'`)
}
