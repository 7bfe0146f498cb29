/** What is exposed against what is meant: each kind of difference is made behind homelab's back, named, and put right. */
import type { Inventory } from '@homelab/core/inventory'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cloudflarePeer } from '../support/cloudflare.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import {
  counted,
  found,
  host,
  nothing,
  open,
  output,
  outside,
  placesOf,
  type Typist,
  withNetwork,
  words,
} from './tunnel.fixture.ts'

let simulator: Simulator
const typists: Typist[] = []

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.02 })
})
afterAll(() => simulator?.stop())
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
})
afterEach(async () => {
  for (const typist of typists.splice(0)) await typist[Symbol.asyncDispose]()
})

async function typing(change?: (inventory: Inventory) => Inventory): Promise<Typist> {
  const typist = await open(simulator, change)
  typists.push(typist)
  return typist
}
const peer = () => cloudflarePeer(simulator)
const target = () => `${simulator.lab.cloudflare.tunnel}.cfargotunnel.com`

interface Row {
  readonly id: string
  readonly there: string
  readonly severity: string
  readonly fixable: boolean
}
/** Those that the lab of the start does not have. */
const known = new Set([
  'private-open/vault.harmeetrai.com',
  'enforce-missing/n8n.harmeetrai.com',
  'enforce-missing/grafana.harmeetrai.com',
])
const drift = async (type: Typist): Promise<readonly Row[]> =>
  found<{ rows: Row[] }>(await type('tunnel drift')).rows.filter(({ id }) => !known.has(id))

async function rules() {
  return (await peer().state()).tunnels[0]?.config?.ingress ?? []
}
/** Writes the rules as somebody else does. */
const write = (ingress: readonly object[]) => peer().post('tunnel', { config: { ingress } })
const without = async (hostname: string) =>
  write((await rules()).filter((each) => each.hostname !== hostname))

/** A file in Traefik's directory by a person's hand, and Traefik noticed; null takes it away. */
async function routeFile(name: string, text: string | null): Promise<void> {
  const mark = await simulator.mark()
  await simulator.traefikFiles({ [name]: text })
  await simulator.waitFor({ kind: 'traefik', what: 'loaded' }, { after: mark })
}
/** Our file of Jellyfin's route, changed by a person. */
const ourFile = ({ url = 'http://127.0.0.1:9', middlewares = '' }) =>
  `# Made by homelab, which overwrites what is changed here. Takes it away: homelab tunnel unexpose ${host('jellyfin')}
http:
  routers:
    homelab-jellyfin:
      rule: "Host(\`${host('jellyfin')}\`)"
      service: homelab-jellyfin
      entryPoints: ["web"]${middlewares}
  services:
    homelab-jellyfin:
      loadBalancer:
        servers:
          - url: "${url}"
`
/** The record of a name, by somebody else's hand. */
async function led(label: string, content: string, more: object = {}): Promise<void> {
  await peer().post('records', { name: host(label), remove: true })
  await peer().post('records', { name: host(label), content, ...more })
}

it('of the lab at the start is the admin page of Vaultwarden, and its fix puts that behind Access alone', async () => {
  const type = await typing()
  expect(await drift(type)).toEqual([])
  const row = `private-open/${host('vault')}`
  const asked = await type(`tunnel fix ${row}`, false)
  expect(asked.state).toBe('asking')
  expect(words(asked)).toContain('a login before vault.harmeetrai.com/admin')
  output(await type(`tunnel fix ${row}`))
  expect(await outside(simulator, host('vault'), '/admin')).toBe(302)
  expect(await outside(simulator, host('vault'), '/alive')).toBe(200)
  // The second lock of what is behind Access.
  for (const label of ['n8n', 'grafana']) {
    output(await type(`tunnel fix enforce-missing/${host(label)}`))
    expect(await placesOf(simulator, host(label))).toMatchObject({ enforced: true })
  }
  const rows = output<{ rows: Row[] }>(await type('tunnel drift')).rows
  expect(rows).toEqual([])
})

