import { describe, expect, test } from 'vitest'
import { rhythmOf } from './occurrences.ts'

const at = (time: string) => new Date(time)

/** So many occurrences after this moment, in UTC without the seconds. */
function following(cron: string, from: string, count: number, zone = 'Europe/London'): string[] {
  const rhythm = rhythmOf(cron, zone)
  const found: string[] = []
  for (let moment = at(from); found.length < count; ) {
    moment = rhythm.next(moment)
    found.push(moment.toISOString().slice(5, 16))
  }
  return found
}

test('five fields and the four names, in the time zone', () => {
  expect(following('0 3 * * *', '2026-07-01T00:00:00Z', 2)).toEqual(['07-01T02:00', '07-02T02:00'])
  expect(following('0 3 * * *', '2026-12-01T03:00:00Z', 2)).toEqual(['12-02T03:00', '12-03T03:00'])
  expect(following('hourly', '2026-12-01T03:10:30.500Z', 2)).toEqual(['12-01T04:00', '12-01T05:00'])
  expect(following('daily', '2026-12-01T03:00:00Z', 1, 'Asia/Kolkata')).toEqual(['12-01T18:30'])
  expect(following('weekly', '2026-12-01T03:00:00Z', 1)).toEqual(['12-06T00:00'])
  expect(following('monthly', '2026-12-01T03:00:00Z', 1)).toEqual(['01-01T00:00'])
  // Either day, as cron has it when both are given.
  expect(following('0 0 13 * fri', '2026-11-01T00:00:00Z', 3, 'UTC')).toEqual([
    '11-06T00:00',
    '11-13T00:00',
    '11-20T00:00',
  ])
})

describe('in the hour that does not exist (London, 29 March 2026, 01:00 to 02:00)', () => {
  test.each([
    ['30 1 * * *', ['03-28T01:30', '03-29T01:00', '03-30T00:30']],
    ['0,30 1 * * *', ['03-28T01:30', '03-29T01:00', '03-30T00:00']],
    ['0 1,2 * * *', ['03-28T02:00', '03-29T01:00', '03-30T00:00']],
    ['30 0 * * *', ['03-29T00:30', '03-29T23:30', '03-30T23:30']],
  ])('%s is due once, when the clock has jumped', (cron, times) => {
    expect(following(cron, '2026-03-28T01:00:00Z', 3)).toEqual(times)
  })

  test.each([
    ['30 * * * *', ['03-28T23:30', '03-29T00:30', '03-29T01:30', '03-29T02:30']],
    [
      '*/20 * * * *',
      ['03-28T23:20', '03-28T23:40', '03-29T00:00', '03-29T00:20', '03-29T00:40', '03-29T01:00'],
    ],
  ])('%s goes on evenly', (cron, times) => {
    expect(following(cron, '2026-03-28T23:00:00Z', times.length)).toEqual(times)
  })
})

describe('in the hour that comes twice (London, 25 October 2026, 01:00 to 02:00)', () => {
  test.each([
    ['30 1 * * *', ['10-25T00:30', '10-26T01:30', '10-27T01:30']],
    ['*/30 1 * * *', ['10-25T00:00', '10-25T00:30', '10-26T01:00', '10-26T01:30']],
    ['0 */1 * * *', ['10-24T23:00', '10-25T00:00', '10-25T01:00', '10-25T02:00']],
    ['0 2 * * *', ['10-25T02:00', '10-26T02:00']],
  ])('%s', (cron, times) => {
    expect(following(cron, '2026-10-24T22:30:00Z', times.length)).toEqual(times)
  })

  test('every half hour goes on evenly through both', () => {
    expect(following('*/30 * * * *', '2026-10-24T23:45:00Z', 6)).toEqual([
      '10-25T00:00',
      '10-25T00:30',
      '10-25T01:00',
      '10-25T01:30',
      '10-25T02:00',
      '10-25T02:30',
    ])
  })

  test('from anywhere in it, what was due the first time is over', () => {
    expect(following('30 1 * * *', '2026-10-25T01:10:00Z', 1)).toEqual(['10-26T01:30'])
    expect(following('30 1 * * *', '2026-10-25T00:10:00Z', 1)).toEqual(['10-25T00:30'])
  })
})

test('a clock that is set by half an hour, and a day that was left out', () => {
  expect(following('15 2 * * *', '2026-10-03T00:00:00Z', 2, 'Australia/Lord_Howe')).toEqual([
    '10-03T15:30',
    '10-04T15:15',
  ])
  expect(following('0 12 30 12 *', '2011-12-01T00:00:00Z', 1, 'Pacific/Apia')).toEqual(['12-30T10:00'])
})

describe('the newest', () => {
  const daily = rhythmOf('0 3 * * *', 'UTC')

  test('after the one and up to the other moment', () => {
    const newest = (after: string, until: string) => daily.newest(at(after), at(until))?.toISOString()
    expect(newest('2026-01-01T03:00:00Z', '2026-11-20T02:00:00Z')).toBe('2026-11-19T03:00:00.000Z')
    expect(newest('2026-11-19T02:00:00Z', '2026-11-19T03:00:00Z')).toBe('2026-11-19T03:00:00.000Z')
    expect(newest('2026-11-19T03:00:00Z', '2026-11-20T02:59:59Z')).toBeUndefined()
    expect(newest('2026-11-20T03:00:00Z', '2026-11-20T03:00:00Z')).toBeUndefined()
    expect(newest('2026-11-21T03:00:00Z', '2026-11-20T03:00:00Z')).toBeUndefined()
  })

  // One by one it would take minutes.
  test('of a year of minutes is found', () => {
    const minutes = rhythmOf('* * * * *', 'UTC')
    expect(minutes.newest(at('2026-01-01T00:00:00Z'), at('2026-12-31T23:59:30Z'))?.toISOString()).toBe(
      '2026-12-31T23:59:00.000Z',
    )
  })
})

test.each([
  ['61 * * * *', 'UTC', '"61 * * * *" is no schedule: Field value (61) is out of range.'],
  ['0 0 30 2 *', 'UTC', 'The schedule "0 0 30 2 *" never comes.'],
  ['daily', 'Europe/Londn', 'There is no time zone "Europe/Londn".'],
])('%s in %s is explained', (cron, zone, message) => {
  expect(() => rhythmOf(cron, zone).next(at('2026-11-25T00:00:00Z'))).toThrow(message)
})
