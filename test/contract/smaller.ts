/** The smallest card that still fails, so that a failure of a generated one can be read. */
import type { Card } from '@homelab/core'
import type { Posted } from '../../bot/src/chat/types.ts'

/** Leaves out of a card whatever it fails without. */
export function smaller(card: Posted, fails: (card: Posted) => boolean): Posted {
  let now = card
  for (let left = true; left; ) {
    left = false
    for (const next of lesser(now)) {
      if (!isWhole(next.card) || !fails(next)) continue
      now = next
      left = true
      break
    }
  }
  return now
}

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
      if (key !== 'kind' && key !== 'tone') for (const less of lesserOf(part)) yield { ...value, [key]: less }
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