/** A kind of difference, made; and what its fix leaves. */
const cases: readonly {
  readonly kind: string
  readonly label: string
  readonly make: () => Promise<unknown>
  readonly severity?: string
}[] = [
  {
    kind: 'dns-missing',
    label: 'jellyfin',
    make: () => peer().post('records', { name: host('jellyfin'), remove: true }),
  },
  { kind: 'rule-missing', label: 'jellyfin', make: () => without(host('jellyfin')) },
  { kind: 'route-missing', label: 'jellyfin', make: () => routeFile('homelab-jellyfin.yml', null) },
  {
    kind: 'access-missing',
    label: 'grafana',
    make: () => peer().post('apps', { remove: host('grafana') }),
    severity: 'critical',
  },
  {
    kind: 'rule-elsewhere',
    label: 'jellyfin',
    make: async () =>
      write(
        (await rules()).map((each) =>
          each.hostname === host('jellyfin') ? { ...each, service: 'http://192.168.1.9' } : each,
        ),
      ),
  },
  {
    kind: 'rule-shadowed',
    label: 'jellyfin',
    make: async () =>
      write([{ hostname: '*.harmeetrai.com', service: 'http://192.168.1.9' }, ...(await rules())]),
  },
  {
    kind: 'route-elsewhere',
    label: 'jellyfin',
    make: () => routeFile('homelab-jellyfin.yml', ourFile({})),
  },
  {
    kind: 'route-broken',
    label: 'jellyfin',
    make: () =>
      routeFile('homelab-jellyfin.yml', ourFile({ middlewares: '\n      middlewares: ["nope@file"]' })),
  },
  {
    kind: 'dns-other-tunnel',
    label: 'jellyfin',
    make: async () => {
      const { id } = await peer().post<{ id: string }>('tunnels', { name: 'other' })
      await led('jellyfin', `${id}.cfargotunnel.com`, { comment: 'homelab: jellyfin' })
    },
  },
  {
    kind: 'dns-mark',
    label: 'jellyfin',
    make: () => led('jellyfin', target(), { comment: 'homelab: plex' }),
    severity: 'note',
  },
  {
    kind: 'dns-dead-tunnel',
    label: 'jellyfin',
    make: () =>
      led('jellyfin', '11111111-2222-4333-8444-555555555555.cfargotunnel.com', {
        comment: 'homelab: jellyfin',
      }),
    severity: 'critical',
  },
  {
    kind: 'dns-unproxied',
    label: 'jellyfin',
    make: () => led('jellyfin', target(), { proxied: false, comment: 'homelab: jellyfin' }),
  },
]

describe.each(cases)('$kind', ({ kind, label, make, severity = 'warning' }) => {
  it('is named, planned and put right', async () => {
    const type = await typing()
    await make()
    const id = `${kind}/${host(label)}`
    const rows = await drift(type)
    expect(rows).toContainEqual(expect.objectContaining({ id, severity, fixable: true }))
    const asked = await type(`tunnel fix ${id}`, false)
    expect(asked.state).toBe('asking')
    output(await type(`tunnel fix ${id}`))
    expect((await drift(type)).map((row) => row.id)).not.toContain(id)
    expect(await outside(simulator, host(label), '/health')).toBe(label === 'grafana' ? 302 : 200)
  })
})

