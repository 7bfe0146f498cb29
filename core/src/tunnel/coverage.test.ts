import { expect, test } from 'vitest'
import type { AccessApp } from '../cloudflare/types.ts'
import { coverageBy, guarding } from './coverage.ts'

const app = (name: string, domains: readonly string[], change: Partial<AccessApp> = {}): AccessApp => ({
  id: name,
  name,
  domain: domains[0] ?? '',
  domains,
  aud: name,
  type: 'self_hosted',
  policies: [{ name: 'p', decision: 'allow', raw: { include: [{ email: { email: 'a@example.com' } }] } }],
  ...change,
})
const named = (apps: readonly AccessApp[], domain: string) => coverageBy(apps)(domain)?.name

test('the most exact application counts', () => {
  const apps = [
    app('wild', ['*.example.com']),
    app('exact', ['a.example.com']),
    app('path', ['a.example.com/admin']),
  ]
  expect(named(apps, 'b.example.com')).toBe('wild')
  expect(named(apps, 'a.example.com')).toBe('exact')
  expect(named(apps, 'a.example.com/admin')).toBe('path')
  expect(named(apps, 'a.example.com/admin/users')).toBe('path')
  expect(named(apps, 'a.example.com/administrator')).toBe('exact')
  expect(named(apps, 'x.b.example.com')).toBeUndefined()
})

test('one of a path does not cover the host, and `*` behind the slash does', () => {
  expect(named([app('path', ['a.example.com/admin'])], 'a.example.com')).toBeUndefined()
  expect(named([app('all', ['a.example.com/*'])], 'a.example.com')).toBe('all')
  expect(named([app('second', ['x.example.com', 'a.example.com'])], 'a.example.com')).toBe('second')
  expect(
    named([app('launcher', ['a.example.com'], { type: 'app_launcher' })], 'a.example.com'),
  ).toBeUndefined()
})

test('one that lets everybody in guards nothing, one that lets an address in does', () => {
  const bypass = (include: object) =>
    app('open', ['a.example.com'], {
      policies: [{ name: 'p', decision: 'bypass', raw: { include: [include] } as never }],
    })
  expect(guarding(bypass({ everyone: {} }))).toBeUndefined()
  expect(guarding(bypass({ ip: { ip: '203.0.113.7/32' } }))).toBeDefined()
  expect(guarding(undefined)).toBeUndefined()
})
