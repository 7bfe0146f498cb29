/** The client of Cloudflare's API against the simulated one: what it reads and writes, and every way in which it is refused. */
import { type Clock, HomelabError, Secret } from '@homelab/core'
import { createCloudflare } from '@homelab/core/cloudflare'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Client, cloudflareClient, cloudflarePeer } from '../support/cloudflare.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

let simulator: Simulator
const open: Client[] = []

beforeAll(async () => {
  simulator = await startSimulator({ seed: 1 })
})
beforeEach(() => simulator.reset())
afterEach(async () => {
  await Promise.all(open.splice(0).map((client) => client[Symbol.asyncDispose]()))
})
afterAll(() => simulator.stop())

/** Sleeps take no time, and it can be set ahead. */
function quickClock(): Clock & { ahead: number } {
  const clock = {
    ahead: 0,
    now: () => new Date(Date.now() + clock.ahead),
    monotonic: () => performance.now() + clock.ahead,
    sleep: async (ms: number) => {
      clock.ahead += ms
    },
  }
  return clock
}

function clientOf(options: Parameters<typeof cloudflareClient>[1] = {}) {
  const client = cloudflareClient(simulator, { clock: quickClock(), ...options })
  open.push(client)
  return client.cloudflare
}
const peer = () => cloudflarePeer(simulator)
const lab = () => simulator.lab.cloudflare
const withPermissions = async (...permissions: string[]) =>
  clientOf({ token: (await peer().post<{ value: string }>('tokens', { permissions })).value })

async function failure(work: Promise<unknown>): Promise<HomelabError> {
  const error = await work.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(HomelabError)
  return error as HomelabError
}
const record = (name: string, more: object = {}) => ({
  name: `${name}.${lab().domain}`,
  type: 'CNAME',
  content: `${lab().tunnel}.cfargotunnel.com`,
  proxied: true,
  comment: `homelab: ${name}`,
  ...more,
})
const recordsNow = async () => (await peer().state()).zones[0]?.records ?? []

