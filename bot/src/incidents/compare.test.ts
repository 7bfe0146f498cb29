import { type Alert, alertOf, type HeldAlert } from '@homelab/core/alerts'
import { expect, test } from 'vitest'
import { createComparison, type Seen } from './compare.ts'

const MINUTE = 60_000
const start = Date.parse('2026-11-26T03:00:00.000Z')
const at = (minutes: number): string => new Date(start + minutes * MINUTE).toISOString()

const heldAt = (startsAt: string, fingerprint = 'f'): HeldAlert => ({
  fingerprint,
  labels: { alertname: 'PlexDown' },
  annotations: {},
  startsAt,
  receivers: ['homelab'],
  status: { state: 'active', silencedBy: [], inhibitedBy: [], mutedBy: [] },
})
const knownSince = (startsAt: string): Alert =>
  alertOf('lab', heldAt(startsAt), new Date(start + 600 * MINUTE))

function comparisonAt() {
  const comparison = createComparison('lab', 5 * MINUTE)
  const look = (
    minute: number,
    seen: Partial<Pick<Seen, 'held' | 'known' | 'more' | 'isOurs' | 'uptime'>>,
    isKept = true,
  ) => {
    const monotonic = minute * MINUTE
    const now = new Date(start + monotonic)
    const found = comparison.compare({
      held: [],
      known: [],
      more: [],
      isOurs: () => true,
      uptime: at(-60),
      now,
      monotonic,
      ...seen,
    })
    if (isKept) comparison.told(found, monotonic)
    return found.map(({ status, startsAt, endsAt }) => [
      status,
      startsAt,
      ...(endsAt === undefined ? [] : [endsAt]),
    ])
  }
  return { comparison, look }
}

test('what the inbox did not take is handed in again', () => {
  const { look } = comparisonAt()
  const held = [heldAt(at(-1))]
  expect(look(0, { held }, false)).toEqual([['firing', at(-1)]])
  expect(look(1, { held })).toEqual([['firing', at(-1)]])
  // It may still be in the queue.
  expect(look(2, { held })).toEqual([])
  expect(look(3, { held, known: [knownSince(at(-1))] })).toEqual([])
})

test('a clock that is ahead of ours is no new beginning, look after look', () => {
  const { look } = comparisonAt()
  const held = [heldAt(at(3))]
  // As it was delivered: nothing begins later than it is told.
  const known = [knownSince(at(0))]
  for (const minute of [0, 1, 2, 3, 4, 5]) expect(look(minute, { held, known })).toEqual([])
  expect(look(9, { held: [heldAt(at(8))], known })).toEqual([['firing', at(8)]])
  expect(look(10, { held: [heldAt(at(8))], known })).toEqual([])
})

test('what somebody took for over comes again after an hour, as new', () => {
  const { look } = comparisonAt()
  const held = [heldAt(at(-1))]
  expect(look(0, { held, known: [knownSince(at(-1))] })).toEqual([])
  expect(look(1, { held })).toEqual([['firing', at(-1)]])
  expect(look(60, { held })).toEqual([])
  expect(look(61, { held })).toEqual([['firing', at(61)]])
  expect(look(62, { held, known: [knownSince(at(61))] })).toEqual([])
})

test('missing for a moment is not over; after five minutes it is, since it was missed first', () => {
  const { look } = comparisonAt()
  const known = [knownSince(at(-1))]
  expect(look(0, { known })).toEqual([])
  expect(look(4, { known, held: [heldAt(at(-1))] })).toEqual([])
  expect(look(6, { known })).toEqual([])
  expect(look(10, { known })).toEqual([])
  expect(look(11, { known })).toEqual([['resolved', at(-1), at(6)]])
  // Until it is worked in, it is not told with each look; what is lost is told again.
  expect(look(12, { known })).toEqual([])
  expect(look(16, { known })).toEqual([['resolved', at(-1), at(6)]])
})

test('a restart of Alertmanager begins the five minutes anew', () => {
  const { look } = comparisonAt()
  const known = [knownSince(at(-1))]
  look(0, { known })
  expect(look(4, { known, uptime: at(3) })).toEqual([])
  expect(look(8, { known, uptime: at(3) })).toEqual([])
  expect(look(9, { known, uptime: at(3) })).toEqual([['resolved', at(-1), at(4)]])
})

test('what is told once is not missed', () => {
  const { look } = comparisonAt()
  const known: readonly Alert[] = [{ ...knownSince(at(-1)), once: true }]
  for (const minute of [0, 10]) expect(look(minute, { known })).toEqual([])
})

test('those of which only the name is known are not told again, and end', () => {
  const { look } = comparisonAt()
  const held = [heldAt(at(-1))]
  expect(look(0, { held, more: ['f', 'never seen'] })).toEqual([])
  expect(look(5, { more: ['f', 'never seen'] })).toEqual([['resolved', at(0), at(0)]])
  expect(look(10, { more: ['f'] })).toEqual([['resolved', at(-1), at(5)]])
})

test('what nobody is sent is not told, and is not missed either', () => {
  const { look } = comparisonAt()
  const held = [heldAt(at(-1))]
  expect(look(0, { held, isOurs: () => false })).toEqual([])
  const known = [knownSince(at(-1))]
  for (const minute of [1, 10]) expect(look(minute, { held, known, isOurs: () => false })).toEqual([])
})

test('what was taken for over is remembered over a restart', () => {
  const { comparison, look } = comparisonAt()
  const known = [knownSince(at(-1))]
  look(0, { known })
  look(5, { known })
  const again = createComparison('lab', 5 * MINUTE, comparison.takenForOver())
  const seen = { held: [heldAt(at(-1))], known: [], more: [], isOurs: () => true, uptime: undefined }
  const [back] = again.compare({ ...seen, now: new Date(start + 9 * MINUTE), monotonic: 0 })
  expect(back?.startsAt).toBe(at(9))
})
