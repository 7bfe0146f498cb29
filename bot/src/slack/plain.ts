/** A whole card as a text file: where what a message has no room for goes. */
import type { Card, Cell, Section } from '@homelab/core'
import { clean, oneLine } from './text.ts'

export const cellText = (cell: Cell | undefined): string =>
  cell === undefined ? '' : typeof cell === 'string' ? cell : cell.text

export function plainCard(card: Card): string {
  const parts = [
    card.title,
    card.text,
    ...(card.sections ?? []).map(plainSection),
    card.choices === undefined
      ? undefined
      : [card.choices.prompt, ...card.choices.options.map(choiceLine)].join('\n'),
    (card.buttons ?? []).map(({ label, action }) => `[${label}]${typed(action)}`).join('\n') || undefined,
    card.footer,
  ]
  return clean(`${parts.filter((part) => part !== undefined).join('\n\n')}\n`)
}

const typed = (action: { readonly kind: string; readonly text?: string }): string =>
  action.text === undefined ? '' : ` ${action.text}`

const choiceLine = (option: NonNullable<Card['choices']>['options'][number]): string =>
  `- ${option.label}${option.hint === undefined ? '' : ` (${option.hint})`}${typed(option.action)}`

function plainSection(section: Section): string {
  return `${section.title === undefined ? '' : `${section.title}\n`}${bodyOf(section)}`
}

function bodyOf(section: Section): string {
  switch (section.kind) {
    case 'text':
    case 'code':
      return section.text
    case 'list':
      return section.items.map((item) => `- ${item}`).join('\n')
    case 'fields':
      return section.fields.map(({ name, value }) => `${name}: ${value}`).join('\n')
    case 'table':
      return [section.columns.map(({ name }) => name), ...section.rows.map((row) => row.map(cellText))]
        .map((row) => row.map(oneLine).join(' | '))
        .join('\n')
  }
}