describe('reading', () => {
  test('tunnels, connectors, rules, records, applications and the login domain', async () => {
    const cloudflare = clientOf()
    const { tunnel, domain, zone } = lab()
    expect(await cloudflare.tunnels()).toMatchObject([
      { id: tunnel, name: 'homelab', status: 'healthy', source: 'cloudflare', connections: 4 },
    ])
    expect(await cloudflare.tunnel(tunnel)).toMatchObject({ id: tunnel, connections: 4 })
    const [connector, ...others] = await cloudflare.connectors(tunnel)
    expect(others).toEqual([])
    expect(connector).toMatchObject({ arch: 'linux_amd64', configVersion: 1 })
    expect(connector?.connections.map(({ colo }) => colo)).toEqual(['ams01', 'fra08', 'ams04', 'fra13'])
    const configuration = await cloudflare.configuration(tunnel)
    expect(configuration).toMatchObject({ version: 1, raw: { 'warp-routing': { enabled: false } } })
    expect(configuration.rules).toHaveLength(8)
    expect(await cloudflare.dnsRecords(zone)).toHaveLength(7)
    expect(await cloudflare.dnsRecords(zone, { name: `jellyfin.${domain}` })).toMatchObject([
      { content: `${tunnel}.cfargotunnel.com`, proxied: true, comment: 'homelab: jellyfin', zone },
    ])
    expect(await cloudflare.dnsRecords(zone, { content: 'nowhere.example.com' })).toEqual([])
    const apps = await cloudflare.accessApps()
    expect(apps.map(({ domain: name }) => name)).toEqual([`n8n.${domain}`, `grafana.${domain}`])
    expect(apps[0]).toMatchObject({
      domains: [`n8n.${domain}`],
      type: 'self_hosted',
      policies: [{ decision: 'allow' }],
    })
    expect(await cloudflare.accessTeam()).toBe('homelab-simulated')
    expect(await cloudflare.verify()).toEqual({ ok: true, status: 'active' })
  })

  test('all pages: 5,300 records are two calls', async () => {
    const { zone, domain } = lab()
    await peer().post('records', { name: domain, content: 'x.example.com', count: 5_300 })
    expect(await clientOf().dnsRecords(zone)).toHaveLength(5_307)
    expect(await peer().calls()).toMatchObject({ [`GET /zones/${zone}/dns_records`]: 2 })
  })

  test('a page may be shorter than what was asked for: 230 applications', async () => {
    await peer().post('apps', { domain: lab().domain, count: 228 })
    expect(new Set((await clientOf().accessApps()).map(({ id }) => id)).size).toBe(230)
  })

  test('a tunnel that is down, and one that is only half connected', async () => {
    const cloudflare = clientOf()
    await simulator.fault({ tunnelConnections: 2 })
    expect(await cloudflare.tunnel(lab().tunnel)).toMatchObject({ status: 'degraded', connections: 2 })
    await simulator.changeGuest(104, { state: 'stopped' })
    expect(await cloudflare.tunnel(lab().tunnel)).toMatchObject({ status: 'down', connections: 0 })
    expect(await cloudflare.connectors(lab().tunnel)).toEqual([])
  })

  test('a tunnel whose rules are in a file', async () => {
    const { id } = await peer().post<{ id: string }>('tunnels', { name: 'old', source: 'local' })
    const cloudflare = clientOf()
    expect(await cloudflare.tunnel(id)).toMatchObject({ source: 'local', status: 'inactive' })
    expect(await cloudflare.configuration(id)).toMatchObject({ version: 0, raw: {}, rules: [] })
  })

  test('is tried once more after a 5xx; a second one is said', async () => {
    await simulator.fault({ cloudflareAnswers: [{ status: 502, html: true }] })
    expect(await clientOf().tunnels()).toHaveLength(1)
    await simulator.fault({
      cloudflareAnswers: [
        { status: 502, html: true },
        { status: 503, html: true },
      ],
    })
    expect(await failure(clientOf().tunnels())).toMatchObject({
      code: 'unreachable',
      message: 'Cloudflare cannot show the tunnels at the moment: 503.',
    })
  })

  test('200 with `success: false` is no empty list', async () => {
    await simulator.fault({ cloudflareAnswers: [{ status: 200, code: 1234, message: 'try later' }] })
    expect(await failure(clientOf().tunnels())).toMatchObject({
      code: 'failed',
      message: 'Cloudflare refuses the tunnels: try later',
      data: { codes: [1234], status: 200 },
    })
  })

  test('an account that never opened Zero Trust has no login domain', async () => {
    await peer().post('access', { team: null })
    expect(await clientOf().accessTeam()).toBeUndefined()
  })

  test('the account is told by the zones when it is not given; several have to be named', async () => {
    const { api, token, account } = lab()
    const bare = clientOf()
    expect(bare).toBeDefined()
    const { http } = open[0] as Client
    const clock = quickClock()
    const create = () => createCloudflare({ http, clock, api, token: async () => new Secret(token) })
    expect(await create().tunnels()).toHaveLength(1)
    await peer().post('zones', { name: 'other.org', account: 'f'.repeat(32) })
    expect(await failure(create().tunnels())).toMatchObject({
      code: 'config',
      data: { accounts: [account, 'f'.repeat(32)] },
    })
  })
})

describe('zones', () => {
  test('the longest that the name is in, asked for once', async () => {
    await peer().post('zones', { name: `lab.${lab().domain}` })
    const cloudflare = clientOf()
    for (const _ of [1, 2, 3]) {
      expect((await cloudflare.zone(`a.b.lab.${lab().domain}`)).name).toBe(`lab.${lab().domain}`)
      expect((await cloudflare.zone(`*.${lab().domain}`)).id).toBe(lab().zone)
    }
    expect(await peer().calls()).toEqual({ 'GET /zones': 1 })
  })

  test('a name in none of them names those that there are', async () => {
    const error = await failure(clientOf().zone('jellyfin.example.net'))
    expect(error).toMatchObject({ code: 'not-found', data: { zones: [lab().domain] } })
    expect(error.message).toBe('"jellyfin.example.net" is in no zone of the Cloudflare account.')
    expect(error.hint).toContain(lab().domain)
  })

  test('one that was made since is found', async () => {
    const clock = quickClock()
    const cloudflare = clientOf({ clock })
    await failure(cloudflare.zone('a.new.org'))
    await peer().post('zones', { name: 'new.org' })
    clock.ahead += 11_000
    expect((await cloudflare.zone('a.new.org')).name).toBe('new.org')
  })
})