describe('what cannot be put right from here', () => {
  it('is a record of somebody else where a name of the file should be', async () => {
    const type = await typing()
    await peer().post('records', { name: host('jellyfin'), remove: true })
    await peer().post('records', { name: host('jellyfin'), type: 'A', content: '203.0.113.7' })
    const rows = await drift(type)
    expect(rows).toContainEqual(
      expect.objectContaining({
        id: `dns-elsewhere/${host('jellyfin')}`,
        fixable: false,
        there: 'A 203.0.113.7',
      }),
    )
    expect(await type(`tunnel fix dns-elsewhere/${host('jellyfin')}`)).toMatchObject({ error: 'conflict' })
    expect((await placesOf(simulator, host('jellyfin'))).record).toBe('203.0.113.7')
  })

  it('is a name that somebody else leads to a dead tunnel, or exposes without a login', async () => {
    const content = '11111111-2222-4333-8444-555555555555.cfargotunnel.com'
    await peer().post('records', { name: host('old'), content })
    await peer().post('records', { name: host('hand'), content: target() })
    await write([{ hostname: host('hand'), service: 'http://192.168.1.10:8006' }, ...(await rules())])
    const rows = await drift(await typing())
    expect(rows).toContainEqual(
      expect.objectContaining({ id: `dns-dead-tunnel/${host('old')}`, fixable: false }),
    )
    expect(rows).toContainEqual(
      expect.objectContaining({
        id: `unmeant/${host('hand')}`,
        // By its port it is Proxmox.
        severity: 'critical',
        there: 'reachable without a login, by http://192.168.1.10:8006',
      }),
    )
  })

  it('is a login that lets everybody in, or that stands before what is meant for everyone', async () => {
    await peer().post('apps', { remove: host('grafana') })
    const everyone = { name: 'all', decision: 'bypass', include: [{ everyone: {} }] }
    await peer().post('apps', { name: 'mine', domain: host('grafana'), policies: [everyone] })
    const me = { name: 'me', decision: 'allow', include: [{ email: { email: 'me@example.com' } }] }
    await peer().post('apps', { name: 'theirs', domain: host('jellyfin'), policies: [me] })
    expect(await drift(await typing())).toEqual([
      expect.objectContaining({
        id: `access-open/${host('grafana')}`,
        severity: 'critical',
        fixable: false,
        there: '"mine" lets everybody in (bypass)',
      }),
      expect.objectContaining({
        id: `access-unmeant/${host('jellyfin')}`,
        severity: 'warning',
        fixable: false,
        there: 'behind "theirs"',
      }),
    ])
  })

  it('is a file that keeps Traefik from every reload', async () => {
    await simulator.traefikFiles({ 'mine.yml': 'http: [\n' })
    const rows = await drift(await typing())
    expect(rows).toEqual([
      expect.objectContaining({
        id: expect.stringMatching(/^traefik-frozen\/.*\/mine\.yml$/),
        severity: 'critical',
        fixable: false,
        there: expect.stringContaining('Traefik takes no change of any route'),
      }),
    ])
  })

  it('is what a wildcard leads in beside the names: a route of somebody else, a rule past Traefik', async () => {
    await peer().post('records', { name: host('*'), content: target() })
    const [origin] = (await rules()).map(({ service }) => service)
    await write([
      { hostname: host('pve'), service: 'https://192.168.1.10:8006' },
      ...(await rules()).slice(0, -1),
      { hostname: host('*'), service: origin },
      { service: 'http_status:404' },
    ])
    await routeFile(
      'hand.yml',
      `http:
  routers:
    portainer: { rule: "Host(\`${host('portainer')}\`)", service: portainer, entryPoints: [web] }
    any: { rule: "HostRegexp(\`^x.+$\`)", service: portainer, entryPoints: [web] }
  services:
    portainer: { loadBalancer: { servers: [{ url: "${simulator.lab.control}" }] } }
`,
    )
    expect(await outside(simulator, host('portainer'))).toBe(404)
    const type = await typing()
    const calls = await counted(simulator)
    const rows = await drift(type)
    expect(await calls()).toHaveLength(5)
    expect(rows.map(({ id, severity, there }) => [id, severity, there])).toEqual([
      [`unmeant/${host('pve')}`, 'critical', 'reachable without a login, by https://192.168.1.10:8006'],
      ['route-pattern/any@file', 'warning', expect.stringContaining('it cannot be told which names')],
      [`unmeant/${host('portainer')}`, 'warning', 'reachable without a login, by portainer@file'],
    ])
  })

  it('is looked at by lists, however long: a wildcard, 500 names and 250 applications are six calls', async () => {
    await peer().post('records', { name: host('*'), content: target() })
    await peer().post('records', { name: 'harmeetrai.com', content: target(), count: 500 })
    await peer().post('apps', { domain: 'harmeetrai.com', policies: [], count: 250 })
    const [origin] = (await rules()).map(({ service }) => service)
    await write([...(await rules()).slice(0, -1), { service: origin }])
    const type = await typing()
    // The list of zones is remembered.
    await drift(type)
    const calls = await counted(simulator)
    const rows = await drift(type)
    expect(await calls()).toHaveLength(6)
    // Traefik has nothing for any of them.
    expect(rows.map(({ id }) => id.split('/')[0])).toEqual(Array<string>(500).fill('dns-idle'))
  })

  it('is a backend that does not answer', async () => {
    await simulator.fault({ stale: false, broken: { jellyfin: 'refused' } })
    expect(await drift(await typing())).toContainEqual(
      expect.objectContaining({
        id: `backend-down/${host('jellyfin')}`,
        severity: 'warning',
        fixable: false,
      }),
    )
  })

  it('is a tunnel that is down', async () => {
    await simulator.fault({ stale: false, tunnelDown: true })
    expect(await drift(await typing())).toContainEqual(
      expect.objectContaining({ id: 'tunnel-down/homelab', severity: 'critical' }),
    )
  })
})

