import { describe, expect, it } from 'vitest'
import { Names } from './names.ts'

describe('names', () => {
  it('with one more are others, and stay what they were', () => {
    const one = Names.of(['a'])
    const two = one.with('b')
    const other = one.with('c')
    expect([one, two, other].map((each) => [...each])).toEqual([['a'], ['a', 'b'], ['a', 'c']])
    expect([one.has('b'), two.has('b'), two.has('c'), other.has('b')]).toEqual([false, true, false, false])
    expect(two.with('c').size).toBe(3)
  })

  it('have each but once', () => {
    const names = Names.of(['a', 'b', 'a'])
    expect(names.size).toBe(2)
    expect(names.with('b')).toBe(names)
  })

  it('without one keep the order of the others', () => {
    const names = Names.of(['a', 'b', 'c'])
    expect([...names.without('b').with('b')]).toEqual(['a', 'c', 'b'])
    expect(names.without('x')).toBe(names)
  })

  it('are a list in JSON', () => {
    expect(JSON.stringify({ names: Names.none.with('a') })).toBe('{"names":["a"]}')
  })
})
