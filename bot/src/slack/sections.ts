/** One section of a card as blocks, within so many bytes: what has no room is counted, never dropped in silence. */
import type { Cell, Section, Tone } from '@homelab/core'
import type {
  KnownBlock,
  RichTextBlockElement,
  RichTextElement,
  RichTextSection,
  RichTextText,
} from '@slack/types'
import { maxMessageBytes, maxSectionText, maxTableColumns, maxTableRows, sizeOf } from './limits.ts'
import { cellText } from './plain.ts'
import { cut, cutToBytes, fit, more, shown } from './text.ts'

export interface Made {
  readonly blocks: readonly KnownBlock[]
  /** Whether anything of it is missing. */
  readonly cut: boolean
}

export interface Room {
  readonly bytes: number
  /** A message may have one table block; the others are lists. */
  readonly table: boolean
}

/** A tone is a sign before a word: colour alone says nothing to many people, and Slack has none in text. */
export const signs: Record<Tone, string> = { neutral: '', busy: '⏳', ok: '✅', warning: '⚠️', error: '❌' }

const maxHeading = 200
const maxItem = 1_000
const maxCell = 300

export function renderSection(section: Section, room: Room): Made {
  const made = bodyOf(section, room)
  return fit(section.title ?? '', maxHeading, true).cut ? { ...made, cut: true } : made
}

function bodyOf(section: Section, room: Room): Made {
  switch (section.kind) {
    case 'text':
      return within(room, (bytes) => textSection(section, bytes))
    case 'list':
      return within(room, (bytes) => lines(section.title, section.items, bytes, listed))
    case 'fields':
      return within(room, (bytes) => lines(section.title, section.fields, bytes, named))
    case 'code':
      return within(room, (bytes) => codeSection(section, bytes))
    case 'table':
      return section.columns.length > 0 && section.columns.length <= maxTableColumns && room.table
        ? within(room, (bytes) => tableSection(section, bytes))
        : within(room, (bytes) => lines(section.title, section.rows, bytes, rowOf(section)))
  }
}

/** What a piece of JSON costs around its text is only known when it is made: tried again with less until it fits. */
function within(room: Room, make: (bytes: number) => Made): Made {
  let bytes = Math.min(room.bytes, maxMessageBytes)
  for (let round = 0; round < 12 && bytes > 0; round++) {
    const made = make(bytes)
    const over = sizeOf(made.blocks) - room.bytes
    if (over <= 0) return made
    bytes -= over + 8
  }
  return { blocks: [], cut: true }
}

export const richText = (...elements: readonly RichTextBlockElement[]): KnownBlock => ({
  type: 'rich_text',
  elements: [...elements],
})

export const plain = (text: string, style?: RichTextText['style']): RichTextText => ({
  type: 'text',
  text,
  ...(style === undefined ? {} : { style }),
})

export const paragraph = (...elements: readonly RichTextElement[]): RichTextSection => ({
  type: 'rich_text_section',
  elements: [...elements],
})

export const note = (text: string): RichTextSection => paragraph(plain(text, { italic: true }))

const heading = (title: string | undefined): readonly RichTextBlockElement[] =>
  title === undefined ? [] : [paragraph(plain(fit(title, maxHeading, true).text, { bold: true }))]

