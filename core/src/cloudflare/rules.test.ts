import { describe, expect, test } from 'vitest'
import {
  duplicates,
  equal,
  ruleName,
  ruleOf,
  says,
  swallows,
  unreachable,
  withCatchAll,
  withoutRule,
  withRule,
} from './rules.ts'
import type { IngressRule } from './types.ts'
import { asciiName } from './zones.ts'

const to = 'http://192.168.1.101:80'
const rule = (hostname: string, more: IngressRule = {}): IngressRule => ({ hostname, service: to, ...more })
const rest: IngressRule = { service: 'http_status:404' }
const names = (rules: readonly IngressRule[]) => rules.map(ruleName)

describe('a rule is put in', () => {
  test('before the one for everything else, and after what is there', () => {
    const placed = withRule([rule('a.x.org'), rest], rule('b.x.org'))
    expect(names(placed.rules)).toEqual(['a.x.org', 'b.x.org', 'everything else'])
    expect(placed).toMatchObject({ duplicates: [] })
    expect(placed.before).toBeUndefined()
  })

  test('before a wildcard that would take its requests, and says which', () => {
    const wildcard = rule('*.x.org')
    const placed = withRule([rule('a.x.org'), wildcard, rest], rule('b.x.org'))
    expect(names(placed.rules)).toEqual(['a.x.org', 'b.x.org', '*.x.org', 'everything else'])
    expect(placed.before).toBe(wildcard)
  })

  test('in the place of its old one, whose unknown keys stay', () => {
    const old = rule('b.x.org', {
      service: 'http://old',
      future: { a: 1 },
      originRequest: { noTLSVerify: true },
    })
    const placed = withRule(
      [old, rule('a.x.org'), rest],
      rule('B.X.org.', { originRequest: { connectTimeout: 5 } }),
    )
    expect(placed.replaced).toBe(old)
    expect(placed.rules[0]).toEqual({
      hostname: 'B.X.org.',
      service: to,
      future: { a: 1 },
      originRequest: { noTLSVerify: true, connectTimeout: 5 },
    })
    expect(placed.rules).toHaveLength(3)
  })

  test('away from behind a wildcard, where no request reached it', () => {
    const placed = withRule([rule('*.x.org'), rule('b.x.org'), rest], rule('b.x.org'))
    expect(names(placed.rules)).toEqual(['b.x.org', '*.x.org', 'everything else'])
    expect(placed.before?.hostname).toBe('*.x.org')
  })

  test('into a tunnel that has none: with one for everything else', () => {
    expect(withRule([], rule('a.x.org')).rules).toEqual([rule('a.x.org'), rest])
  })

  test('with a path before the one of its whole hostname; twice there is named and left', () => {
    const whole = rule('a.x.org')
    const placed = withRule(
      [whole, rule('a.x.org', { service: 'http://second' }), rest],
      rule('a.x.org', { path: '/api' }),
    )
    expect(names(placed.rules)).toEqual(['a.x.org /api', 'a.x.org', 'a.x.org', 'everything else'])
    expect(withRule(placed.rules, whole).duplicates).toHaveLength(1)
    expect(duplicates(placed.rules)).toHaveLength(1)
  })
})

test('a rule is taken out by hostname and path; the last one never is', () => {
  const rules = [rule('a.x.org', { path: '/api' }), rule('a.x.org'), rule('b.x.org'), rest]
  expect(names(withoutRule(rules, 'A.x.org.'))).toEqual(['a.x.org /api', 'b.x.org', 'everything else'])
  expect(names(withoutRule(rules, 'a.x.org', '/api'))).toEqual(['a.x.org', 'b.x.org', 'everything else'])
  expect(withoutRule(rules, '')).toEqual(rules)
  const twice = [rule('a.x.org'), rule('a.x.org', { service: 'http://theirs' }), rest]
  const left = withoutRule(twice, 'a.x.org', '', ({ service }) => service === to)
  expect(left).toEqual(twice.slice(1))
  expect(ruleOf(rules, '')).toBeUndefined()
  expect(ruleOf(rules, 'a.x.org')).toBe(rules[1])
})

test('what a wildcard takes: names below it, at any depth, and not itself', () => {
  const wildcard = rule('*.x.org')
  expect(swallows(wildcard, rule('a.x.org'))).toBe(true)
  expect(swallows(wildcard, rule('a.b.x.org'))).toBe(true)
  expect(swallows(wildcard, rule('x.org'))).toBe(false)
  expect(swallows(wildcard, rule('ax.org'))).toBe(false)
  expect(swallows(rule('*.x.org', { path: '/a' }), rule('a.x.org'))).toBe(false)
  expect(swallows(rest, wildcard)).toBe(true)
  expect(
    unreachable([wildcard, rule('a.x.org'), rule('y.org'), rest]).map(({ rule: one }) => ruleName(one)),
  ).toEqual(['a.x.org'])
})

test('the last rule is added only where it is missing; a star alone is one', () => {
  const star = { hostname: '*', service: 'http_status:404' }
  expect(withCatchAll([star])).toEqual([star])
  expect(withCatchAll([rule('a.x.org')])).toHaveLength(2)
})

test('what the API adds or leaves out is the same, what it changes is not', () => {
  const ours = rule('a.x.org', { originRequest: {} })
  expect(says({ ...rule('a.x.org'), id: '7' }, ours)).toBe(true)
  expect(equal(rule('a.x.org'), ours)).toBe(true)
  expect(says(rule('a.x.org', { service: 'http://other' }), ours)).toBe(false)
  expect(says({ list: [1, 2] }, { list: [1] })).toBe(false)
  expect(equal([rule('a.x.org'), rest], [rest, rule('a.x.org')])).toBe(false)
})

test('names are compared as DNS has them', () => {
  expect(asciiName('Bücher.Example.com.')).toBe('xn--bcher-kva.example.com')
  expect(asciiName('*.Bücher.example.com')).toBe('*.xn--bcher-kva.example.com')
  expect(asciiName('a b')).toBe('a b')
  expect(ruleOf([rule('xn--bcher-kva.x.org'), rest], 'bücher.x.org')).toBeDefined()
})
