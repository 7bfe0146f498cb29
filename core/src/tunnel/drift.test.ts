/** What nobody means and everybody reaches: by a wildcard, the rule for everything else, a path, a pattern. */
import { describe, expect, it } from 'vitest'
import type { AccessApp, DnsRecord, IngressRule, Tunnel } from '../cloudflare/types.ts'
import { networkSettings } from '../inventory/network-schema.ts'
import { driftOf as driftOfHostnames } from '../operations/hostname/drift.ts'
import type { RouterView } from '../traefik/types.ts'
import { driftOf } from './drift.ts'
import type { Seen } from './seen.ts'

const TUNNEL = '6ff42ae2-765d-4adf-8112-31c55c1551ef'
const ORIGIN = 'http://192.168.1.101:80'
const tunnel: Tunnel = {
  id: TUNNEL,
  name: 'homelab',
  status: 'healthy',
  source: 'cloudflare',
  createdAt: '2026-01-01T00:00:00Z',
  connections: 4,
}
const record = (name: string, more: Partial<DnsRecord> = {}): DnsRecord => ({
  id: name,
  zone: 'z',
  name,
  type: 'CNAME',
  content: `${TUNNEL}.cfargotunnel.com`,
  proxied: true,
  ttl: 1,
  ...more,
})
const router = (name: string, rule: string, hostnames: readonly string[] = []): RouterView => ({
  name,
  provider: 'docker',
  rule,
  status: 'enabled',
  errors: [],
  entryPoints: ['web'],
  service: name,
  middlewares: [],
  tls: false,
  hostnames,
})
const portainer = router('portainer@docker', 'Host(`portainer.example.com`)', ['portainer.example.com'])
const app = (domain: string): AccessApp => ({
  id: domain,
  name: domain,
  domain,
  domains: [domain],
  aud: 'a',
  type: 'self_hosted',
  policies: [{ name: 'me', decision: 'allow', raw: {} }],
})
const last: IngressRule = { service: 'http_status:404' }

interface Lab {
  readonly records?: readonly DnsRecord[]
  readonly rules?: readonly IngressRule[]
  readonly routers?: readonly RouterView[]
  readonly apps?: readonly AccessApp[]
  readonly routes?: Readonly<Record<string, string>>
  readonly unseen?: true
}
const seenOf = ({
  records = [],
  rules = [last],
  routers = [],
  apps = [],
  routes = {},
  unseen,
}: Lab): Seen => ({
  now: new Date('2026-11-26T00:00:00Z'),
  settings: networkSettings({ domain: 'example.com', routes } as never),
  services: [],
  tunnel,
  tunnels: [tunnel],
  origin: ORIGIN,
  rules,
  records,
  apps,
  ...(unseen ? {} : { traefik: { files: [], routers, services: [] } }),
  backends: new Map(),
  unseen: [],
})
const drift = (lab: Lab) => driftOf(seenOf(lab)).map(({ id, severity, there }) => [id, severity, there])
const wild = [record('*.example.com')]
const wildRule = { hostname: '*.example.com', service: ORIGIN }

describe('a wildcard record', () => {
  it('and a wildcard rule to Traefik expose whatever has a router', () => {
    const lab = { records: wild, rules: [wildRule, last], routers: [portainer] }
    expect(drift(lab)).toEqual([
      ['unmeant/portainer.example.com', 'warning', 'reachable without a login, by portainer@docker'],
    ])
    expect(drift({ ...lab, apps: [app('*.example.com')] })).toEqual([
      ['unmeant/portainer.example.com', 'note', 'reachable, by portainer@docker'],
    ])
    // Nobody is led there without the record.
    expect(drift({ ...lab, records: [] })).toEqual([])
  })

  it('leads no name that has a record of any type', () => {
    const text = record('portainer.example.com', { type: 'TXT', content: 'v=1', proxied: false })
    const lab = { records: [...wild, text], rules: [wildRule, last], routers: [portainer] }
    expect(drift(lab)).toEqual([])
    expect(drift({ ...lab, routes: { 'portainer.example.com': 'portainer' } })).toContainEqual([
      'dns-missing/portainer.example.com',
      'warning',
      'none',
    ])
  })

  it('and the rule for everything else do so too', () => {
    expect(drift({ records: wild, rules: [{ service: ORIGIN }], routers: [portainer] })).toEqual([
      ['unmeant/portainer.example.com', 'warning', 'reachable without a login, by portainer@docker'],
    ])
    expect(drift({ records: wild, routers: [portainer] })).toEqual([])
  })

  it('exposes a rule that leads past Traefik, which is critical for what is private by nature', () => {
    const of = (label: string, service: string) => [
      { hostname: `${label}.example.com`, service, originRequest: { noTLSVerify: true } },
      last,
    ]
    expect(drift({ records: wild, rules: of('pve', 'https://192.168.1.10:8006') })).toEqual([
      ['unmeant/pve.example.com', 'critical', 'reachable without a login, by https://192.168.1.10:8006'],
    ])
    expect(drift({ records: wild, rules: of('box', 'https://192.168.1.10:8006') })[0]?.[1]).toBe('critical')
    expect(drift({ records: wild, rules: of('pve', 'http://192.168.1.10:80') })[0]?.[1]).toBe('critical')
    expect(drift({ records: wild, rules: of('wiki', 'http://192.168.1.77:80') })[0]?.[1]).toBe('warning')
  })

  it('by which a router leads to what is private by nature is critical', () => {
    const grafana = router('mon@docker', 'Host(`mon.example.com`)', ['mon.example.com'])
    const lab = { records: wild, rules: [wildRule, last], routers: [{ ...grafana, service: 'grafana' }] }
    expect(drift(lab).map(([id, severity]) => [id, severity])).toEqual([
      ['unmeant/mon.example.com', 'critical'],
    ])
  })

  it('and a wildcard rule that leads past Traefik expose every name', () => {
    const rules = [{ hostname: '*.example.com', service: 'http://192.168.1.50:3000' }, last]
    expect(drift({ records: wild, rules })).toEqual([
      [
        'unmeant/*.example.com',
        'warning',
        'every name below is reachable without a login: it leads to http://192.168.1.50:3000, by *.example.com',
      ],
    ])
    expect(
      drift({ records: wild, rules: [{ hostname: '*.example.com', service: 'http_status:404' }, last] }),
    ).toEqual([])
  })

  it('reaches a rule of a path', () => {
    const rules = [{ hostname: 'a.example.com', path: '^/x', service: 'http://192.168.1.50' }, last]
    expect(drift({ records: wild, rules })).toEqual([
      ['unmeant/a.example.com', 'warning', 'reachable without a login, by ^/x http://192.168.1.50'],
    ])
  })

  it('says so while Traefik cannot be seen', () => {
    const rules = [{ hostname: 'a.example.com', service: ORIGIN }, last]
    expect(drift({ records: wild, rules, unseen: true }).map(([id]) => id)).toEqual(['unmeant/a.example.com'])
  })
})

