/** Every way in which Cloudflare refuses, blocks, or leaves open what became of a change. */
import { Secret } from '@homelab/core'
import { type Cloudflare, createCloudflare } from '@homelab/core/cloudflare'
import { describe, expect, test } from 'vitest'
import { type CloudflareFixture, failure, quickClock, useCloudflare } from './cloudflare.fixture.ts'

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

const withPermissions = async (...permissions: string[]) =>
  clientOf({ token: (await peer().post<{ value: string }>('tokens', { permissions })).value })

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
  ] as [string, string[], (c: Cloudflare) => Promise<unknown>][])(
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
    await now().simulator.fault({ cloudflareQuota: 3 })
    const cloudflare = clientOf()
    for (const _ of [1, 2, 3]) await cloudflare.tunnel(lab().tunnel)
    const error = await failure(cloudflare.tunnel(lab().tunnel))
    expect(error).toMatchObject({ code: 'failed', data: { until: expect.any(String) } })
    expect(Object.values(await peer().calls())).toEqual([3])
  })

  test('block for five minutes: named, and nothing is sent until they are over', async () => {
    await now().simulator.fault({ cloudflareQuota: 3 })
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
    await now().simulator.fault({ clockMs: 301_000 })
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
    await now().simulator.fault(faults)
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
