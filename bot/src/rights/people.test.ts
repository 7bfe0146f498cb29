import type { Caller } from '@homelab/core'
import { parseInventory } from '@homelab/core/inventory'
import { expect, it } from 'vitest'
import { likeness } from './people.ts'

const inventory = parseInventory(`
people:
  ann: { role: admin, discord: ['100000000000000001', '100000000000000002'], slack: U0000001 }
  ben: { role: admin, discord: '100000000000000003' }
  n8n: { role: operator, token: env:N8N_TOKEN }
  family: { role: operator, discord_role: '100000000000000009', slack_group: S0000009 }
`)
const is = (a: string, b: string) => {
  const [one, two] = [a, b].map((id): Caller => ({ id, name: id, role: 'admin', surface: 'chat' }))
  if (one === undefined || two === undefined) throw new Error('no callers')
  return likeness(one, two, inventory)
}

it.each([
  ['discord:100000000000000001', 'discord:100000000000000001', 'same'],
  ['discord:100000000000000001', 'discord:100000000000000002', 'same'],
  ['discord:100000000000000001', 'slack:U0000001', 'same'],
  ['discord:100000000000000001', 'discord:100000000000000003', 'other'],
  ['slack:U0000001', 'discord:100000000000000003', 'other'],
  // By a group on both sides.
  ['discord:100000000000000004', 'discord:100000000000000005', 'other'],
  ['discord:100000000000000004', 'slack:U0000005', 'unknown'],
  ['discord:100000000000000001', 'slack:U0000005', 'unknown'],
  ['discord:100000000000000001', 'cli:local', 'unknown'],
  ['console:local', 'cli:local', 'unknown'],
  ['api:n8n', 'discord:100000000000000003', 'other'],
  ['api:gone', 'discord:100000000000000003', 'unknown'],
] as const)('%s and %s: %s', (a, b, expected) => {
  expect(is(a, b)).toBe(expected)
  expect(is(b, a)).toBe(expected)
})
