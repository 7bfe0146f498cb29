/** A card on a terminal. */
import { stripVTControlCharacters, styleText } from 'node:util'
import type { Card, Cell, Progress, Section, Tone } from '@homelab/core'
import { bytes } from '@homelab/core'

type Style = Parameters<typeof styleText>[0]

const styles: Record<Tone, Style> = {
  neutral: 'reset',
  busy: 'cyan',
  ok: 'green',
  warning: 'yellow',
  error: 'red',
}
const marks: Record<Tone, string> = { neutral: '·', busy: '…', ok: '✓', warning: '!', error: '✗' }

export interface RenderOptions {
  readonly color: boolean
  readonly width: number
}

/** What comes from a container's log must not move the cursor or retitle the terminal. */
const controls = /\p{Cc}/gu
const clean = (text: string): string =>
  stripVTControlCharacters(text).replace(controls, (char) => (char === '\n' || char === '\t' ? char : ''))

export function renderCard(card: Card, options: RenderOptions): string {
  const paint = painter(options.color)
  const lines = [
    paint(['bold', styles[card.tone]].flat() as Style, `${marks[card.tone]} ${clean(card.title)}`),
  ]
  if (card.text !== undefined) lines.push(indent(clean(card.text)))
  for (const section of card.sections ?? []) {
    if (section.title !== undefined) lines.push('', paint('bold', `  ${clean(section.title)}`))
    lines.push(...renderSection(section, options))
  }
  const files = (card.attachments ?? []).map(
    ({ name, text }) => `  - ${clean(name)}, ${bytes(Buffer.byteLength(text))}`,
  )
  if (files.length > 0)
    lines.push('', paint('bold', '  Attached; add `> file` to the command to keep it'), ...files)
  const commands = (card.buttons ?? []).flatMap(({ action }) =>
    action.kind === 'command' ? [action.text] : [],
  )
  if (commands.length > 0)
    lines.push('', paint('dim', `  next: ${commands.map((text) => `homelab ${clean(text)}`).join('  |  ')}`))
  if (card.footer !== undefined) lines.push(paint('dim', `  ${clean(card.footer)}`))
  return `${lines.join('\n')}\n`
}

const painter =
  (color: boolean) =>
  (style: Style, text: string): string =>
    color ? styleText(style, text, { validateStream: false }) : text

const indent = (text: string, by = '  '): string =>
  text
    .split('\n')
    .map((line) => by + line)
    .join('\n')

function renderSection(section: Section, options: RenderOptions): readonly string[] {
  switch (section.kind) {
    case 'text':
    case 'code':
      return [indent(clean(section.text))]
    case 'list':
      return section.items.map((item) => `  - ${clean(item)}`)
    case 'fields': {
      const width = Math.max(...section.fields.map(({ name }) => name.length))
      return section.fields.map(({ name, value }) => `  ${name.padEnd(width)}  ${clean(value)}`)
    }
    case 'table':
      return renderTable(section, options)
  }
}

const textOf = (cell: Cell): string => clean(typeof cell === 'string' ? cell : cell.text)

function renderTable(
  table: Extract<Section, { kind: 'table' }>,
  { color, width }: RenderOptions,
): readonly string[] {
  const paint = painter(color)
  const widths = table.columns.map(({ name }, index) =>
    Math.max(name.length, ...table.rows.map((row) => textOf(row[index] ?? '').length)),
  )
  // The widest column gives way, so that a row stays a line.
  const room = Math.max(width, 40) - 2 - 2 * (widths.length - 1)
  for (let over = sum(widths) - room; over > 0; over = sum(widths) - room) {
    const widest = widths.indexOf(Math.max(...widths))
    const now = widths[widest] ?? 0
    if (now <= 8) break
    widths[widest] = Math.max(8, now - over)
  }
  const fit = (text: string, index: number) => {
    const size = widths[index] ?? text.length
    const cut = text.length > size ? `${text.slice(0, size - 1)}…` : text
    return table.columns[index]?.align === 'right' ? cut.padStart(size) : cut.padEnd(size)
  }
  const line = (cells: readonly string[]) => `  ${cells.join('  ')}`.trimEnd()
  return [
    paint('dim', line(table.columns.map(({ name }, index) => fit(name, index)))),
    ...table.rows.map((row) =>
      line(
        row.map((cell, index) => {
          const text = fit(textOf(cell), index)
          return typeof cell === 'string' || cell.tone === 'neutral' ? text : paint(styles[cell.tone], text)
        }),
      ),
    ),
  ]
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0)

/** One line that fits: `[#####-----] 3 of 6 · plex: waiting`. */
export function renderProgress({ text, done, total, unit }: Progress, width: number): string {
  const counted = done !== undefined && total !== undefined && total > 0
  const bar = counted ? `[${'#'.repeat(Math.round((done / total) * 20)).padEnd(20, '-')}] ` : ''
  const amount = (value: number) =>
    unit === 'bytes' ? bytes(value) : unit === 'percent' ? `${Math.round(value)} %` : String(value)
  const count = counted
    ? unit === 'percent'
      ? `${amount(done)} · `
      : `${amount(done)} of ${amount(total)} · `
    : ''
  return `${bar}${count}${clean(text)}`.slice(0, Math.max(20, width - 1))
}
