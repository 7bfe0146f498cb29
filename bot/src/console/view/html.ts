/** Markup as values. Everything that goes into a template is escaped unless it is markup itself. */
import { html, raw } from 'hono/html'

export { html }
export type Html = ReturnType<typeof html>

/** @throws when a template was given a promise: views get finished data */
export function render(markup: Html): string {
  if (markup instanceof Promise) throw new TypeError('A view was given a promise.')
  return markup.toString()
}

/** Controls, and marks that turn around the direction of all that follows on the line. */
const unseen =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]|\p{Surrogate}/gu

/** Markup in which no name does to its neighbours what nobody sees. */
export const shown = (markup: Html): Html => raw(render(markup).replace(unseen, ''))

/** JSON whose text survives `shown`. */
export const keptInJson = (json: string): string =>
  json.replace(unseen, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`)

/** `2 min ago`; from a day on the date, in the server's time zone until the page has put its own. */
export function relative(at: string, now: Date): string {
  const seconds = Math.round((now.getTime() - Date.parse(at)) / 1000)
  if (!Number.isFinite(seconds)) return ''
  if (seconds < 10) return 'just now'
  if (seconds < 60) return `${seconds} s ago`
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`
  if (seconds < 86_400) return `${Math.floor(seconds / 3600)} h ago`
  return new Date(at).toISOString().slice(0, 16).replace('T', ' ')
}

export const time = (at: string, now: Date): Html =>
  html`<time datetime="${at}" title="${at}">${relative(at, now)}</time>`

/** Text that may be as long as a command can be garbage. */
export const clip = (text: string, length: number): string =>
  text.length > length ? `${text.slice(0, length)}…` : text

/** Our texts quote what one can type in backticks; everything else in them is plain. */
export const prose = (text: string): Html =>
  html`${text.split(/`([^`\n]+)`/).map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`
