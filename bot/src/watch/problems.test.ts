import type { Card, Json } from '@homelab/core'
import { expect, test } from 'vitest'
import type { Finding } from '../incidents/types.ts'
import { createProblems, type Sight } from './problems.ts'

const wrong = (over: Partial<Extract<Sight, { is: 'wrong' }>> = {}): Sight => ({
  key: 'thing/a',
  is: 'wrong',
  kind: 'down',
  severity: 'warning',
  title: 'a is down',
  text: 'It does not answer.',
  about: { service: 'a' },
  ...over,
})
const fine: Sight = { key: 'thing/a', is: 'fine', title: 'a is up' }
const unclear: Sight = { key: 'thing/a', is: 'unclear' }
const skipped: Sight = { key: 'thing/a', is: 'skipped' }

/** A watch on facts that outlive it. */
function watching(looks = 1) {
  const facts = new Map<string, Json>()
  const told: { id: string; card: Card; finding: Finding }[] = []
  let now = Date.parse('2026-03-01T08:00:00Z')
  let dies = false
  const open = () =>
    createProblems({
      name: 'watch.things',
      looks,
      facts: {
        get: (name) => facts.get(name),
        set: async (name, value) => void facts.set(name, structuredClone(value)),
      },
      tell: (id, card, _state, finding) => {
        if (dies) throw new Error('the process is killed')
        told.push({ id, card, finding })
      },
      clock: { now: () => new Date(now), monotonic: () => now, sleep: async () => {} },
      log: { warn: () => {}, error: () => {} },
    })
  let problems = open()
  return {
    told,
    async see(...all: readonly Sight[]) {
      now += 60_000
      await problems.see(all)
    },
    restart: () => (problems = open()),
    async dieAt(...all: readonly Sight[]) {
      dies = true
      await problems.see(all).catch(() => {})
      dies = false
      problems = open()
    },
    get said() {
      return told.map(({ card, finding }) => `${card.title} (${finding.severity}, ${finding.state})`)
    },
  }
}

test('is told when it is sure, once, over a restart, and when it is over', async () => {
  const watch = watching(2)
  await watch.see(wrong())
  await watch.see(fine)
  await watch.see(wrong())
  expect(watch.said).toEqual([])
  await watch.see(wrong())
  await watch.see(wrong())
  watch.restart()
  await watch.see(wrong())
  await watch.see(unclear)
  await watch.see(fine)
  await watch.see(fine)
  expect(watch.said).toEqual(['a is down (warning, firing)', 'a is up (warning, resolved)'])
  expect(watch.told[0]?.finding.since).toBe('2026-03-01T08:03:00.000Z')
  expect(watch.told[1]?.card.text).toBe('It took 5 min, from 08:03 to 08:08 UTC.')
})

test('a turn that is left out neither ends a suspicion nor confirms it; one that is unclear ends it', async () => {
  const watch = watching(2)
  await watch.see(wrong())
  await watch.see(skipped)
  await watch.see(unclear)
  await watch.see(wrong())
  expect(watch.said).toEqual([])
  await watch.see(skipped)
  await watch.see(wrong())
  expect(watch.said).toEqual(['a is down (warning, firing)'])
})

test('what was not told for a death is told by the next, on the same card', async () => {
  const watch = watching()
  await watch.dieAt(wrong())
  await watch.see(wrong())
  await watch.dieAt(fine)
  await watch.see(fine)
  expect(watch.said).toEqual(['a is down (warning, firing)', 'a is up (warning, resolved)'])
  expect(watch.told[1]?.id).toBe(watch.told[0]?.id)
})

test('is told again when it gets worse, and another kind is another problem', async () => {
  const watch = watching()
  await watch.see(wrong())
  await watch.see(wrong({ severity: 'critical' }))
  await watch.see(wrong({ kind: 'full', title: 'a is full' }))
  expect(watch.told.map(({ finding: { kind, state } }) => `${kind} ${state}`)).toEqual([
    'down firing',
    'down firing',
    'down resolved',
    'full firing',
  ])
})

test('what is not looked at any more is over', async () => {
  const watch = watching()
  await watch.see(wrong())
  await watch.see()
  expect(watch.said[1]).toBe('Not looked at any more: a is down (warning, resolved)')
})

test('that nobody can look is said once until somebody can', async () => {
  const watch = watching()
  const blind: Sight = { key: 'thing/a', is: 'blind', title: 'a cannot be seen', text: 'No SSH.', about: {} }
  await watch.see(blind)
  watch.restart()
  await watch.see(blind)
  await watch.see(unclear)
  await watch.see(blind)
  expect(watch.said).toEqual(['a cannot be seen (info, firing)'])
  await watch.see(fine)
  await watch.see(blind)
  expect(watch.said).toHaveLength(2)
})
