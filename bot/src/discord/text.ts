/** Text of others, made safe to show: what a name or a log contains must neither format, nor ping, nor reorder a message. */

// Marks that turn the reading direction of all that follows, and characters that nobody sees. The joiners of
// emoji and of Persian words stay.
const invisible = /[\u061C\u200B\u200E\u200F\u202A-\u202E\u2060-\u2069\uFEFF\u{E0001}]/gu
const controls = /\p{Cc}/gu

/** Well-formed, without control characters but line ends and tabs, and without invisible ones. */
export const clean = (text: string): string =>
  text
    .toWellFormed()
    .replace(/\r\n?/g, '\n')
    .replace(controls, (char) => (char === '\n' || char === '\t' ? char : ''))
    .replace(invisible, '')

/** On one line. */
export const oneLine = (text: string): string => clean(text).replace(/\s+/g, ' ').trim()

const links = /(https?:\/\/[^\s<>]+)/
const inline = /[\\*_~`|[\]<]/g
/** `:name:` becomes an emoji in the client. */
const shortcode = /:(?=[a-zA-Z0-9_+-]+:)/g
const lineStart = /^(\s*)([>#+-]|\d+(?=\.))/gm

/** Markdown that shows this text as it is. Addresses stay as they are: in them a backslash would show. */
export const literal = (text: string): string =>
  atLineStart(
    clean(text)
      .split(links)
      .map((part, index, parts) => {
        const next = parts[index + 1]
        return index % 2 === 1
          ? link(part, next ?? '')
          : next === undefined
            ? marked(part)
            : beforeLink(marked(part))
      })
      .join(''),
  )

/** As `literal`, where other marks stand around it: nothing in it is a link. */
export const literalLabel = (text: string): string =>
  atLineStart(marked(clean(text)).replace(/(https?):\/\//g, '$1:\\/\\/'))

const marked = (text: string): string => text.replace(inline, '\\$&').replace(shortcode, '\\:')

const atLineStart = (text: string): string =>
  text.replace(lineStart, (_, space: string, mark: string) =>
    /\d/.test(mark) ? `${space}${mark}\\` : `${space}\\${mark}`,
  )

// `:http:` would be a shortcode.
const beforeLink = (part: string): string => part.replace(/:$/, '\\:')

/** An address ends where a space does, or where it is told to: the mark of what follows would be taken for a part of it. */
const link = (address: string, next: string): string =>
  next === '' || /^\s/.test(next) ? address : `<${address}>`

// No character of these is two units long or joins with the one before.
const simple = /^[\u0020-\u02FF\n]*$/

/** The first so many units of it at most, never half a character. */
export function cut(text: string, max: number): string {
  if (text.length <= max) return text
  const part = text.slice(0, Math.max(0, max))
  return simple.test(part) ? part : part.toWellFormed().replace(/\uFFFD$/, '')
}

/** As `cut`, and says so with `…`. */
export const shorten = (text: string, max: number): string =>
  text.length <= max ? text : `${cut(text, max - 1).trimEnd()}…`

/** As `cut`, of what `literal` made: a last backslash would escape what follows. */
export const cutEscaped = (text: string, max: number): string =>
  text.length <= max ? text : cut(text, max).replace(/\\+$/, '')

const graphemes = new Intl.Segmenter(undefined, { granularity: 'grapheme' })
const wide =
  /^(?:\p{Emoji_Presentation}|.\uFE0F|[\u1100-\u115F\u2E80-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF00-\uFF60\u{20000}-\u{3FFFD}])/u

/** Columns of a fixed-width font. */
export function widthOf(text: string): number {
  if (simple.test(text)) return text.length
  let width = 0
  for (const { segment } of graphemes.segment(text)) width += wide.test(segment) ? 2 : 1
  return width
}

export const pad = (text: string, columns: number, right: boolean): string => {
  const space = ' '.repeat(Math.max(0, columns - widthOf(text)))
  return right ? space + text : text + space
}

/** A code block cannot be left from inside: what would end it is pulled apart, invisibly. */
export const codeBlock = (text: string): string => `\`\`\`\n${text.replaceAll('``', '`\u200B`')}\n\`\`\``

export const count = (number: number): string => number.toLocaleString('en')
