/** The Cloudflare Tunnel node, as n8n calls it, against the simulated Cloudflare. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CloudflareTunnelApi } from '../../n8n-nodes/credentials/CloudflareTunnelApi.credentials.ts'
import { CloudflareTunnel } from '../../n8n-nodes/nodes/CloudflareTunnel/CloudflareTunnel.node.ts'
import { type CloudflarePeer, cloudflarePeer } from '../support/cloudflare.ts'
import { type Bench, openBench, type Setting } from '../support/n8n-bench.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { host, nothing, outside, placesOf } from './tunnel.fixture.ts'

const node = new CloudflareTunnel()
const traefik = 'http://192.168.1.101:80'
let simulator: Simulator
let peer: CloudflarePeer
let bench: Bench

beforeAll(async () => {
  simulator = await startSimulator()
  peer = cloudflarePeer(simulator)
  bench = openBench()
})
afterAll(async () => {
  await bench?.[Symbol.asyncDispose]()
  await simulator?.stop()
})
beforeEach(async () => {
  await simulator.reset()
  await peer.post('reset', {})
})

const credentialOf = (own: Readonly<Record<string, unknown>> = {}) => {
  const { api, token, account } = simulator.lab.cloudflare
  return { api, token, account, ...own }
}

interface Wanted extends Omit<Setting, 'parameters'> {
  readonly own?: Readonly<Record<string, unknown>>
}

function run(parameters: Setting['parameters'], { own, ...rest }: Wanted = {}) {
  const tunnel = { __rl: true, mode: 'list', value: simulator.lab.cloudflare.tunnel }
  return bench.run(node, {
    parameters: { tunnel, returnAll: true, ...parameters },
    credentials: { cloudflareTunnelApi: credentialOf(own) },
    ...rest,
  })
}
const one = async (...args: Parameters<typeof run>) => {
  const { items } = await run(...args)
  expect(items).toHaveLength(1)
  return items[0]?.json ?? {}
}
const failure = async (work: Promise<unknown>) => {
  const error: unknown = await work.catch((caught: unknown) => caught)
  if (!(error instanceof Error)) throw new Error('it did not fail')
  return error as Error & { description?: string | null }
}
const paper = host('paper')
const add = (more: Setting['parameters'] = {}) => ({
  resource: 'hostname',
  operation: 'add',
  hostname: paper,
  service: traefik,
  allow: ['me@example.com'],
  ...more,
})
const remove = (more: Setting['parameters'] = {}) => ({
  resource: 'hostname',
  operation: 'remove',
  hostname: paper,
  confirm: true,
  ...more,
})
/** Those of the simulated lab that are open, as its homelab.yaml means it. */
const open = ['plex', 'jellyfin', 'immich', 'nextcloud', 'vault'].map(host)
const drift = (more: Setting['parameters'] = {}) => ({
  resource: 'tunnel',
  operation: 'drift',
  public: open,
  ...more,
})
const rows = async (more: Setting['parameters'] = {}, wanted: Wanted = {}) =>
  (await run(drift(more), wanted)).items.map(({ json }) => `${json.severity} ${json.kind} ${json.subject}`)