describe('DNS', () => {
  test('a record is made, changed and taken away', async () => {
    const cloudflare = clientOf()
    const made = await cloudflare.createDns(lab().zone, record('radarr'))
    expect(await recordsNow()).toContainEqual(expect.objectContaining(record('radarr')))
    await cloudflare.updateDns(
      lab().zone,
      made.id,
      record('radarr', { comment: 'homelab: radarr until 2026' }),
    )
    expect(await cloudflare.dnsRecords(lab().zone, { name: record('radarr').name })).toMatchObject([
      { id: made.id, comment: 'homelab: radarr until 2026', ttl: 1 },
    ])
    await cloudflare.deleteDns(lab().zone, made.id)
    expect(await recordsNow()).toHaveLength(7)
    expect(await failure(cloudflare.deleteDns(lab().zone, made.id))).toMatchObject({
      code: 'not-found',
      data: { codes: [81_044] },
    })
  })

  test.each([
    ['another CNAME', record, 81_053],
    [
      'an address beside a CNAME',
      (name: string) => record(name, { type: 'A', content: '203.0.113.1' }),
      81_054,
    ],
  ])('the name is taken: %s', async (_, make, code) => {
    const error = await failure(clientOf().createDns(lab().zone, make('plex')))
    expect(error).toMatchObject({ code: 'conflict', data: { codes: [code] } })
    expect(await recordsNow()).toHaveLength(7)
  })

  test('an identical record is a conflict too', async () => {
    const cloudflare = clientOf()
    const text = record('note', { type: 'TXT', content: 'hello', proxied: false })
    await cloudflare.createDns(lab().zone, text)
    expect(await failure(cloudflare.createDns(lab().zone, text))).toMatchObject({
      code: 'conflict',
      data: { codes: [81_058] },
    })
  })

  test.each([
    ['a comment of 101 characters', { comment: 'x'.repeat(101) }, /maximum length of 100 characters/],
    [
      'a label of 64',
      { name: `${'x'.repeat(64)}.harmeetrai.com` },
      /DNS Validation Error: DNS name is invalid/,
    ],
    ['a name of 254', { name: `${'x.'.repeat(120)}harmeetrai.com` }, /DNS name is invalid/],
  ])('%s is refused with its reason', async (_, more, reason) => {
    const error = await failure(clientOf().createDns(lab().zone, record('x', more)))
    expect(error.code).toBe('failed')
    expect(error.message).toMatch(reason)
  })

  test('an IDN is sent in its ASCII form', async () => {
    const made = await clientOf().createDns(lab().zone, record('bücher'))
    expect(made.name).toBe('xn--bcher-kva.harmeetrai.com')
  })
})

describe('Access', () => {
  test('an application with who is let in, and its end', async () => {
    const cloudflare = clientOf()
    const domain = `radarr.${lab().domain}`
    const app = await cloudflare.createAccessApp({
      name: `homelab: ${domain}`,
      domain,
      session: '24h',
      allow: [{ email: 'a@b.c' }, { domain: 'b.c' }, { group: 'g-1' }, { everyone: true }],
    })
    expect(app.aud).toMatch(/^[0-9a-f]{64}$/)
    const [policy] = app.policies
    expect(policy?.raw).toMatchObject({
      decision: 'allow',
      include: [
        { email: { email: 'a@b.c' } },
        { email_domain: { domain: 'b.c' } },
        { group: { id: 'g-1' } },
        { everyone: {} },
      ],
    })
    const again = { name: 'x', domain, session: '24h', allow: [{ everyone: true }] } as const
    expect(await failure(cloudflare.createAccessApp(again))).toMatchObject({ code: 'conflict' })
    await cloudflare.deleteAccessApp(app.id)
    expect((await peer().state()).apps).toHaveLength(2)
  })

  test('one that lets nobody in is not made', async () => {
    const app = { name: 'x', domain: `x.${lab().domain}`, session: '24h', allow: [] }
    expect(await failure(clientOf().createAccessApp(app))).toMatchObject({ code: 'config' })
    expect(await peer().calls()).toEqual({})
  })
})

