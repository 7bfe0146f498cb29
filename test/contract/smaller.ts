/** The smallest card that still fails, so that a failure of a generated one can be read. */
import type { Card } from '@homelab/core'
import type { Posted } from '../../bot/src/chat/types.ts'

/** So many attempts are made; a card that is not quite the smallest tells enough. */
const mostAttempts = 4_000

/** Leaves out of a card whatever it fails without. @param faults with the same kind of fault it still fails */
export function smaller(card: Posted, faults: (card: Posted) => readonly string[]): Posted {
  const kinds = new Set(faults(card).map(kindOf))
  const fails = (next: Posted) => isWhole(next.card) && faults(next).some((fault) => kinds.has(kindOf(fault)))
  let smallest = card
  let attempts = 0
  for (let left = true; left; ) {
    left = false
    for (const next of lesser(smallest)) {
      if (++attempts > mostAttempts) return smallest
      if (!fails(next)) continue
      smallest = next
      left = true
      break
    }
  }
  return smallest
}

/** Without what is of the one card: numbers, and texts of it. */
const kindOf = (fault: string): string => fault.replace(/".*/s, '').replace(/\d+/g, 'n')

const isWhole = ({ sections = [] }: Card): boolean =>
  sections.every(
    (each) => each.kind !== 'table' || each.rows.every((row) => row.length === each.columns.length),
  )

function* lesser(whole: Posted): Generator<Posted> {
  for (const card of lesserOf(whole.card)) yield { ...whole, card: card as Card }
}

/** The same value with one of its parts less, the large steps first. */
function* lesserOf(value: unknown): Generator<unknown> {
  if (typeof value === 'string') {
    const half = Math.floor(value.length / 2)
    if (value.length > 1) yield* [value.slice(0, half), value.slice(half)]
    if (value.length > 0 && value.length < 40) yield* [value.slice(1), value.slice(0, -1)]
  } else if (Array.isArray(value)) {
    const half = Math.floor(value.length / 2)
    if (value.length > 1) yield* [value.slice(0, half), value.slice(half)]
    if (value.length > 0 && value.length < 12)
      for (let at = 0; at < value.length; at++) yield value.toSpliced(at, 1)
    for (let at = 0; at < Math.min(value.length, 12); at++)
      for (const part of lesserOf(value[at])) yield value.with(at, part)
  } else if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
    for (const [key] of entries)
      if (optional.has(key)) yield Object.fromEntries(entries.filter(([other]) => other !== key))
    for (const [key, part] of entries)
      if (!['kind', 'tone', 'action', 'style', 'keep', 'align', 'unit'].includes(key))
        for (const less of lesserOf(part)) yield { ...value, [key]: less }
  }
}

const optional = new Set([
  'sections',
  'progress',
  'buttons',
  'choices',
  'picture',
  'attachments',
  'footer',
  'hint',
  'style',
  'keep',
  'align',
  'unit',
  'startedAt',
])
