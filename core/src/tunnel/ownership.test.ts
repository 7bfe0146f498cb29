import { expect, it, test } from 'vitest'
import {
  dnsComment,
  enforcedBy,
  readMark,
  routeName,
  ruleFor,
  tunnelOfRecord,
  untilText,
} from './ownership.ts'

it.each([
  { service: 'jellyfin' },
  { service: 'jellyfin', open: true },
  { service: 'jellyfin', until: '2026-11-26T10:00Z' },
  { service: 'jellyfin', open: true, until: '2026-11-26T10:00Z' },
])('%j comes back from its comment', (mark) => {
  expect(readMark({ comment: dnsComment(mark) })).toEqual(mark)
})

it.each(['', 'homelab', 'homelab:', 'homelab: ', 'x homelab: a', 'Homelab: a'])(
  '%j is not ours',
  (comment) => {
    expect(readMark({ comment })).toBeUndefined()
  },
)

test('a comment is at most what the Free plan takes, however long the name', () => {
  const mark = { service: 'x'.repeat(63), open: true, until: '2026-11-26T10:00Z' }
  expect(dnsComment(mark).length).toBeLessThanOrEqual(100)
  expect(readMark({ comment: dnsComment(mark) })).toEqual(mark)
})

it.each([
  ['homelab: a (for the family)', { service: 'a' }],
  ['homelab: a openly said', { service: 'a' }],
  ['homelab: a open\nsee the wiki', { service: 'a', open: true }],
  [
    'homelab: a open until 2026-11-26T10:00Z, then away',
    { service: 'a', open: true, until: '2026-11-26T10:00Z' },
  ],
  ['homelab: a until 2026-11-26T10:00Z ask Mia', { service: 'a', until: '2026-11-26T10:00Z' }],
])('%j is ours, whatever a person wrote behind it', (comment, mark) => {
  expect(readMark({ comment })).toEqual(mark)
})

test('an end is never earlier than it was asked for', () => {
  expect(untilText(new Date('2026-11-26T10:00:00.000Z'))).toBe('2026-11-26T10:00Z')
  expect(untilText(new Date('2026-11-26T10:00:00.001Z'))).toBe('2026-11-26T10:01Z')
})

test('a route is called like its service, and under another name like both; long ones stay apart', () => {
  expect(routeName('jellyfin', 'jellyfin.example.com', 'jellyfin.example.com')).toBe('homelab-jellyfin')
  expect(routeName('my.App_1', 'a.example.com', 'a.example.com')).toBe('homelab-my-app-1')
  expect(routeName('jellyfin', 'tv.example.com', 'jellyfin.example.com')).toBe(
    'homelab-jellyfin-tv-example-com',
  )
  const long = (label: string) =>
    routeName('jellyfin', `${'a'.repeat(63)}.${'b'.repeat(63)}.${label}.example.com`, undefined)
  expect(long('x')).toMatch(/^homelab-[a-z0-9-]{1,92}$/)
  expect(long('x')).not.toBe(long('y'))
})

test('the tunnel of a record', () => {
  const id = '6ff42ae2-765d-4adf-8112-31c55c1551ef'
  expect(tunnelOfRecord({ type: 'CNAME', content: `${id.toUpperCase()}.cfargotunnel.com.` })).toBe(id)
  expect(tunnelOfRecord({ type: 'A', content: `${id}.cfargotunnel.com` })).toBeUndefined()
  expect(tunnelOfRecord({ type: 'CNAME', content: `${id}.cfargotunnel.com.evil.example` })).toBeUndefined()
})

test('a rule keeps every key that is not about this', () => {
  const before = {
    hostname: 'a.example.com',
    service: 'http://old',
    novel: 1,
    originRequest: { noTLSVerify: true, access: { required: true, teamName: 'x', audTag: ['1'] } },
  }
  const enforced = { teamName: 'team', audTag: ['2'] }
  const rule = ruleFor('a.example.com', 'http://new', enforced, before)
  expect(rule).toEqual({
    hostname: 'a.example.com',
    service: 'http://new',
    novel: 1,
    originRequest: { noTLSVerify: true, access: { required: true, ...enforced } },
  })
  expect(enforcedBy(rule)).toEqual(enforced)
  expect(ruleFor('a.example.com', 'http://new', undefined, before)).toMatchObject({
    originRequest: { noTLSVerify: true },
  })
  expect(enforcedBy(ruleFor('a.example.com', 'http://new', undefined, before))).toBeUndefined()
  expect(ruleFor('b.example.com', 'http://new', undefined, undefined)).toEqual({
    hostname: 'b.example.com',
    service: 'http://new',
  })
})
