/** Text on its way into Slack: nothing in it may ping, link, hide, or break the layout. */

/** Controls, directions that turn the rest of a line around, and letters that are not there. */
const unseen =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu
/** Marks piled on one letter cover the lines above and below it. */
const piled = /(\p{M}{4})\p{M}+/gu

/** Also takes out lone surrogates, which no JSON parser has to take. */
export const clean = (text: string): string =>
  text.replace(/\r\n?/g, '\n').replace(unseen, '').replace(piled, '$1').toWellFormed()

/** Slack refuses an empty text; a name of joiners alone is one to the eye. */
export const shown = (text: string): string => {
  const ready = clean(text)
  return /(?!\u200c|\u200d|\ufe0f)\S/u.test(ready) ? ready : '–'
}

export const oneLine = (text: string): string => text.replace(/\s+/g, ' ').trim()

/** At most so many UTF-16 units, with `…` where it was cut; no character is cut in half. */
export function cut(text: string, length: number, keep: 'start' | 'end' = 'start'): string {
  if (text.length <= length) return text
  if (length <= 1) return '…'.slice(0, length)
  if (keep === 'end')
    return `…${text.slice(text.length - length + 1).replace(/^[\udc00-\udfff\p{M}\u200d]+/u, '')}`
  return `${text.slice(0, length - 1).replace(/[\ud800-\udbff\u200d]+$/, '')}…`
}

export interface Fitted {
  readonly text: string
  /** Whether anything that can be seen is missing. */
  readonly cut: boolean
}

/** What longer texts are cut to before anything is looked at: a megabyte in a table's cell costs nothing. */
const nearby = 12_000

/** Ready to be shown, within so many characters; never empty. @param flat on one line */
export function fit(text: string, length: number, flat = false): Fitted {
  const near = shown(text.slice(0, nearby))
  const whole = flat ? shown(oneLine(near)) : near
  const part = cut(whole, length)
  return { text: part, cut: part !== whole || text.length > nearby }
}

/** The longest beginning (or end) of a text whose JSON is within so many bytes; at least `…`, as Slack refuses nothing at all. */
export function cutToBytes(text: string, bytes: number, keep: 'start' | 'end' = 'start'): string {
  let length = Math.min(text.length, Math.max(0, bytes))
  let part = cut(text, length, keep)
  for (let over = bytesOf(part) - bytes; over > 0 && length > 0; over = bytesOf(part) - bytes) {
    // A character is at most six bytes in JSON, so this takes off a sixth of what is too much at least.
    length = Math.max(0, length - Math.max(1, Math.floor(over / 6)))
    part = cut(text, length, keep)
  }
  return part === '' && text !== '' ? '…' : part
}

/** In JSON, without its quotes. */
export const bytesOf = (text: string): number => Buffer.byteLength(JSON.stringify(text)) - 2

/** For the one text that Slack reads as markup: what notifications show. */
export const escapeMarkup = (text: string): string =>
  text.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;')

export const more = (count: number, what = ''): string =>
  `… ${count.toLocaleString('en')} more${what === '' ? '' : ` ${what}`}`