/** Our texts quote what one can type in backticks; everything else in them is literal. */
export const prose = (text: string): readonly RichTextElement[] =>
  text
    .split(/`([^`\n]+)`/)
    .map((part, index) => plain(part, index % 2 === 1 ? { code: true } : undefined))
    .filter((element) => element.text !== '')

function textSection({ title, text }: Extract<Section, { kind: 'text' }>, bytes: number): Made {
  const whole = shown(text.slice(0, maxMessageBytes))
  const part = cutToBytes(cut(whole, maxSectionText), bytes)
  return {
    blocks: [richText(...heading(title), paragraph(...prose(part)))],
    cut: part !== whole || text.length > maxMessageBytes,
  }
}

function codeSection({ title, text, keep }: Extract<Section, { kind: 'code' }>, bytes: number): Made {
  const end = keep === 'end'
  const all = text.replace(/\n+$/, '')
  const near = shown(end ? all.slice(-maxMessageBytes) : all.slice(0, maxMessageBytes))
  const part = wholeLines(
    cutToBytes(cut(near, maxSectionText, keep ?? 'start'), bytes, keep ?? 'start'),
    near,
    end,
  )
  const missing = part !== near || all.length > maxMessageBytes
  const code: RichTextBlockElement = { type: 'rich_text_preformatted', elements: [plain(part)] }
  if (!missing) return { blocks: [richText(...heading(title), code)], cut: false }
  const gone = Math.max(1, linesOf(all) - linesOf(part))
  const said = note(more(gone, `${gone === 1 ? 'line' : 'lines'} ${end ? 'before' : 'after'} this`))
  return { blocks: [richText(...heading(title), ...(end ? [said, code] : [code, said]))], cut: true }
}

const linesOf = (text: string): number => {
  let count = 1
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++
  return count
}

/** A line cut in half reads as another line: it goes, unless hardly anything would be left. */
function wholeLines(part: string, whole: string, end: boolean): string {
  if (part === whole) return part
  const at = end ? part.indexOf('\n') : part.lastIndexOf('\n')
  if (at < 0) return part
  const kept = end ? part.slice(at + 1) : part.slice(0, at)
  return kept.length * 2 < part.length ? part : kept
}

interface Line {
  readonly elements: readonly RichTextElement[]
  readonly cut: boolean
}

const listed = (item: string): Line => {
  const { text, cut: missing } = fit(item, maxItem)
  return { elements: prose(text), cut: missing }
}

const named = (field: { readonly name: string; readonly value: string }): Line => {
  const [name, value] = [fit(field.name, maxHeading, true), fit(field.value, maxItem)]
  return {
    elements: [plain(`${name.text}: `, { bold: true }), plain(value.text)],
    cut: name.cut || value.cut,
  }
}

/** A row of a table that is a list here: its first cell, then the others by name. */
const rowOf =
  ({ columns }: Extract<Section, { kind: 'table' }>) =>
  ([first = '', ...rest]: readonly Cell[]): Line => {
    const others = rest
      .map((cell, index) => `${columns[index + 1]?.name ?? ''} ${toned(cell)}`.trim())
      .filter((text) => text !== '')
    const name = fit(toned(first), maxHeading, true)
    const more = fit(others.join(' · '), maxItem, true)
    return {
      elements: [
        plain(name.text, { bold: true }),
        ...(others.length === 0 ? [] : [plain(` · ${more.text}`)]),
      ],
      cut: name.cut || more.cut,
    }
  }

const toned = (cell: Cell): string => {
  const sign = typeof cell === 'string' ? '' : signs[cell.tone]
  return sign === '' ? cellText(cell) : `${sign} ${cellText(cell)}`
}

/** As many lines as there is room for, then how many there are besides. */
function lines<T>(
  title: string | undefined,
  items: readonly T[],
  bytes: number,
  lineOf: (item: T) => Line,
): Made {
  const elements: RichTextSection[] = []
  let chars = 0
  let used = 0
  let missing = false
  for (const item of items) {
    const line = lineOf(item)
    const element = paragraph(...line.elements)
    used += sizeOf(element) + 1
    chars += line.elements.reduce((sum, part) => sum + (part.type === 'text' ? part.text.length : 0), 0)
    if (used > bytes || chars > maxSectionText) break
    elements.push(element)
    missing ||= line.cut
  }
  const gone = items.length - elements.length
  const body: RichTextBlockElement[] = [
    ...heading(title),
    ...(elements.length === 0 ? [] : [{ type: 'rich_text_list', style: 'bullet', elements } as const]),
    ...(gone === 0 ? [] : [note(more(gone))]),
  ]
  return { blocks: body.length === 0 ? [] : [richText(...body)], cut: missing || gone > 0 }
}

function tableSection({ title, columns, rows }: Extract<Section, { kind: 'table' }>, bytes: number): Made {
  let missing = false
  const cellOf = (text: string) => {
    const cell = fit(text, maxCell, true)
    missing ||= cell.cut
    return { type: 'raw_text' as const, text: cell.text }
  }
  const table = [columns.map(({ name }) => cellOf(name))]
  let used = sizeOf(table)
  for (const row of rows) {
    const cells = columns.map((_, index) => cellOf(toned(row[index] ?? '')))
    used += sizeOf(cells) + 1
    if (used > bytes || table.length >= maxTableRows) break
    table.push(cells)
  }
  const gone = rows.length - (table.length - 1)
  const said =
    rows.length === 0 ? [note('None.')] : gone === 0 ? [] : [note(more(gone, gone === 1 ? 'row' : 'rows'))]
  return {
    blocks: [
      ...(title === undefined ? [] : [richText(...heading(title))]),
      {
        type: 'table',
        rows: table,
        column_settings: columns.map(({ align }) => ({ align: align ?? 'left', is_wrapped: true })),
      },
      ...(said.length === 0 ? [] : [richText(...said)]),
    ],
    cut: missing || gone > 0,
  }
}
