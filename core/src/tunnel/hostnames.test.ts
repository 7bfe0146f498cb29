import { describe, expect, it, test } from 'vitest'
import { accessCovers, certified, covers, hostnameOf, within } from './hostnames.ts'

describe('hostnameOf', () => {
  it.each([
    ['Films', 'films.example.com'],
    [' films.example.com. ', 'films.example.com'],
    ['a.b.example.com', 'a.b.example.com'],
    ['bücher', 'xn--bcher-kva.example.com'],
    ['BÜCHER.example.com', 'xn--bcher-kva.example.com'],
    ['xn--bcher-kva', 'xn--bcher-kva.example.com'],
    ['日本.example.com', 'xn--wgv71a.example.com'],
    ['example.com', 'example.com'],
  ])('%j is %s', (typed, name) => {
    expect(hostnameOf(typed, 'example.com')).toBe(name)
  })

  it.each([
    '',
    ' ',
    '.',
    '..',
    'a b',
    'a/b',
    'a:80',
    '*.x',
    'a*',
    '-a',
    'a-',
    'a_b',
    'a..b',
    '[::1]',
    'a`b',
    'a\u0000b',
    'a\nb',
    'a{{b}}',
  ])('%j is none', (typed) => {
    expect(() => hostnameOf(typed, 'example.com')).toThrow(/cannot be a host name/)
  })

  it('measures names as DNS has them', () => {
    expect(hostnameOf('a'.repeat(63), 'example.com')).toHaveLength(75)
    expect(() => hostnameOf('a'.repeat(64), 'example.com')).toThrow('at most 63')
    expect(() => hostnameOf('ü'.repeat(58), 'example.com')).toThrow('at most 63')
    const long = `${'a'.repeat(60)}.${'b'.repeat(60)}.${'c'.repeat(60)}.${'d'.repeat(60)}`
    expect(() => hostnameOf(`${long}.example.com`, 'example.com')).toThrow('at most 253')
  })

  it('stays in its domain, and needs one', () => {
    expect(() => hostnameOf('films.example.org', 'example.com')).toThrow('not under example.com')
    expect(() => hostnameOf('films.notexample.com', 'example.com')).toThrow('not under example.com')
    expect(() => hostnameOf('films', undefined)).toThrow('has no domain')
    expect(hostnameOf('films.example.org', undefined)).toBe('films.example.org')
    expect(() => hostnameOf('10.0.0.1', undefined)).toThrow('IP address')
  })
})

test('a wildcard of cloudflared and DNS is every name below, one of Access is one level', () => {
  expect(covers('*.example.com', 'a.example.com')).toBe(true)
  expect(covers('*.example.com', 'a.b.example.com')).toBe(true)
  expect(covers('*.example.com', 'example.com')).toBe(false)
  expect(covers('*.example.com', 'a.notexample.com')).toBe(false)
  expect(covers('A.example.com', 'a.example.com')).toBe(true)
  expect(accessCovers('*.example.com', 'a.example.com')).toBe(true)
  expect(accessCovers('*.example.com', 'a.b.example.com')).toBe(false)
  expect(accessCovers('*.example.com', 'example.com')).toBe(false)
  expect(accessCovers('test-*.example.com', 'test-1.example.com')).toBe(true)
  expect(accessCovers('test-*.example.com', 'prod-1.example.com')).toBe(false)
  expect(accessCovers('a*b*c.example.com', 'a1b2c.example.com')).toBe(true)
  expect(accessCovers('a*b*c.example.com', 'a12c.example.com')).toBe(false)
})

test('the free certificate is for the zone and one level below it', () => {
  expect(certified('example.com', 'example.com')).toBe(true)
  expect(certified('a.example.com', 'example.com')).toBe(true)
  expect(certified('a.b.example.com', 'example.com')).toBe(false)
  expect(within('example.com', 'example.com')).toBe(true)
})
