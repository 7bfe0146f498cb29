import { expect, test } from 'vitest'
import { damageIn, type Verification } from './verifications.ts'

const read = (at: number, part: number, cycle: number, sound = true): Verification => ({
  at,
  part,
  cycle,
  sound,
})

test('a sound part does not make up for another one that was damaged', () => {
  expect(damageIn([])).toBeUndefined()
  expect(damageIn([read(1, 1, 3), read(2, 2, 3, false), read(3, 3, 3)])).toMatchObject({ part: 2 })
})

test('the same part, or everything, sound since: it is mended', () => {
  const before = [read(1, 1, 3), read(2, 2, 3, false)]
  expect(damageIn([...before, read(3, 2, 3)])).toBeUndefined()
  expect(damageIn([...before, read(3, 1, 1)])).toBeUndefined()
  expect(damageIn([...before, read(3, 1, 2)])).toMatchObject({ at: 2 })
  expect(damageIn([...before, read(3, 1, 2), read(4, 2, 2)])).toBeUndefined()
})