it('a route for a pattern is a row of its own, and worse with a wildcard', () => {
  const routers = [router('any@docker', 'HostRegexp(`^.+$`)', ['HostRegexp(`^.+$`)'])]
  expect(drift({ routers }).map(([id, severity]) => [id, severity])).toEqual([
    ['route-pattern/any@docker', 'note'],
  ])
  const lab = { routers, records: wild, rules: [wildRule, last] }
  expect(drift(lab).map(([id, severity]) => [id, severity])).toEqual([
    ['route-pattern/any@docker', 'warning'],
  ])
  expect(drift({ ...lab, apps: [app('*.example.com')] })[0]?.[1]).toBe('note')
  // Without any host it is for all of them.
  const paths = [router('files@docker', 'PathPrefix(`/files`)')]
  expect(drift({ routers: paths })).toEqual([])
  expect(drift({ ...lab, routers: paths })[0]?.slice(0, 2)).toEqual(['route-pattern/files@docker', 'warning'])
})

describe('a record of somebody else to the tunnel', () => {
  it('is idle where nothing takes its requests, and not where the rule for everything else does', () => {
    const records = [record('portainer.example.com')]
    expect(drift({ records, routers: [portainer] })).toEqual([
      ['dns-idle/portainer.example.com', 'note', 'a record to the tunnel, which has nothing for it'],
    ])
    expect(drift({ records, routers: [portainer], rules: [{ service: ORIGIN }] })).toEqual([
      ['unmeant/portainer.example.com', 'warning', 'reachable without a login, by portainer@docker'],
    ])
  })
})

it('a path of a meant name that leads past its service is named', () => {
  const rules = [
    { hostname: 'wiki.example.com', path: '^/admin', service: 'http://192.168.1.50' },
    { hostname: 'wiki.example.com', service: ORIGIN },
    last,
  ]
  const lab = { rules, records: [record('wiki.example.com')], routes: { 'wiki.example.com': 'wiki' } }
  expect(drift(lab)).toContainEqual([
    'rule-path/wiki.example.com',
    'warning',
    '^/admin to http://192.168.1.50',
  ])
})

it('where Traefik is nobody that can be asked, a wildcard is named by itself', () => {
  const meant = { hostnames: new Set<string>(), public: new Set<string>() }
  const rows = (lab: Lab) => driftOfHostnames(seenOf(lab), meant).map(({ id, severity }) => [id, severity])
  expect(rows({ records: wild, rules: [{ service: ORIGIN }] })).toEqual([
    ['wildcard/*.example.com', 'warning'],
  ])
  expect(rows({ records: wild, rules: [wildRule, last], apps: [app('*.example.com')] })).toEqual([
    ['wildcard/*.example.com', 'note'],
  ])
  expect(rows({ records: wild })).toEqual([])
})

it('500 names and as many routers are compared in one go', () => {
  const names = Array.from({ length: 500 }, (_, at) => `s${at}.example.com`)
  const began = performance.now()
  const rows = drift({
    records: wild,
    rules: [...names.slice(0, 250).map((hostname) => ({ hostname, service: ORIGIN })), wildRule, last],
    routers: names.map((name) => router(`${name}@docker`, `Host(\`${name}\`)`, [name])),
  })
  expect(rows).toHaveLength(500)
  expect(performance.now() - began).toBeLessThan(2_000)
})
