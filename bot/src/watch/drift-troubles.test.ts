import { expect, test } from 'vitest'
import { type DriftState, driftTold, judgeDrift, nothingDrifts } from './drift-troubles.ts'

const at = (minute: number) => new Date(Date.UTC(2026, 10, 26, 3, minute))

/** The looks one after the other, each told. @returns the last one before it is told */
function looks(...rows: readonly (readonly string[])[]): DriftState {
  let state = nothingDrifts
  for (const [minute, found] of rows.entries()) state = judgeDrift(driftTold(state), found, at(minute))
  return state
}

test('what one look finds may be half made, and is not told', () => {
  expect(looks(['a'])).not.toHaveProperty('trouble')
  expect(looks(['a'], [], ['a'])).not.toHaveProperty('trouble')
})

test('what two looks find is told once', () => {
  const second = looks(['a'], ['a'])
  expect(second.trouble).toMatchObject({ rows: ['a'], untold: true })
  expect(looks(['a'], ['a'], ['a']).trouble).toEqual({ ...second.trouble, untold: false })
})

test('a row more is a card of its own, and the one before comes to its end', () => {
  const first = looks(['a'], ['a']).trouble
  const { trouble, over } = looks(['a'], ['a'], ['a', 'b'], ['a', 'b'])
  expect(trouble).toMatchObject({ rows: ['a', 'b'], untold: true })
  expect(trouble?.id).not.toBe(first?.id)
  expect(over).toEqual([{ id: first?.id, why: 'newer' }])
})

test('a row less changes the card; with the last one it is over, once two looks agree', () => {
  const first = looks(['a', 'b'], ['a', 'b']).trouble
  const less = [['a', 'b'], ['a', 'b'], ['a'], ['a']]
  expect(looks(...less).trouble).toEqual({ id: first?.id, rows: ['a'], untold: true })
  expect(looks(...less, []).trouble).toMatchObject({ rows: ['a'], untold: false })
  expect(looks(...less, [], [])).toEqual({ seen: [], over: [{ id: first?.id, why: 'gone' }] })
})

test('what a crash kept from being told is told by the look after it', () => {
  const untold = judgeDrift(judgeDrift(nothingDrifts, ['a'], at(0)), ['a'], at(1))
  expect(judgeDrift(untold, ['a'], at(2)).trouble).toEqual(untold.trouble)
  const over = judgeDrift(judgeDrift(driftTold(untold), [], at(2)), [], at(3))
  expect(judgeDrift(over, [], at(4)).over).toEqual([{ id: untold.trouble?.id, why: 'gone' }])
})