describe('an exposure by command', () => {
  it('is noted while the file does not have it, and taken back by the fix of that', async () => {
    const type = await typing()
    output(await type('tunnel expose plex movies public:true'))
    expect(await drift(type)).toEqual([
      expect.objectContaining({ id: `unlisted/${host('movies')}`, severity: 'note', fixable: true }),
    ])
    output(await type(`tunnel fix unlisted/${host('movies')}`))
    expect(await placesOf(simulator, host('movies'))).toEqual(nothing)
  })

  it('for a while is no drift, until its time is over: then it is taken back', async () => {
    const type = await typing()
    output(await type('tunnel expose plex movies for:4h'))
    expect(await drift(type)).toEqual([])
    const record = (await placesOf(simulator, host('movies'))).record ?? ''
    await peer().post('records', { name: host('movies'), remove: true })
    await peer().post('records', {
      name: host('movies'),
      content: record,
      comment: 'homelab: plex until 2026-01-01T00:00Z',
    })
    expect(await drift(type)).toEqual([
      expect.objectContaining({ id: `expired/${host('movies')}`, severity: 'critical', fixable: true }),
    ])
    output(await type(`tunnel fix expired/${host('movies')}`))
    expect(await placesOf(simulator, host('movies'))).toEqual(nothing)
  })

  it('that lost its login is critical, though the file does not speak of it', async () => {
    const type = await typing()
    output(await type('tunnel expose plex movies'))
    await peer().post('apps', { remove: host('movies') })
    expect(await drift(type)).toContainEqual(
      expect.objectContaining({ id: `access-missing/${host('movies')}`, severity: 'critical' }),
    )
    output(await type(`tunnel fix access-missing/${host('movies')}`))
    expect(await outside(simulator, host('movies'))).toBe(302)
  })

  it('of which only the record is left leads nobody, and is taken', async () => {
    await peer().post('records', { name: host('gone'), content: target(), comment: 'homelab: plex' })
    const type = await typing()
    expect(await drift(type)).toEqual([
      expect.objectContaining({ id: `dns-orphan/${host('gone')}`, fixable: true }),
    ])
    output(await type(`tunnel fix ${host('gone')}`))
    expect(await placesOf(simulator, host('gone'))).toEqual(nothing)
  })
})

describe('the file', () => {
  it('that says `private: true` of what is exposed has it taken back', async () => {
    const type = await typing((inventory) => ({
      ...inventory,
      services: inventory.services.map((each) =>
        each.name === 'jellyfin' ? { ...each, private: true } : each,
      ),
    }))
    expect(await drift(type)).toEqual([
      expect.objectContaining({ id: `private/${host('jellyfin')}`, severity: 'critical', fixable: true }),
    ])
    output(await type(`tunnel fix private/${host('jellyfin')}`))
    expect(await placesOf(simulator, host('jellyfin'))).toEqual(nothing)
  })

  it('that opens what is private by nature is warned of, and its fix puts it behind Access', async () => {
    await peer().post('apps', { remove: host('grafana') })
    const type = await typing(
      withNetwork((network) => ({
        ...network,
        routes: network.routes.map((route) =>
          route.service === 'grafana' ? { ...route, public: true } : route,
        ),
      })),
    )
    const id = `private-open/${host('grafana')}`
    expect(await drift(type)).toContainEqual(
      expect.objectContaining({ id, severity: 'warning', fixable: true }),
    )
    output(await type(`tunnel fix ${id}`))
    expect(await outside(simulator, host('grafana'))).toBe(302)
  })

  it('that has no name for a service says so', async () => {
    const type = await typing(
      withNetwork((network) => ({
        ...network,
        routes: network.routes.filter(({ service }) => service !== 'plex'),
      })),
    )
    await peer().post('records', { name: host('plex'), remove: true })
    await without(host('plex'))
    const rows = await drift(type)
    expect(rows.map(({ id }) => id).toSorted()).toEqual(['no-route/plex', `route-orphan/${host('plex')}`])
    output(await type(`tunnel fix route-orphan/${host('plex')}`))
    expect((await placesOf(simulator, host('plex'))).route).toBeUndefined()
  })
})
