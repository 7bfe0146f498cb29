import { expect, test } from 'vitest'
import { durationText, parseDuration } from './duration.ts'

const minute = 60_000

test.each([
  ['10m', 10 * minute],
  ['2h', 120 * minute],
  ['1h30m', 90 * minute],
  ['3d', 3 * 24 * 60 * minute],
  ['45s', 45_000],
  ['1d2h3m4s', 93_784_000],
])('%s is a duration, and is written again as it was', (text, ms) => {
  expect(parseDuration(text)).toBe(ms)
  expect(durationText(ms)).toBe(text)
})

test.each(['', '0m', '10', '10 m', '30m1h', '-5m', '1.5h', '1y', '99999d', 'h', '1h '.repeat(2)])(
  '%j is none',
  (text) => expect(parseDuration(text)).toBeUndefined(),
)

test('capitals and blanks around it are no matter', () => expect(parseDuration(' 2H ')).toBe(120 * minute))
