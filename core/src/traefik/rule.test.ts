import { expect, test } from 'vitest'
import { hostnamesInText, hostnamesOf } from './rule.ts'

test.each<[string, readonly string[]]>([
  ['Host(`a.example.org`)', ['a.example.org']],
  ['Host(`A.Example.org`) || Host(`b.example.org`)', ['a.example.org', 'b.example.org']],
  ['Host("a.example.org")&&PathPrefix(`/x`)', ['a.example.org']],
  // As Traefik 2 had it.
  ['Host(`a.example.org`, `b.example.org`)', ['a.example.org', 'b.example.org']],
  ['host( `a.example.org` )', ['a.example.org']],
  ['HostRegexp(`^.+\\.example\\.org$`)', ['HostRegexp(`^.+\\.example\\.org$`)']],
  ['HostRegexp(`^[a-z]+$`) || Host(`x.example.org`)', ['HostRegexp(`^[a-z]+$`)', 'x.example.org']],
  ['HostSNI(`a.example.org`)', []],
  ['!Host(`a.example.org`) && Host(`b.example.org`)', ['b.example.org']],
  ['PathPrefix(`/Host(x)`) && Header(`X`, "Host(`a.example.org`)")', []],
  ['PathPrefix(`/`)', []],
  ['Host()', []],
  ['Host(`', []],
  ['Host(``)', []],
  ['', []],
])('%s', (rule, names) => {
  expect(hostnamesOf(rule)).toEqual(names)
})

test('a very long rule takes no time', () => {
  const began = performance.now()
  for (const part of ['Host(`a`) || ', '! ', 'Host( ', '"\\', 'Host(`a`, ', '`'])
    hostnamesOf(part.repeat(100_000))
  expect(performance.now() - began).toBeLessThan(1_000)
})

test('in what is not parsed, those that are spelled out', () => {
  const toml = 'rule = "Host(`a.example.org`) && !Host(`c.example.org`)"\nother = \'Host("B.example.org")\''
  expect(hostnamesInText(toml)).toEqual(['a.example.org', 'b.example.org'])
})