describe('a host name', () => {
  it('is added behind a login, and taken back whole', async () => {
    const before = await peer.state()
    expect(await one(add())).toEqual({
      hostname: paper,
      url: `https://${paper}`,
      service: traefik,
      tunnel: 'homelab',
      public: false,
      changed: true,
      warnings: [],
      alarms: [],
    })
    expect(await placesOf(simulator, paper)).toMatchObject({
      record: `${simulator.lab.cloudflare.tunnel}.cfargotunnel.com`,
      comment: 'homelab: paper',
      rule: traefik,
      enforced: true,
      app: paper,
    })
    expect(await outside(simulator, paper)).toBe(302)
    expect(await one(add())).toMatchObject({
      changed: false,
      warnings: [expect.stringContaining('stands before')],
    })

    expect(await one(remove())).toMatchObject({ hostname: paper, deleted: true, alarms: [] })
    expect(await placesOf(simulator, paper)).toEqual(nothing)
    const after = await peer.state()
    expect(after.tunnels[0]?.config).toEqual(before.tunnels[0]?.config)
    expect(after.zones).toEqual(before.zones)
    expect(after.apps).toEqual(before.apps)
  })

  it('takes few calls', async () => {
    await one(add())
    const count = async () => Object.values(await peer.calls()).reduce((sum, each) => sum + each, 0)
    const added = await count()
    await one(remove())
    const removed = (await count()) - added
    console.log(`Cloudflare calls: add ${added}, remove ${removed}`)
    expect(added).toBeLessThanOrEqual(12)
    // Record and login are each looked at once more right before they go, and the zone for what else leads there.
    expect(removed).toBeLessThanOrEqual(13)
  })

  it('is planned and not made in a dry run, also by whoever may only read', async () => {
    const before = await peer.state()
    const plan = await one(add({ dryRun: true }), { own: { readOnly: true }, byAgent: true })
    expect(plan).toMatchObject({
      dryRun: true,
      summary: `Lead ${paper} through the tunnel homelab, behind a login`,
      steps: [
        `Access: a login before ${paper}`,
        `Tunnel homelab: ${paper} to ${traefik}`,
        `DNS, last: ${paper} to the tunnel`,
      ],
    })
    expect(await peer.state()).toEqual(before)
  })

  it('is open to everyone only when that is said, and confirmed', async () => {
    expect((await failure(run(add({ allow: [] })))).description).toContain('Allow')
    const everyone = add({ allow: [], public: true })
    expect((await failure(run(everyone))).message).toMatch(/^It asks for a confirmation: Lead paper/)
    expect(await placesOf(simulator, paper)).toEqual(nothing)
    const done = await one({ ...everyone, confirm: true })
    expect(done).toMatchObject({ public: true, warnings: [expect.stringContaining('Everyone')] })
    expect(await placesOf(simulator, paper)).toMatchObject({ comment: 'homelab: paper open', app: undefined })
  })

  it('goes back whole when a step fails', async () => {
    await simulator.fault({
      cloudflareAnswers: [{ verb: 'POST', path: 'dns_records', status: 400, code: 9000, message: 'no' }],
    })
    const before = await peer.state()
    await failure(run(add()))
    expect(await placesOf(simulator, paper)).toEqual(nothing)
    expect((await peer.state()).tunnels[0]?.config).toEqual(before.tunnels[0]?.config)
  })

  it('that an execution left half-way is finished by the next one, and nothing is made twice', async () => {
    await one(add())
    const whole = await peer.state()
    await peer.post('records', { name: paper, remove: true })
    expect(await one(add())).toMatchObject({ changed: true, alarms: [] })
    const { tunnels, apps } = await peer.state()
    expect({ tunnels, apps }).toEqual({ tunnels: whole.tunnels, apps: whole.apps })
    expect(await outside(simulator, paper)).toBe(302)
  })

  it('is moved to another mark only in sight', async () => {
    await one(add({ options: { label: 'docs' } }))
    const { steps } = await one(add({ dryRun: true }))
    expect(steps).toContain(
      `DNS, last: ${paper} to the tunnel, over the record that is marked "homelab: docs"`,
    )
  })

  it('is not led through a tunnel whose rules are in a file', async () => {
    await peer.post('tunnel', { source: 'local' })
    for (const wanted of [add(), drift()])
      expect((await failure(run(wanted))).message).toContain('config.yml beside cloudflared')
  })

  it('of somebody else stays: a record, a rule that leads elsewhere, a record without our mark', async () => {
    await peer.post('records', { name: paper, type: 'A', content: '203.0.113.7', comment: 'the old server' })
    const taken = await failure(run(add()))
    expect(taken.message).toContain('A 203.0.113.7 ("the old server")')
    expect(taken.description).toContain('homelab: paper')
    const elsewhere = await failure(run(add({ hostname: host('plex'), service: 'http://10.0.0.9:80' })))
    expect(elsewhere.message).toContain(`leads to ${traefik}`)
    const foreign = host('foreign')
    await peer.post('records', {
      name: foreign,
      content: `${simulator.lab.cloudflare.tunnel}.cfargotunnel.com`,
    })
    const before = await peer.state()
    const kept = await failure(run(remove({ hostname: foreign })))
    expect(kept.message).toContain('not exposed from here')
    expect(kept.description).toContain('comment of its record')
    expect(await peer.state()).toEqual(before)
  })

  it('keeps its login while a wildcard still leads there: nobody here sees what Traefik has for it', async () => {
    const { tunnels } = await peer.state()
    const ingress = [...(tunnels[0]?.config?.ingress ?? []).slice(0, -1)]
    const wild = { hostname: '*.harmeetrai.com', service: traefik }
    await peer.post('tunnel', { config: { ingress: [...ingress, wild, { service: 'http_status:404' }] } })
    const content = `${simulator.lab.cloudflare.tunnel}.cfargotunnel.com`
    await peer.post('records', { name: '*.harmeetrai.com', content })
    await one(add())
    const removed = await one(remove())
    expect(await placesOf(simulator, paper)).toMatchObject({ record: undefined, rule: undefined, app: paper })
    expect(await outside(simulator, paper)).toBe(302)
    expect(JSON.stringify(removed.warnings)).toContain(`Access to ${paper} stays`)
  })

  it('that only a rule is left of goes when that is wanted', async () => {
    await one(add({ allow: [], public: true, confirm: true }))
    await peer.post('records', { name: paper, remove: true })
    expect((await failure(run(remove()))).description).toContain('Leftover')
    // A second one of the name that leads elsewhere is somebody else's.
    const { tunnels } = await peer.state()
    const ingress = tunnels[0]?.config?.ingress ?? []
    const theirs = { hostname: paper, service: 'http://192.168.1.9:8080' }
    const last = { service: 'http_status:404' }
    await peer.post('tunnel', { config: { ingress: [...ingress.slice(0, -1), theirs, last] } })
    expect(await one(remove({ options: { leftover: true } }))).toMatchObject({
      taken: ["the tunnel's rule"],
    })
    expect(await placesOf(simulator, paper)).toEqual({ ...nothing, rule: theirs.service })
  })

  it.each([
    ['a wildcard', { hostname: '*.harmeetrai.com' }, /wildcard/],
    ['a whole address', { hostname: 'https://paper.harmeetrai.com/' }, /whole address/],
    ['a name in no zone', { hostname: 'paper.example.org' }, /in no zone/],
    ['a service with a path', { service: 'http://192.168.1.101/app' }, /nothing that a tunnel can lead to/],
    ['nobody who could log in', { allow: ['everyone'] }, /nobody who could log in/],
    ['a tunnel that is not there', { tunnel: { __rl: true, mode: 'name', value: 'homelb' } }, /homelab/],
  ])('cannot be %s', async (_, more, said) => {
    const before = await peer.state()
    expect((await failure(run(add(more)))).message).toMatch(said)
    expect(await peer.state()).toEqual(before)
  })

  it('waits for a tunnel that is down, unless it is said', async () => {
    await simulator.fault({ tunnelDown: true })
    expect((await failure(run(add()))).description).toContain('Although Down')
    expect(await one(add({ options: { down: true }, confirm: true }))).toMatchObject({ changed: true })
  })

  it('tells of another writer whose rule was overwritten', async () => {
    await peer.writer({ before: 'PUT', nth: 1, add: { hostname: host('theirs'), service: traefik } })
    const { items, hints } = await run(add())
    expect(items[0]?.json.alarms).toEqual([expect.stringContaining('overwritten')])
    expect(hints.join()).toContain('Another writer')
  })
})

