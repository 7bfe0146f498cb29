/** Places in a text by its lines. Offsets are in characters. */

export interface Edit {
  readonly at: number
  /** Characters from there that go. */
  readonly remove?: number
  readonly insert: string
}

/** @param edits that do not overlap, with offsets of the text before */
export const apply = (text: string, edits: readonly Edit[]): string =>
  edits
    .toSorted((a, b) => b.at - a.at)
    .reduce((now, { at, remove = 0, insert }) => now.slice(0, at) + insert + now.slice(at + remove), text)

/** What ends the lines of this text. */
export const eolOf = (text: string): string => (/\r?\n/.exec(text)?.[0] === '\r\n' ? '\r\n' : '\n')

export const lineStart = (text: string, at: number): number =>
  at <= 0 ? byteOrderMark(text) : Math.max(text.lastIndexOf('\n', at - 1) + 1, byteOrderMark(text))

const byteOrderMark = (text: string): number => (text.startsWith('\uFEFF') ? 1 : 0)

/** Where the line behind this one begins. */
const nextLine = (text: string, at: number): number => {
  const end = text.indexOf('\n', at)
  return end === -1 ? text.length : end + 1
}

/** Where the line begins that follows what ends here. */
export const lineEnd = (text: string, at: number): number =>
  // A block of text takes its line end with it.
  at > 0 && text[at - 1] === '\n' ? at : nextLine(text, at)

export const columnOf = (text: string, at: number): number => at - lineStart(text, at)

/** Behind the comments from here on that are indented at least so far, and the empty lines between them. */
export function pastComments(text: string, from: number, indent: number): number {
  let end = from
  let at = from
  while (at < text.length) {
    const next = nextLine(text, at)
    const line = text.slice(at, next).trimEnd()
    const column = line.length - line.trimStart().length
    if (line !== '' && (line[column] !== '#' || column < indent)) return end
    if (line !== '') end = next
    at = next
  }
  return end
}
