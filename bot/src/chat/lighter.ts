/** Cards of some size, without what only their first showing needed. */
import type { Json, Section } from '@homelab/core'
import type { Posted } from './types.ts'

/** Characters. */
const LARGE = 32_000
const KEPT = 8_000
const KEPT_ROWS = 50

/** Looks at texts only: exact enough, and cheap for the many small ones. */
export const isLarge = ({ card, output }: Posted): boolean =>
  (card.attachments ?? []).some(({ text }) => text.length > LARGE) ||
  (card.sections ?? []).some((section) => sizeOf(section) > LARGE) ||
  (output !== undefined && sizeOfOutput(output) > LARGE)

const sizeOf = (section: Section): number => {
  switch (section.kind) {
    case 'text':
    case 'code':
      return section.text.length
    case 'list':
      return section.items.reduce((sum, item) => sum + item.length, 0)
    case 'fields':
      return section.fields.reduce((sum, { name, value }) => sum + name.length + value.length, 0)
    case 'table':
      return section.rows.length * 64
  }
}

const sizeOfOutput = (output: Json): number => JSON.stringify(output).length

export function lighter({ output: _, ...posted }: Posted): Posted {
  const { attachments: __, sections, ...card } = posted.card
  return {
    ...posted,
    card: { ...card, ...(sections === undefined ? {} : { sections: sections.map(shorter) }) },
  }
}

function shorter(section: Section): Section {
  switch (section.kind) {
    case 'code':
      return {
        ...section,
        text: section.keep === 'end' ? section.text.slice(-KEPT) : section.text.slice(0, KEPT),
      }
    case 'text':
      return { ...section, text: section.text.slice(0, KEPT) }
    case 'list':
      return { ...section, items: section.items.slice(0, KEPT_ROWS) }
    case 'fields':
      return { ...section, fields: section.fields.slice(0, KEPT_ROWS) }
    case 'table':
      return { ...section, rows: section.rows.slice(0, KEPT_ROWS) }
  }
}
