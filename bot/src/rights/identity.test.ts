import { parseInventory } from '@homelab/core/inventory'
import { expect, test } from 'vitest'
import type { Asker } from '../chat/connector.ts'
import { createIdentity, harmless } from './identity.ts'

const file = `
people:
  harmeet: { role: admin, discord: '80351110224678912', slack: U024BE7LH }
  kid: { role: viewer, discord: '41771983423143936', discord_role: '41771983423140001' }
  helpers: { role: operator, discord_role: '41771983423140002', slack_group: S0604QSJC }
  family: { role: viewer, discord_role: '41771983423140003', slack_group: S0604QSJD }
`
const asker = (user: string, more: Partial<Asker> = {}): Asker => ({
  platform: 'discord',
  user,
  name: 'Somebody',
  groups: [],
  ...more,
})

function setUp() {
  const state = { inventory: parseInventory(file) }
  return { state, ...createIdentity({ inventory: () => state.inventory }) }
}

test('people are known by their ids, on either platform, and never by what they are called', () => {
  const { callerOf } = setUp()
  expect(callerOf(asker('80351110224678912', { name: 'Harmeet 🏠', channel: '290926798626357999' }))).toEqual(
    {
      id: 'discord:80351110224678912',
      name: 'Harmeet 🏠',
      role: 'admin',
      surface: 'chat',
      person: 'harmeet',
      channel: 'discord:290926798626357999',
    },
  )
  expect(callerOf(asker('U024BE7LH', { platform: 'slack' }))).toMatchObject({
    id: 'slack:U024BE7LH',
    role: 'admin',
    person: 'harmeet',
  })
  const other = callerOf(asker('99999999999999999', { name: 'harmeet' }))
  expect(other).toEqual({ id: 'discord:99999999999999999', name: 'harmeet', role: 'nobody', surface: 'chat' })
  // An id of one platform is none of the other's.
  expect(callerOf(asker('U024BE7LH')).role).toBe('nobody')
})

test('groups count for who is not listed, the highest role of several; a listed id is above them', () => {
  const { callerOf } = setUp()
  const groups = ['41771983423140003', '41771983423140002', '1']
  expect(callerOf(asker('99999999999999999', { groups }))).toMatchObject({
    role: 'operator',
    person: 'helpers',
  })
  expect(callerOf(asker('41771983423143936', { groups }))).toMatchObject({ role: 'viewer', person: 'kid' })
  expect(callerOf(asker('U099', { platform: 'slack', groups: ['S0604QSJD'] }))).toMatchObject({
    role: 'viewer',
    person: 'family',
  })
  expect(callerOf(asker('U099', { platform: 'slack', groups: ['41771983423140002'] })).role).toBe('nobody')
})

test('who is taken out of the file is nobody from then on', () => {
  const { callerOf, state } = setUp()
  expect(callerOf(asker('80351110224678912')).role).toBe('admin')
  state.inventory = parseInventory('')
  expect(callerOf(asker('80351110224678912'))).not.toHaveProperty('person')
  expect(callerOf(asker('80351110224678912')).role).toBe('nobody')
})

test('names are remembered by id, and the file knows those that were not seen', () => {
  const { callerOf, nameOf } = setUp()
  expect(nameOf('discord:80351110224678912')).toBe('harmeet')
  expect(nameOf('discord:99999999999999999')).toBe('discord:99999999999999999')
  callerOf(asker('99999999999999999', { name: 'Eve' }))
  callerOf(asker('80351110224678912', { name: 'H' }))
  expect([nameOf('discord:99999999999999999'), nameOf('discord:80351110224678912')]).toEqual(['Eve', 'H'])
})

test('names that are longest unseen are forgotten', () => {
  const { callerOf, nameOf } = setUp()
  for (let index = 0; index < 10_001; index++) callerOf(asker(String(index), { name: `n${index}` }))
  expect([nameOf('discord:0'), nameOf('discord:1'), nameOf('discord:10000')]).toEqual([
    'discord:0',
    'n1',
    'n10000',
  ])
})

test.each([
  ['a\nb\r\nc\u2028d\u0000e', 'a b c d e'],
  ['  many   blanks ', 'many blanks'],
  ['\u202Enimda\u202C', 'nimda'],
  ['zero\u200Bwidth\uFEFF\u2066x\u2069', 'zerowidthx'],
  ['\u{E0041}tagged', 'tagged'],
  ['ليلى', 'ليلى'],
  ['@everyone', '@everyone'],
  ['\uD800broken', 'broken'],
  ['x'.repeat(500), 'x'.repeat(60)],
  ['🏠'.repeat(100), '🏠'.repeat(30)],
  [`e${'\u0301'.repeat(5000)}`, ''],
  ['\u200B\u202E \n', ''],
])('%j is shown as %j', (name, shown) => expect(harmless(name)).toBe(shown))

test('a name of nothing is the one of the file, or the id', () => {
  const { callerOf } = setUp()
  expect(callerOf(asker('80351110224678912', { name: '\u202E' })).name).toBe('harmeet')
  expect(callerOf(asker('99999999999999999', { name: '' })).name).toBe('discord:99999999999999999')
})
