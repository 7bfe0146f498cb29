/** The client of Cloudflare's API against the simulated one: what it reads and changes. */
import { Secret } from '@homelab/core'
import { createCloudflare } from '@homelab/core/cloudflare'
import { describe, expect, test } from 'vitest'
import { type CloudflareFixture, failure, quickClock, sshOf, useCloudflare } from './cloudflare.fixture.ts'

const now = useCloudflare()
const lab = () => now().lab
const peer = () => now().peer
const clientOf = (options?: Parameters<CloudflareFixture['open']>[0]) => now().open(options).cloudflare

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
    await now().simulator.fault({ tunnelConnections: 2 })
    expect(await cloudflare.tunnel(lab().tunnel)).toMatchObject({ status: 'degraded', connections: 2 })
    await now().simulator.changeGuest(104, { state: 'stopped' })
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
    await now().simulator.fault({ cloudflareAnswers: [{ status: 502, html: true }] })
    expect(await clientOf().tunnels()).toHaveLength(1)
    await now().simulator.fault({
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
    await now().simulator.fault({ cloudflareAnswers: [{ status: 200, code: 1234, message: 'try later' }] })
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
    const { http } = now().open()
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
  // It starts anew with what it has, which is no longer good, and then with what is put into its file.
  await peer().post('connectors', { restart: true })
  expect(await cloudflare.tunnel(tunnel)).toMatchObject({ status: 'down' })
  await using ssh = sshOf(now().simulator)
  const shell = (...argv: string[]) => ssh.shell('pve').exec(['pct', 'exec', '104', '--', ...argv])
  expect((await shell('systemctl', 'cat', 'cloudflared')).stdout).toContain(
    '--token-file /etc/cloudflared/token',
  )
  const put = ['pct', 'exec', '104', '--', 'tee', '/etc/cloudflared/token']
  await ssh.shell('pve').exec(put, { stdin: token.reveal() })
  expect(await cloudflare.tunnel(tunnel)).toMatchObject({ status: 'down' })
  expect((await shell('systemctl', 'restart', 'cloudflared')).code).toBe(0)
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

test('a tunnel whose rules are in a file of the container: what cloudflared has read is what counts', async () => {
  const { tunnel } = lab()
  await peer().post('tunnel', { source: 'local' })
  const cloudflare = clientOf()
  expect(await cloudflare.tunnel(tunnel)).toMatchObject({ source: 'local', status: 'healthy' })
  await using ssh = sshOf(now().simulator)
  const shell = (argv: readonly string[], stdin?: string) =>
    ssh.shell('pve').exec(['pct', 'exec', '104', '--', ...argv], stdin === undefined ? {} : { stdin })
  const path = '/etc/cloudflared/config.yml'
  const { stdout } = await shell(['cat', path])
  expect(stdout).toContain('hostname: jellyfin.harmeetrai.com')
  await shell(['tee', `${path}.new`], 'ingress:\n  - hostname: a.b\n    service: http://x\n')
  const validate = ['cloudflared', '--config', `${path}.new`, 'tunnel', 'ingress', 'validate']
  const refused = await shell(validate)
  expect(refused).toMatchObject({ code: 1 })
  expect(refused.stderr).toContain('The last ingress rule must match all URLs')
  await shell(['tee', `${path}.new`], stdout.replace(/http_status:404/, 'http_status:418'))
  expect(await shell(validate)).toMatchObject({ code: 0 })
  await shell(['mv', '-T', '--', `${path}.new`, path])
  await shell(['systemctl', 'restart', 'cloudflared'])
  expect(await cloudflare.tunnel(tunnel)).toMatchObject({ status: 'healthy' })
})
