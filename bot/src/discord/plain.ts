/** The whole of a card as a text file: what a message has no room for is still there. */
import type { ButtonAction, Card, Section } from '@homelab/core'
import { cellText } from './table.ts'
import { clean } from './text.ts'

export function plainText(card: Card): string {
  const parts = [clean(card.title)]
  if (card.text !== undefined) parts.push(clean(card.text))
  if (card.progress !== undefined) parts.push(clean(card.progress.text))
  for (const section of card.sections ?? []) parts.push(sectionText(section))
  const actions = [
    ...(card.buttons ?? []).map(({ label, action }) => actionLine(label, action)),
    ...(card.choices?.options ?? []).map(({ label, hint, action }) =>
      actionLine(hint === undefined ? label : `${label} (${hint})`, action),
    ),
  ]
  if (actions.length > 0) parts.push(actions.join('\n'))
  if (card.footer !== undefined) parts.push(clean(card.footer))
  return `${parts.join('\n\n')}\n`
}

const actionLine = (label: string, action: ButtonAction): string =>
  clean('text' in action ? `[${label}] /homelab ${action.text}` : `[${label}]`)

function sectionText(section: Section): string {
  const title = section.title === undefined ? '' : `${clean(section.title)}\n`
  return title + bodyText(section)
}

function bodyText(section: Section): string {
  switch (section.kind) {
    case 'text':
    case 'code':
      return clean(section.text)
    case 'list':
      return section.items.map((item) => `- ${clean(item)}`).join('\n')
    case 'fields':
      return section.fields.map(({ name, value }) => `${clean(name)}: ${clean(value)}`).join('\n')
    case 'table': {
      const rows = [section.columns.map(({ name }) => name), ...section.rows].map((row) => row.map(cellText))
      const widths = section.columns.map((_, index) =>
        rows.reduce((most, row) => Math.max(most, row[index]?.length ?? 0), 0),
      )
      return rows
        .map((row) =>
          row
            .map((text, index) => text.padEnd(widths[index] ?? 0))
            .join('  ')
            .trimEnd(),
        )
        .join('\n')
    }
  }
}