describe('what is read', () => {
  it('is an item for each host name, record, connector and tunnel', async () => {
    const names = await run({ resource: 'hostname', operation: 'list' })
    expect(names.items).toHaveLength(8)
    expect(names.items[0]?.json).toMatchObject({ hostname: host('plex'), service: traefik, dns: 'here' })
    const records = await run({ resource: 'dns', operation: 'list', domain: 'harmeetrai.com' })
    expect(records.items).toHaveLength(7)
    const connectors = await run({ resource: 'connector', operation: 'list' })
    expect(connectors.items[0]?.json).toMatchObject({ version: expect.any(String) })
    const tunnels = await run({ resource: 'tunnel', operation: 'list' })
    expect(tunnels.items.map(({ json }) => json.name)).toEqual(['homelab'])
  })

  it('is the health of a tunnel, also by its name and while it is down', async () => {
    const status = { resource: 'tunnel', operation: 'status' }
    expect(await one(status)).toMatchObject({ name: 'homelab', status: 'healthy', problems: [] })
    await simulator.fault({ tunnelDown: true })
    const tunnel = { __rl: true, mode: 'name', value: 'homelab' }
    expect(await one({ ...status, tunnel })).toMatchObject({ status: 'down', connectors: [] })
  })

  it('is listed in the editor', async () => {
    const context = bench.context(node, {
      parameters: {},
      credentials: { cloudflareTunnelApi: credentialOf() },
    })
    expect(await node.methods.listSearch.searchTunnels.call(context, 'HOME')).toEqual({
      results: [{ name: 'homelab (healthy)', value: simulator.lab.cloudflare.tunnel }],
    })
    expect(await node.methods.listSearch.searchTunnels.call(context, 'x')).toEqual({ results: [] })
  })
})

