import { expect, test } from 'vitest'
import type { DnsRecord, IngressRule } from '../cloudflare/types.ts'
import type { RouterView } from '../traefik/types.ts'
import { type Around, wayTo } from './reach.ts'

const tunnel = '6ff42ae2-765d-4adf-8112-31c55c1551ef'
const origin = 'http://192.168.1.101:80'
const record = (name: string, more: Partial<DnsRecord> = {}): DnsRecord => ({
  id: name,
  zone: 'z',
  name,
  type: 'CNAME',
  content: `${tunnel}.cfargotunnel.com`,
  proxied: true,
  ttl: 1,
  ...more,
})
const router = (hostnames: string[], more: Partial<RouterView> = {}): RouterView => ({
  name: 'portainer@docker',
  provider: 'docker',
  rule: '',
  status: 'enabled',
  errors: [],
  entryPoints: ['web'],
  service: 'portainer',
  middlewares: [],
  tls: false,
  hostnames,
  ...more,
})
const nothing: IngressRule = { service: 'http_status:404' }
const wild: IngressRule = { hostname: '*.x.org', service: origin }
const around = (more: Partial<Around>): Around => ({
  hostname: 'a.x.org',
  tunnel,
  origin,
  records: [record('*.x.org')],
  rules: [wild, nothing],
  routers: [router(['a.x.org'])],
  ...more,
})

test.each<[string, Partial<Around>]>([
  ['a wildcard record and rule, and a router', {}],
  ['a record of the name', { records: [record('a.x.org')] }],
  ['a rule for everything else', { rules: [{ service: origin }] }],
  [
    'a rule straight to a service',
    { rules: [{ hostname: '*.x.org', service: 'https://192.168.1.10:8006' }], routers: [] },
  ],
  [
    'a rule of some paths',
    { rules: [{ hostname: 'a.x.org', path: '/admin', service: 'http://b' }, nothing], routers: [] },
  ],
  ['Traefik that cannot be seen', { routers: undefined }],
  ['a router by a pattern', { routers: [router(['HostRegexp(`.+`)'])] }],
  ['a router without a name', { routers: [router([])] }],
  [
    'an address of somebody else',
    { records: [record('a.x.org', { type: 'A', content: '203.0.113.7' })], rules: [nothing] },
  ],
  [
    'another tunnel',
    {
      records: [record('*.x.org', { content: '0a7d5c9e-1b2f-4c3d-8e9f-000000000000.cfargotunnel.com' })],
      rules: [],
    },
  ],
])('%s leads there', (_, more) => {
  expect(wayTo(around(more))).toBeDefined()
})

test.each<[string, Partial<Around>]>([
  ['no record', { records: [] }],
  ['a record of another name', { records: [record('b.x.org'), record('x.org')] }],
  ['a text', { records: [record('a.x.org', { type: 'TXT', content: 'x' })] }],
  ['no rule but the last', { rules: [nothing] }],
  [
    'a rule that answers by itself before the wildcard',
    { rules: [{ hostname: 'a.x.org', service: 'http_status:403' }, wild] },
  ],
  [
    'no router',
    { routers: [router(['b.x.org']), router([], { name: 'api@internal', provider: 'internal' })] },
  ],
  ['a router that is disabled', { routers: [router(['a.x.org'], { status: 'disabled' })] }],
])('%s leads nowhere', (_, more) => {
  expect(wayTo(around(more))).toBeUndefined()
})

test('the way is named', () => {
  expect(wayTo(around({}))).toBe(
    `the record *.x.org (CNAME ${tunnel}.cfargotunnel.com), the tunnel's rule for *.x.org, Traefik's route portainer@docker`,
  )
})
