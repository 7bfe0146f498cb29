import { expect, test } from 'vitest'
import { CheckSpec } from './spec.ts'

test.each([
  'none',
  { http: '/health' },
  { http: {} },
  { http: { path: '/x', port: 8123, scheme: 'https', expect: [200, 204] } },
  { http: { url: 'https://example.com/alive', expect: 'ok' } },
  { http: { expect: 401 } },
  { tcp: {} },
  { tcp: { port: 25 } },
  { command: ['systemctl', 'is-active', 'plex'] },
])('takes %j as it is', (spec) => {
  expect(CheckSpec.parse(spec)).toEqual(spec)
})

test.each([
  ['no', 'health is none, {http: /path}'],
  [null, 'health is none, {http: /path}'],
  [{}, 'give exactly one of http, tcp and command'],
  [{ http: '/x', tcp: {} }, 'give exactly one of http, tcp and command'],
  [{ htp: '/x' }, 'Unrecognized key: "htp"'],
  [{ http: { prot: 1 } }, 'Unrecognized key: "prot"'],
  [{ http: 'health' }, 'a path begins with /'],
  [{ http: { path: 'health' } }, 'a path begins with /'],
  [{ http: { port: 70_000 } }, 'a port is a whole number from 1 to 65535'],
  [{ tcp: { port: '25' } }, 'tcp: port: a port is a whole number from 1 to 65535'],
  [{ http: { scheme: 'ftp' } }, 'scheme is http or https'],
  [{ http: { url: 'ftp://x' } }, 'url begins with http:// or https://'],
  [{ http: { url: 'http://x/', path: '/' } }, 'give url or those, not both'],
  [{ http: { expect: {} } }, 'expect is a status (200), a list'],
  [{ http: { expect: [] } }, 'expect lists at least one status'],
  [{ http: { expect: 99 } }, 'an HTTP status is 100 to 599'],
  [{ command: 'systemctl is-active plex' }, 'command is a list'],
  [{ command: [] }, 'command names at least a program'],
])('%j: %s', (spec, message) => {
  const { error } = CheckSpec.safeParse(spec)
  expect(error?.issues.map((issue) => issue.message).join('\n')).toContain(message)
})