describe('drift', () => {
  it('is nothing when all fits together', async () => {
    expect(await rows()).toEqual([])
  })

  it('names what is open and was not meant so', async () => {
    expect(await rows({ public: open.filter((name) => name !== host('vault')) })).toEqual([
      `critical access-missing ${host('vault')}`,
    ])
  })

  it('names each thing that does not fit', async () => {
    const here = `${simulator.lab.cloudflare.tunnel}.cfargotunnel.com`
    await peer.post('records', {
      name: host('foreign'),
      content: '00000000-0000-4000-8000-000000000000.cfargotunnel.com',
    })
    await peer.post('records', { name: host('idle'), content: here })
    await peer.post('records', { name: host('plex'), remove: true })
    await peer.post('records', { name: host('immich'), remove: true })
    await peer.post('records', { name: host('immich'), content: here, proxied: false })
    await peer.post('apps', { remove: host('grafana') })
    expect(await rows()).toEqual([
      `critical access-missing ${host('grafana')}`,
      `warning dns-dead-tunnel ${host('foreign')}`,
      `warning rule-missing ${host('idle')}`,
      `warning dns-unproxied ${host('immich')}`,
      `warning dns-missing ${host('plex')}`,
    ])
  })

  it('tells of the tunnel, of an end that is over, and of names that nobody means', async () => {
    const here = `${simulator.lab.cloudflare.tunnel}.cfargotunnel.com`
    const config = (await peer.state()).tunnels[0]?.config
    const ingress = [{ hostname: paper, service: traefik }, ...(config?.ingress ?? [])]
    await peer.post('tunnel', { config: { ...config, ingress } })
    const known = [...open, host('n8n'), host('grafana')]
    await peer.post('records', { name: paper, content: here })
    expect(await rows({ options: {}, filters: { hostnames: known } })).toEqual([
      `warning access-missing ${paper}`,
      `warning unmeant ${paper}`,
    ])
    await peer.post('records', { name: paper, remove: true })
    const comment = 'homelab: paper until 2020-01-01T00:00Z'
    await peer.post('records', { name: paper, content: here, comment })
    await simulator.fault({ tunnelDown: true })
    expect(await rows()).toEqual(['critical tunnel-down homelab', `critical expired ${paper}`])
  })

  it('says what the token may not look at, as a note', async () => {
    const { value } = await peer.post<{ value: string }>('tokens', {
      permissions: ['Account · Cloudflare Tunnel · Read', 'Zone · Zone · Read', 'Zone · DNS · Read'],
    })
    expect(await rows({}, { own: { token: value } })).toEqual([])
    expect(await rows({ filters: { notes: true } }, { own: { token: value } })).toEqual([
      'note unseen Access',
    ])
  })
})

