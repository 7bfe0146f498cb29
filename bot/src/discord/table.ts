/** A table in a fixed-width font, as wide as a phone: a row that does not fit is folded, so that nothing is cut. */
import type { Cell, Section } from '@homelab/core'
import { oneLine, pad, widthOf } from './text.ts'

type Table = Extract<Section, { kind: 'table' }>

/** Columns that a phone shows in a code block of a message before it wraps. */
const phone = 44
/** Between two columns. */
const gap = '  '
const indent = '  '
/** Columns that the text of a last column needs to be broken below itself. */
const leastHanging = 20
const rightToLeft = /[\u0590-\u08FF\uFB1D-\uFDFF\uFE70-\uFEFC]/

const marks = { neutral: '', busy: '', ok: '', warning: '! ', error: '✗ ' } as const

/** In a fixed-width font a tone is a mark. */
export function cellText(cell: Cell | undefined): string {
  if (cell === undefined) return ''
  const text = oneLine(typeof cell === 'string' ? cell : cell.text)
  return typeof cell === 'string' || text === '' ? text : marks[cell.tone] + text
}

// Its own direction stays inside the cell.
const isolated = (text: string): string => (rightToLeft.test(text) ? `\u2068${text}\u2069` : text)

/** Each row as one text of one or more lines, the head first when there is one. */
export function tableRows({ columns, rows }: Table, most: number): readonly string[] {
  const cells = rows.slice(0, most).map((row) => columns.map((_, index) => cellText(row[index])))
  const names = columns.map(({ name }) => oneLine(name))
  // A column without a value says nothing.
  const used = columns.map((_, index) => cells.some((row) => row[index] !== ''))
  const kept = columns.flatMap((column, index) =>
    used[index] === true || cells.length === 0
      ? [{ right: column.align === 'right', name: names[index] ?? '', at: index }]
      : [],
  )
  const all = [kept.map(({ name }) => name), ...cells.map((row) => kept.map(({ at }) => row[at] ?? ''))]
  const widths = kept.map((_, index) => Math.max(...all.map((row) => widthOf(row[index] ?? ''))))
  const layout: Layout = { widths, right: kept.map(({ right }) => right), inLine: lineUp(widths) }
  const shown = all.map((row) => (hangs(layout) ? hangingRow(row, layout) : foldedRow(row, layout)))
  return names.every((name) => name === '') ? shown.slice(1) : shown
}

interface Layout {
  readonly widths: readonly number[]
  readonly right: readonly boolean[]
  /** How many of the first columns stand side by side. */
  readonly inLine: number
}

function lineUp(widths: readonly number[]): number {
  let width = 0
  for (const [index, own] of widths.entries()) {
    width += (index === 0 ? 0 : gap.length) + own
    if (width > phone) return Math.max(1, index)
  }
  return widths.length
}

const before = ({ widths }: Layout): number =>
  widths.slice(0, -1).reduce((sum, width) => sum + width + gap.length, 0)

/** Only the last column is too wide, and there is room to break its text below itself. */
const hangs = (layout: Layout): boolean =>
  layout.inLine === layout.widths.length - 1 &&
  layout.right.at(-1) === false &&
  phone - before(layout) >= leastHanging

function hangingRow(row: readonly string[], layout: Layout): string {
  const [first = '', ...more] = wrapped([row.at(-1) ?? ''], phone - before(layout))
  const space = ' '.repeat(before(layout))
  const lead = row.slice(0, -1).map((text, index) => padded(text, index, layout) + gap)
  return [lead.join('') + first, ...more.map((line) => space + line)].map((line) => line.trimEnd()).join('\n')
}

function foldedRow(row: readonly string[], layout: Layout): string {
  const { inLine } = layout
  const first = row.slice(0, inLine).map((text, index) => padded(text, index, layout))
  const rest = row.slice(inLine).filter((text) => text !== '')
  const more = wrapped(rest, phone - indent.length).map((line) => indent + line)
  return [first.join(gap).trimEnd(), ...more].join('\n')
}

/** Of a first column that is wider than a line no row is filled up. */
const padded = (text: string, index: number, { widths, right }: Layout): string =>
  pad(text, Math.min(widths[index] ?? 0, phone), right[index] === true).replace(text, () => isolated(text))

/** `a · b · c` in lines that fit, broken between values and, where one is longer than a line, between words. */
function wrapped(values: readonly string[], room: number): readonly string[] {
  const lines: string[] = []
  let line = ''
  for (const value of values) {
    const joined = line === '' ? value : `${line} · ${value}`
    if (widthOf(joined) <= room) {
      line = joined
      continue
    }
    if (line !== '') lines.push(line)
    line = ''
    for (const word of value.split(' ')) {
      const longer = line === '' ? word : `${line} ${word}`
      if (widthOf(longer) > room && line !== '') {
        lines.push(line)
        line = word
      } else line = longer
    }
  }
  if (line !== '') lines.push(line)
  return lines.map(isolated)
}
