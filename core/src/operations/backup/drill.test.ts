import { expect, test } from 'vitest'
import { backupDrill } from './drill.ts'

const done = {
  plan: 'pg',
  title: 'PostgreSQL',
  repository: 'b2',
  snapshot: '1234567890',
  at: 0,
  ms: 1,
  cost: { bytes: 1 },
  recovery: true,
  tables: 1,
  rows: 1,
  same: 0,
  changed: 0,
  missingRoles: 0,
}

test.each([
  [{ checked: 0, missing: 0 }, 'warning', 'nothing was looked for'],
  [{ checked: 5, missing: 0 }, 'ok', '5 looked for by chance: all in their backup'],
  [{ checked: 5, missing: 1 }, 'ok', '1 of 5 are not in their backup'],
])('files that a database knows of: %j', (originals, tone, text) => {
  const card = backupDrill.card({ ...done, originals }, { plan: 'pg' })
  expect(card.tone).toBe(tone)
  expect(JSON.stringify(card)).toContain(text)
})