describe('a new secret', () => {
  const rotate = { resource: 'tunnel', operation: 'rotate', confirm: true }

  it('wants to be confirmed, and keeps the token to itself', async () => {
    const error = await failure(run({ ...rotate, confirm: false }))
    expect(error.message).toContain('not confirmed')
    const { items, hints } = await run(rotate)
    expect(items[0]?.json).toMatchObject({ tunnel: 'homelab', token: '[redacted]', dropped: false })
    expect(hints).toEqual([])
    expect((await peer.state()).tunnels[0]?.connectors).toHaveLength(1)
  })

  it('gives the token when it is asked for, with a warning', async () => {
    const { items, hints } = await run({ ...rotate, return: true, drop: true })
    const token = String(items[0]?.json.token)
    expect(JSON.parse(Buffer.from(token, 'base64').toString())).toMatchObject({
      t: simulator.lab.cloudflare.tunnel,
    })
    expect(hints.join()).toContain('token of the tunnel is in this item')
    expect(node.description.sensitiveOutputFields).toEqual(['token'])
    const { api, account, tunnel, token: bearer } = simulator.lab.cloudflare
    const response = await fetch(`${api}/accounts/${account}/cfd_tunnel/${tunnel}/token`, {
      headers: { authorization: `Bearer ${bearer}` },
    })
    expect(await response.json()).toMatchObject({ result: token })
    // Nobody has given it to cloudflared, and the old one connects no more.
    expect(await one({ resource: 'tunnel', operation: 'status' })).toMatchObject({ status: 'down' })
  })

  it('is not made twice when the answer is lost', async () => {
    await simulator.fault({ cloudflareAnswers: [{ verb: 'PATCH', status: 502, html: true, after: true }] })
    expect(await one(rotate)).toMatchObject({ token: '[redacted]' })
    const patches = Object.entries(await peer.calls()).filter(([call]) => call.startsWith('PATCH'))
    expect(patches.map(([, count]) => count)).toEqual([1])
  })
})

describe('the rights of the credential', () => {
  it('keep a read-only one and an agent from every change, before anything is sent', async () => {
    const before = await peer.state()
    const changes = [add(), remove(), { resource: 'tunnel', operation: 'rotate', confirm: true }]
    for (const change of changes) {
      expect((await failure(run(change, { own: { readOnly: true } }))).message).toContain('read-only')
      expect((await one(change, { byAgent: true })).error).toContain('AI agents may only read')
    }
    expect(await peer.state()).toEqual(before)
    expect(Object.keys(await peer.calls())).toEqual([])
  })

  it('hold for whatever else uses it, and the token goes to Cloudflare alone', async () => {
    const { authenticate } = new CloudflareTunnelApi()
    const api = 'https://api.cloudflare.com/client/v4'
    const credential = { token: ' abc ', account: 'x' }
    const get = { method: 'GET' as const, url: `${api}/zones` }
    expect(await authenticate(credential, get)).toMatchObject({ headers: { Authorization: 'Bearer abc' } })
    await authenticate(credential, { baseURL: api, url: '/zones' })
    const put = { method: 'PUT' as const, url: `${api}/zones` }
    await authenticate(credential, put)
    await expect(authenticate({ ...credential, readOnly: true }, put)).rejects.toThrow('read-only')
    for (const url of [
      'https://example.com/',
      'http://api.cloudflare.com/',
      'https://api.cloudflare.com.evil.net/',
      '/zones',
    ])
      await expect(authenticate(credential, { url })).rejects.toThrow('alone')
  })

  it('name the permission that a token lacks', async () => {
    const { value } = await peer.post<{ value: string }>('tokens', {
      permissions: ['Account · Cloudflare Tunnel · Read', 'Zone · Zone · Read', 'Zone · DNS · Read'],
    })
    const own = { token: value }
    const error = await failure(run(add({ allow: [], public: true, confirm: true }), { own }))
    expect(`${error.message} ${error.description}`).toContain('Account · Cloudflare Tunnel · Edit')
    expect(JSON.stringify(error)).not.toContain(value)
    expect(await placesOf(simulator, paper)).toEqual(nothing)
  })
})