describe('a token', () => {
  test.each([
    ['Zone · DNS · Edit', ['Zone · DNS · Read'], (c) => c.createDns(lab().zone, record('x'))],
    ['Zone · DNS · Read', ['Zone · Zone · Read'], (c) => c.dnsRecords(lab().zone)],
    ['Zone · Zone · Read', ['Zone · DNS · Edit'], (c) => c.zone('plex.harmeetrai.com')],
    [
      'Account · Cloudflare Tunnel · Edit',
      ['Account · Cloudflare Tunnel · Read'],
      (c) => c.connectorToken(lab().tunnel),
    ],
    ['Account · Cloudflare Tunnel · Read', ['Zone · DNS · Edit'], (c) => c.configuration(lab().tunnel)],
    ['Account · Access: Apps and Policies · Read', ['Zone · DNS · Edit'], (c) => c.accessApps()],
    [
      'Account · Access: Organizations, Identity Providers, and Groups · Read',
      ['Account · Access: Apps and Policies · Edit'],
      (c) => c.accessTeam(),
    ],
  ] as [string, string[], (c: Client['cloudflare']) => Promise<unknown>][])(
    'without "%s" is told so',
    async (permission, given, call) => {
      const error = await failure(call(await withPermissions(...given)))
      expect(error).toMatchObject({ code: 'unauthorised', data: { permission } })
      expect(error.message).toContain(`"${permission}"`)
      expect(error.hint).toContain('API Tokens')
    },
  )

  test('may read what it may edit', async () => {
    const cloudflare = await withPermissions('Zone · DNS · Edit')
    expect(await cloudflare.dnsRecords(lab().zone)).toHaveLength(7)
  })

  test('that is unknown, ended or no token at all', async () => {
    for (const token of [
      'x'.repeat(40),
      'not a token',
      (await peer().post<{ value: string }>('tokens', { status: 'expired' })).value,
    ]) {
      const cloudflare = clientOf({ token })
      const error = await failure(cloudflare.tunnels())
      expect(error).toMatchObject({ code: 'unauthorised' })
      expect(error.message).toContain('does not take the API token')
      expect(`${error.message} ${error.hint} ${JSON.stringify(error.data)}`).not.toContain(token)
      expect(await cloudflare.verify()).toMatchObject({ ok: false })
    }
  })

  test('of an account is verified where such are', async () => {
    const { value } = await peer().post<{ value: string }>('tokens', { kind: 'account' })
    expect(await clientOf({ token: value }).verify()).toEqual({ ok: true, status: 'active' })
  })

  test('goes to no address without encryption', () => {
    const clock = quickClock()
    const http = { request: () => Promise.reject(new Error('not to be called')) }
    const token = async () => new Secret('x')
    expect(() => createCloudflare({ http, clock, token, api: 'http://example.com/client/v4' })).toThrow(
      /API token/,
    )
  })
})

describe('too many calls', () => {
  test('stop before the last one, which would block everything', async () => {
    await simulator.fault({ cloudflareQuota: 3 })
    const cloudflare = clientOf()
    for (const _ of [1, 2, 3]) await cloudflare.tunnel(lab().tunnel)
    const error = await failure(cloudflare.tunnel(lab().tunnel))
    expect(error).toMatchObject({ code: 'failed', data: { until: expect.any(String) } })
    expect(Object.values(await peer().calls())).toEqual([3])
  })

  test('block for five minutes: named, and nothing is sent until they are over', async () => {
    await simulator.fault({ cloudflareQuota: 3 })
    const clock = quickClock()
    const one = clientOf({ clock })
    const other = clientOf()
    await one.tunnel(lab().tunnel)
    for (const _ of [1, 2]) await other.tunnel(lab().tunnel)
    const error = await failure(one.tunnel(lab().tunnel))
    const until = Date.parse(String(error.data?.until))
    expect(until - Date.now()).toBeGreaterThan(295_000)
    expect(until - Date.now()).toBeLessThanOrEqual(301_000)
    expect(error.message).toMatch(/takes no more calls from this token until \d\d:\d\d:\d\d UTC/)
    expect(await failure(one.createDns(lab().zone, record('x')))).toMatchObject({ code: 'failed' })
    expect(await peer().calls()).toEqual({ [`GET /accounts/${lab().account}/cfd_tunnel/${lab().tunnel}`]: 4 })
    await simulator.fault({ clockMs: 301_000 })
    clock.ahead += 301_000
    expect(await one.tunnel(lab().tunnel)).toMatchObject({ name: 'homelab' })
  })
})

