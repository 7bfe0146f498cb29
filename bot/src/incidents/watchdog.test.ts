import type { Alert } from '@homelab/core/alerts'
import type { AlertSourceEntry } from '@homelab/core/inventory'
import { expect, test } from 'vitest'
import type { Finding } from './types.ts'
import { createWatchdogs, type Unheard } from './watchdog.ts'

const MINUTE = 60_000
const source: AlertSourceEntry = {
  name: 'lab',
  kind: 'alertmanager',
  secret: { from: 'env', name: 'S' },
  watchdog: { alert: 'Watchdog', after: 10 * MINUTE },
}
const told = (status: Alert['status'], name = 'Watchdog'): Alert => ({
  source: 'lab',
  fingerprint: name,
  status,
  name,
  severity: 'info',
  title: name,
  labels: {},
  startsAt: '2026-11-26T03:00:00Z',
})

function dogs(before: Unheard = {}, sources: () => readonly AlertSourceEntry[] = () => [source]) {
  const findings: Finding[] = []
  const all = createWatchdogs(sources, (finding) => findings.push(finding), before)
  return { ...all, states: () => findings.map(({ state }) => state), findings }
}
const none = new Map<string, 'unknown'>()

test('is no incident, and its end is no sign of life', () => {
  const { seen, look, states } = dogs()
  look(none, 0)
  expect(seen(told('firing', 'PlexDown'))).toBeUndefined()
  expect(seen({ ...told('firing'), source: 'other' })).toBeUndefined()
  look(none, 9 * MINUTE)
  expect(seen(told('firing'))).toBe('watchdog')
  look(none, 18 * MINUTE)
  expect(seen(told('resolved'))).toBe('watchdog')
  look(none, 19 * MINUTE)
  expect(states()).toEqual(['resolved', 'firing'])
  seen(told('firing'))
  look(none, 20 * MINUTE)
  expect(states()).toEqual(['resolved', 'firing', 'resolved'])
})

test('only the time counts in which we were there to hear it, over restarts', () => {
  const first = dogs()
  first.look(none, 0)
  first.look(none, 6 * MINUTE)
  const second = dogs(first.unheard())
  second.look(none, 0)
  expect(second.states()).toEqual(['resolved'])
  second.look(none, 5 * MINUTE)
  expect(second.states()).toEqual(['resolved', 'firing'])
  // Told before the restart, it must be told that it is over.
  const third = dogs(second.unheard())
  third.seen(told('firing'))
  third.look(none, 0)
  expect(third.states()).toEqual(['resolved'])
})

test('says the same only once, and ends what is not in the file any more', () => {
  let sources = [source]
  const { look, findings, states } = dogs({}, () => sources)
  look(none, 0)
  for (const minute of [11, 12, 13]) look(none, minute * MINUTE)
  look(new Map([['lab', 'there']]), 14 * MINUTE)
  expect(states()).toEqual(['resolved', 'firing', 'firing'])
  expect(findings[1]?.text).not.toBe(findings[2]?.text)
  sources = []
  look(none, 15 * MINUTE)
  look(none, 16 * MINUTE)
  expect(states()).toEqual(['resolved', 'firing', 'firing', 'resolved'])
})
