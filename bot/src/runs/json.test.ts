import { expect, test } from 'vitest'
import { digest, packError, packJson, unpackJson } from './json.ts'

test('NUL, lone surrogates, BigInt, dates and undefined become plain JSON', () => {
  const value = { text: 'a\0b\uD800c', big: 2n ** 60n, at: new Date(0), gone: undefined, list: [undefined] }

  expect(unpackJson(packJson(value, 'it'))).toEqual({
    text: 'a\uFFFDb\uFFFDc',
    big: '1152921504606846976',
    at: '1970-01-01T00:00:00.000Z',
    list: [null],
  })
  expect(packJson(undefined, 'it')).toBe('null')
})

test('what is too long is refused by name and size', () => {
  expect(() => packJson('x'.repeat(1024 * 1024), 'The result of "look"')).toThrow(
    'The result of "look" is 1048578 bytes long; at most 1048576 can be kept.',
  )
})

test('equal values have one digest, whatever the order of their keys', () => {
  expect(digest({ a: 1, b: { c: [1, null], d: undefined } })).toBe(digest({ b: { c: [1, null] }, a: 1 }))
  expect(digest({ a: 1 })).not.toBe(digest({ a: '1' }))
  expect(digest([1, 2])).not.toBe(digest([2, 1]))
})

test('an error with data that cannot be kept is kept without it', () => {
  const loop: Record<string, unknown> = {}
  Object.assign(loop, { self: loop })

  expect(unpackJson(packError({ code: 'failed', message: 'no', data: loop }))).toEqual({
    code: 'failed',
    message: 'no',
  })
  const long = { code: 'failed', message: 'm'.repeat(2_000_000) } as const
  expect(unpackJson(packError(long))).toEqual({ code: 'failed', message: 'm'.repeat(4_000) })
})