describe('a change', () => {
  test.each([
    ['was made, and the connection was cut', { cloudflareCutAfter: 1 }, 8],
    ['was not made, and the connection was cut', { cloudflareCutBefore: 1 }, 7],
    [
      'was made, and answered with 502',
      { cloudflareAnswers: [{ verb: 'POST', status: 502, html: true, after: true }] },
      8,
    ],
    [
      'was made, and answered with 200 and no success',
      { cloudflareAnswers: [{ verb: 'POST', status: 200, after: true }] },
      8,
    ],
    [
      'was made, and answered with a page',
      { cloudflareAnswers: [{ verb: 'POST', status: 200, html: true, after: true }] },
      8,
    ],
  ])('that %s is unclear, and sent once', async (_, faults, records) => {
    await simulator.fault(faults)
    const error = await failure(clientOf().createDns(lab().zone, record('radarr')))
    expect(error).toMatchObject({ code: 'unclear' })
    expect(await recordsNow()).toHaveLength(records)
    expect(await peer().calls()).toEqual({ [`POST /zones/${lab().zone}/dns_records`]: 1 })
  })

  test('is not begun when it was cancelled', async () => {
    const error = clientOf().createDns(lab().zone, record('radarr'), AbortSignal.abort(new Error('stop')))
    await expect(error).rejects.toThrow('stop')
    expect(await peer().calls()).toEqual({})
  })

  test('of rules without one for everything else is refused with the reason', async () => {
    const error = await failure(
      clientOf().putConfiguration(lab().tunnel, { ingress: [{ hostname: 'a.b', service: 'http://x' }] }),
    )
    expect(error).toMatchObject({ code: 'failed', data: { codes: [1056] } })
    expect(error.message).toContain('The last ingress rule must match all URLs')
    expect((await peer().state()).tunnels[0]?.version).toBe(1)
  })

  test('of what is not there says so', async () => {
    expect(await failure(clientOf().tunnel('00000000-0000-4000-8000-000000000000'))).toMatchObject({
      code: 'not-found',
    })
    expect(await failure(clientOf().dnsRecords('nonsense'))).toMatchObject({ code: 'not-found' })
  })
})

test('the secret is changed, the connector stays until it is dropped, and comes back with the new token', async () => {
  const cloudflare = clientOf()
  const { tunnel } = lab()
  const before = (await cloudflare.connectors(tunnel))[0]?.id
  await cloudflare.setTunnelSecret(tunnel, new Secret(Buffer.alloc(32, 7).toString('base64')))
  expect((await cloudflare.connectors(tunnel))[0]?.id).toBe(before)
  await cloudflare.dropConnections(tunnel)
  expect(await cloudflare.tunnel(tunnel)).toMatchObject({ status: 'down' })
  const token = await cloudflare.connectorToken(tunnel)
  expect(JSON.stringify({ token })).toBe('{"token":"[secret]"}')
  await peer().post('connectors', { token: token.reveal(), restart: true })
  expect(await cloudflare.tunnel(tunnel)).toMatchObject({ status: 'healthy' })
  expect((await cloudflare.connectors(tunnel))[0]?.id).not.toBe(before)
  expect(await failure(cloudflare.setTunnelSecret(tunnel, new Secret('short')))).toMatchObject({
    code: 'bug',
  })
})

test('of two connectors one is dropped, and the other serves on', async () => {
  await peer().post('connectors', { count: 2 })
  const cloudflare = clientOf()
  const [first, second] = await cloudflare.connectors(lab().tunnel)
  await cloudflare.dropConnections(lab().tunnel, first?.id)
  const now = (await cloudflare.connectors(lab().tunnel)).map(({ id }) => id)
  expect(now).toContain(second?.id)
  expect(now).not.toContain(first?.id)
  expect(now).toHaveLength(2)
})
