/** What is exposed against what is meant: each kind of difference is made behind homelab's back, named, and put right. */
import type { Inventory } from '@homelab/core/inventory'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cloudflarePeer } from '../support/cloudflare.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import {
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

/** A file of ours that a person took away, and Traefik noticed. */
async function loseRoute(name: string): Promise<void> {
  const mark = await simulator.mark()
  await simulator.traefikFiles({ [name]: null })
  await simulator.waitFor({ kind: 'traefik', what: 'loaded' }, { after: mark })
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
  { kind: 'route-missing', label: 'jellyfin', make: () => loseRoute('homelab-jellyfin.yml') },
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
    kind: 'dns-dead-tunnel',
    label: 'jellyfin',
    make: async () => {
      await peer().post('records', { name: host('jellyfin'), remove: true })
      const content = '11111111-2222-4333-8444-555555555555.cfargotunnel.com'
      await peer().post('records', { name: host('jellyfin'), content, comment: 'homelab: jellyfin' })
    },
    severity: 'critical',
  },
  {
    kind: 'dns-unproxied',
    label: 'jellyfin',
    make: async () => {
      await peer().post('records', { name: host('jellyfin'), remove: true })
      await peer().post('records', {
        name: host('jellyfin'),
        content: target(),
        proxied: false,
        comment: 'homelab: jellyfin',
      })
    },
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
        severity: 'warning',
        there: 'reachable without a login, by http://192.168.1.10:8006',
      }),
    )
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
