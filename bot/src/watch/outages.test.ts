import { expect, test } from 'vitest'
import { isOpen, type Outages, trackOutages } from './outages.ts'
import type { Thing } from './types.ts'

const sure = { looks: 2, forMs: 0 }
const minute = (count: number) => new Date(Date.parse('2026-11-23T09:00:00.000Z') + count * 60_000)
const guest = (vmid: number, state: Thing['state']): Thing => ({
  key: `guest/${vmid}`,
  kind: 'guest',
  name: `g${vmid}`,
  what: `CT ${vmid} on pve`,
  state,
})

/** Shows it one look a minute, each a list of guests by state, and collects what it tells. */
function story(looks: readonly Readonly<Record<number, Thing['state']>>[], outages: Outages = fresh()) {
  const told: string[] = []
  for (const [index, states] of looks.entries()) {
    const things = Object.entries(states).map(([vmid, state]) => guest(Number(vmid), state))
    outages.look(['guest'], things, minute(index), sure)
    for (const outage of outages.untold()) {
      const members = outage.members.map(({ key, end, times }) => `${key} ${end ?? 'down'} ${times}`)
      told.push(`${index}: ${outage.id} ${members.join(', ')}`)
      outages.told(outage)
    }
  }
  return { told, outages, ids: new Set(told.map((line) => line.split(' ')[1])) }
}

const fresh = () => trackOutages({ known: [], outages: [] })

test('what was up and is down in two looks is told once, and once more when it is up', () => {
  const { told, ids, outages } = story([
    { 1: 'up' },
    { 1: 'down' },
    { 1: 'down' },
    { 1: 'down' },
    { 1: 'up' },
    { 1: 'up' },
  ])

  expect(told.map((line) => line.replace(/watch\S+ /, ''))).toEqual(['2: guest/1 down 1', '4: guest/1 up 1'])
  expect(ids.size).toBe(1)
  const [outage] = outages.state().outages
  // It was down since it was first seen so, not since that was sure.
  expect(outage?.members[0]).toMatchObject({
    downAt: minute(1).toISOString(),
    endAt: minute(4).toISOString(),
  })
  expect(outage === undefined || isOpen(outage)).toBe(false)
})

test('what was never up is not missed', () => {
  expect(story([{ 1: 'down' }, { 1: 'down' }, { 1: 'down' }]).told).toEqual([])
})

test.each<readonly [string, readonly Thing['state'][]]>([
  ['one look', ['up', 'down', 'up', 'down', 'up']],
  ['two looks with a doubtful one between', ['up', 'down', 'unclear', 'down', 'up']],
  ['on purpose', ['up', 'off', 'off', 'off']],
  ['on purpose, as it turns out', ['up', 'down', 'off', 'down', 'down']],
])('what is down for %s is not told', (_name, states) => {
  expect(story(states.map((state) => ({ 1: state }))).told).toEqual([])
})

test('what goes down in the same look is one card, and each comes back on it', () => {
  const up = { 1: 'up', 2: 'up', 3: 'up' } as const
  const down = { 1: 'down', 2: 'down', 3: 'up' } as const

  const { told, ids } = story([up, down, down, { ...down, 1: 'up' }, up])

  expect(told.map((line) => line.replace(/watch\S+ /, ''))).toEqual([
    '2: guest/1 down 1, guest/2 down 1',
    '3: guest/1 up 1, guest/2 down 1',
    '4: guest/1 up 1, guest/2 up 1',
  ])
  expect(ids.size).toBe(1)
})

test('what goes down over and over has one card that counts', () => {
  const times = Array.from({ length: 5 }, () => [{ 1: 'down' }, { 1: 'down' }, { 1: 'up' }] as const).flat()

  const { told, ids } = story([{ 1: 'up' }, ...times])

  expect(told).toHaveLength(10)
  expect(ids.size).toBe(1)
  expect(told.at(-1)).toMatch(/guest\/1 up 5$/)
})

test('what goes down again after a quiet hour has a card of its own', () => {
  const quiet = Array.from({ length: 62 }, () => ({ 1: 'up' }) as const)
  const down = [{ 1: 'down' }, { 1: 'down' }, { 1: 'up' }] as const

  const { ids, outages } = story([{ 1: 'up' }, ...down, ...quiet, ...down])

  expect(ids.size).toBe(2)
  expect(outages.state().outages).toHaveLength(1)
})

test('what is gone from the lab in two looks ends its card, and is not missed', () => {
  const both = { 1: 'up', 2: 'up' } as const
  const { told } = story([
    both,
    { 1: 'down', 2: 'up' },
    { 1: 'down', 2: 'up' },
    {},
    { 1: 'down', 2: 'up' },
    { 2: 'up' },
    { 2: 'up' },
  ])

  expect(told.map((line) => line.replace(/watch\S+ /, ''))).toEqual([
    '2: guest/1 down 1',
    '6: guest/1 gone 1',
  ])
})

test('a look at one kind of thing says nothing of the others', () => {
  const outages = fresh()
  const node: Thing = { key: 'node/pve', kind: 'node', name: 'pve', what: 'node', state: 'up' }
  outages.look(['node', 'guest'], [node, guest(1, 'up')], minute(0), sure)
  for (const at of [1, 2, 3]) outages.look(['lab'], [], minute(at), sure)

  expect(outages.state().known).toEqual(['node/pve', 'guest/1'])
})

test('it goes on where it was, and tells again only what was not told', () => {
  const { outages } = story([{ 1: 'up' }, { 1: 'down' }, { 1: 'down' }])
  const kept = structuredClone(outages.state())
  const untold = structuredClone(kept)
  for (const outage of untold.outages) outage.untold = true

  expect(story([{ 1: 'down' }, { 1: 'down' }, { 1: 'down' }], trackOutages(kept)).told).toEqual([])
  expect(story([{ 1: 'down' }, { 1: 'down' }], trackOutages(untold)).told).toEqual([
    `0: ${kept.outages[0]?.id} guest/1 down 1`,
  ])
  expect(story([{ 1: 'up' }], trackOutages(kept)).told).toEqual([`0: ${kept.outages[0]?.id} guest/1 up 1`])
})

test('the root cause is told first', () => {
  const outages = fresh()
  const node = (state: Thing['state']): Thing => ({
    key: 'node/a',
    kind: 'node',
    name: 'a',
    what: 'node',
    state,
  })
  outages.look(['node', 'guest'], [guest(1, 'up'), node('up')], minute(0), sure)
  for (const at of [1, 2]) outages.look(['node', 'guest'], [guest(1, 'down'), node('down')], minute(at), sure)

  expect(outages.untold().map(({ kind }) => kind)).toEqual(['node', 'guest'])
})
