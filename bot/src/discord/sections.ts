/** The parts of a card as Markdown, each within a budget of characters. */
import type { CardProgress, Section } from '@homelab/core'
import { progressView } from '../chat/progress.ts'
import { tableRows } from './table.ts'
import { clean, codeBlock, count, cut, cutEscaped, literal, literalLabel, oneLine, shorten } from './text.ts'

export interface Block {
  readonly text: string
  /** Something did not fit. */
  readonly cut: boolean
}

/** At most `room` characters of it. */
export type Part = (room: number) => Block

const whole = (text: string): Block => ({ text, cut: false })

export const textPart =
  (text: string): Part =>
  (room) => {
    const escaped = literal(cut(text, room * 2))
    if (escaped.length <= room && text.length <= room * 2) return whole(escaped)
    return { text: `${cutEscaped(escaped, room - 1).trimEnd()}…`, cut: true }
  }

export function progressPart(progress: CardProgress, now: Date): Part {
  const { bar, text } = progressView(progress, now)
  const began = progress.startedAt === undefined ? Number.NaN : Date.parse(progress.startedAt)
  return (room) => {
    // The client counts this on by itself, between two edits.
    const clock = Number.isFinite(began) ? `\n-# began <t:${Math.floor(began / 1000)}:R>` : ''
    const lead = bar === undefined ? '' : `${bar}\n`
    const shown = textPart(text)(room - lead.length - clock.length)
    return { text: lead + shown.text + clock, cut: shown.cut }
  }
}

export const sectionPart =
  (section: Section): Part =>
  (room) => {
    const title =
      section.title === undefined || oneLine(section.title) === ''
        ? ''
        : `**${cutEscaped(literalLabel(shorten(oneLine(section.title), 100)), 150)}**\n`
    const body = bodyOf(section)(room - title.length)
    return { text: title + body.text, cut: body.cut || (section.title?.length ?? 0) > 100 }
  }

function bodyOf(section: Section): Part {
  switch (section.kind) {
    case 'text':
      return textPart(section.text)
    case 'list':
      return linesPart(section.items.length, (index) => `- ${item(section.items[index])}`)
    case 'fields':
      return linesPart(section.fields.length, (index) => {
        const { name = '', value = '' } = section.fields[index] ?? {}
        return `**${literalLabel(oneLine(name))}:** ${literal(value)}`
      })
    case 'code':
      return codePart(section.text, section.keep === 'end')
    case 'table':
      return tablePart(section)
  }
}

// A second line must stay in its item.
const item = (text = ''): string => literal(text).replaceAll('\n', '\n  ')

const moreOf = (left: number): string => `… ${count(left)} more`

/** As many lines as fit, then how many are left. */
function linesPart(total: number, lineAt: (index: number) => string): Part {
  return (room) => {
    const lines: string[] = []
    let used = 0
    for (let index = 0; index < total; index++) {
      const line = lineAt(index)
      const last = index === total - 1
      const left = room - used - (last ? 0 : moreOf(total).length + 1)
      if (line.length > left) {
        // The first line is worth showing in part.
        const shown = index === 0 && left > 40 ? [`${cutEscaped(line, left - 1)}…`] : lines
        const rest = total - shown.length
        return { text: [...shown, ...(rest > 0 ? [moreOf(rest)] : [])].join('\n'), cut: true }
      }
      lines.push(line)
      used += line.length + 1
    }
    return whole(lines.join('\n'))
  }
}

const fences = codeBlock('').length

function tablePart(table: Extract<Section, { kind: 'table' }>): Part {
  return (room) => {
    const total = table.rows.length
    // No row is shorter than a character and its line end.
    const rows = tableRows(table, Math.ceil(room / 2))
    const head = rows.length > Math.min(total, Math.ceil(room / 2)) ? 1 : 0
    if (total === 0 && head === 0) return whole('')
    const inside = room - fences
    const joined = rows.join('\n')
    const block = codeBlock(joined)
    if (block.length <= room && rows.length - head === total) return whole(block)
    let used = moreOf(total).length + 1
    let shown = 0
    for (const row of rows) {
      used += row.replaceAll('``', '`\u200B`').length + 1
      if (used > inside) break
      shown++
    }
    const left = total - Math.max(0, shown - head)
    const text =
      shown <= head ? moreOf(left) : `${codeBlock(rows.slice(0, shown).join('\n'))}\n${moreOf(left)}`
    return { text, cut: true }
  }
}

function codePart(text: string, keepEnd: boolean): Part {
  return (room) => {
    const part = keepEnd ? text.slice(-2 * room) : cut(text, 2 * room)
    const cleaned = clean(part).replace(/\n+$/, '')
    if (cleaned === '') return whole('')
    const block = codeBlock(cleaned)
    if (block.length <= room && part.length === text.length) return whole(block)
    const lines = cleaned.replaceAll('``', '`\u200B`').split('\n')
    const total = lineCount(text)
    const inside = room - fences - `${moreOf(total)} lines above\n`.length
    const shown = keepEnd ? lastLines(lines, inside) : lastLines(lines.toReversed(), inside).toReversed()
    const left = total - shown.length
    const more = left > 0 ? `${moreOf(left)} lines ${keepEnd ? 'above' : 'below'}` : '…'
    const code = `\`\`\`\n${shown.join('\n')}\n\`\`\``
    return { text: keepEnd ? `${more}\n${code}` : `${code}\n${more}`, cut: true }
  }
}

function lineCount(text: string): number {
  let lines = 1
  const end = text.replace(/\n+$/, '').length
  for (let at = text.indexOf('\n'); at >= 0 && at < end; at = text.indexOf('\n', at + 1)) lines++
  return lines
}

/** The last lines that fit; of a last one that does not, its end. */
function lastLines(lines: readonly string[], room: number): readonly string[] {
  const shown: string[] = []
  let used = 0
  for (const line of lines.toReversed()) {
    if (used + line.length + 1 > room) break
    shown.unshift(line)
    used += line.length + 1
  }
  if (shown.length > 0) return shown
  return [
    (lines.at(-1) ?? '')
      .slice(-Math.max(1, room - 1))
      .toWellFormed()
      .replace(/^\uFFFD/, ''),
  ]
}
