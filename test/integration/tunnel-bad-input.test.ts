/** What can be wrong about an exposure: each is refused before anything is done, says what it is, and what to do. */
import type { Inventory } from '@homelab/core/inventory'
import { describe, expect, it } from 'vitest'
import {
  found,
  host,
  nothing,
  output,
  outside,
  placesOf,
  type Typist,
  tunnelLab,
  withNetwork,
  words,
} from './tunnel.fixture.ts'

const lab = tunnelLab()
const { typing, peer, target, everything } = lab

/** Types it, and looks that it was refused so, before anything was changed. */
async function refused(type: Typist, text: string, code: string, ...said: readonly string[]): Promise<void> {
  const before = await peer().state()
  const around = await everything()
  const posted = await type(text)
  expect(posted.error, words(posted)).toBe(code)
  for (const each of said) expect(words(posted)).toContain(each)
  expect(await everything()).toEqual(around)
  expect((await peer().state()).tunnels).toEqual(before.tunnels)
}

const all = [
  'Account · Cloudflare Tunnel · Edit',
  'Account · Access: Apps and Policies · Edit',
  'Account · Access: Organizations, Identity Providers, and Groups · Read',
  'Zone · Zone · Read',
  'Zone · DNS · Edit',
]

describe('a token', () => {
  it.each([
    [['Account · Cloudflare Tunnel · Edit'], 'Cloudflare Tunnel'],
    [['Account · Access: Apps and Policies · Edit'], 'Access: Apps and Policies'],
    [['Zone · Zone · Read', 'Zone · DNS · Edit'], 'Zone'],
    [['Zone · DNS · Edit'], 'Zone · DNS'],
  ])('without %j is told which is missing', async (missing, said) => {
    const permissions = all.filter((each) => !missing.includes(each))
    const { value } = await peer().post<{ value: string }>('tokens', { permissions })
    await refused(await typing(undefined, value), 'tunnel expose jellyfin films', 'unauthorised', said)
  })

  it('may lack Access where nobody uses it', async () => {
    const permissions = all.filter((each) => !each.includes('Access'))
    const { value } = await peer().post<{ value: string }>('tokens', { permissions })
    const type = await typing(
      withNetwork((network) => ({ ...network, access: { ...network.access, allow: [] } })),
      value,
    )
    output(await type('tunnel expose jellyfin films public:true'))
    expect(await outside(lab.simulator, host('films'), '/health')).toBe(200)
    output(await type(`tunnel unexpose ${host('films')}`))
    expect(await placesOf(lab.simulator, host('films'))).toEqual(nothing)
    const drift = found<{ rows: { id: string }[] }>(await type('tunnel drift'))
    expect(drift.rows.map(({ id }) => id)).toContain('unseen/Access')
  })

  it('that is no longer good says so', async () => {
    const { value } = await peer().post<{ value: string }>('tokens', { status: 'expired' })
    await refused(await typing(undefined, value), 'tunnel expose jellyfin films', 'unauthorised')
  })
})

describe('a host name', () => {
  it.each([
    ['films.example.org', 'not under harmeetrai.com'],
    ['*', 'a wildcard would expose everything below it'],
    ['*.harmeetrai.com', 'a wildcard'],
    ['-films', 'letters, digits and dashes'],
    ['a..harmeetrai.com', 'two dots in a row'],
    ['fil_ms', 'letters, digits and dashes'],
    ['https://films.harmeetrai.com', 'whole address'],
    ['films.harmeetrai.com/admin', 'cannot be in one'],
    ['films`)||Host(`x', 'cannot be in one'],
    ['"films harmeetrai.com"', 'cannot be in one'],
    [`${'x'.repeat(64)}`, 'at most 63'],
    [`${'y'.repeat(60)}.${'y'.repeat(60)}.${'y'.repeat(60)}.${'y'.repeat(60)}.harmeetrai.com`, 'at most 253'],
    [`${'ü'.repeat(60)}`, 'at most 63'],
  ])('%s is refused', async (name, said) => {
    await refused(await typing(), `tunnel expose jellyfin ${name}`, 'usage', said)
  })

  it('in letters beyond ASCII is exposed as DNS has it', async () => {
    const type = await typing()
    const exposed = output<{ hostname: string }>(await type('tunnel expose jellyfin Bücher'))
    expect(exposed.hostname).toBe('xn--bcher-kva.harmeetrai.com')
    expect(await placesOf(lab.simulator, exposed.hostname)).toMatchObject({
      record: target(),
      app: exposed.hostname,
    })
    output(await type('tunnel unexpose bücher.harmeetrai.com'))
    expect(await placesOf(lab.simulator, exposed.hostname)).toEqual(nothing)
  })

  it('as long as DNS takes goes through all four', async () => {
    const type = await typing()
    const long = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(44)}.harmeetrai.com`
    expect(long).toHaveLength(251)
    const asked = await type(`tunnel expose jellyfin ${long} public:true`, false)
    expect(words(asked)).toContain('more than one level below harmeetrai.com')
    output(await type(`tunnel expose jellyfin ${long} public:true`))
    expect(await outside(lab.simulator, long, '/health')).toBe(200)
    output(await type(`tunnel unexpose ${long}`))
    expect(await placesOf(lab.simulator, long)).toEqual(nothing)
  })

  it('in a zone that is not in the account names those that are', async () => {
    const other = withNetwork(({ routes: _, ...network }) => ({
      ...network,
      domain: 'example.org',
      routes: [],
    }))
    await refused(await typing(other), 'tunnel expose jellyfin', 'not-found', 'harmeetrai.com')
  })

  it('that another service has in the file is refused', async () => {
    await refused(await typing(), 'tunnel expose jellyfin plex', 'conflict', 'is the name of plex')
  })

  it.each([
    ['A', '203.0.113.7', true],
    ['CNAME', 'old.example.net', true],
    ['AAAA', '2001:db8::7', false],
  ])('that a foreign %s record has is refused, and the record is named', async (type, content, proxied) => {
    await peer().post('records', { name: host('films'), type, content, proxied, comment: 'the old server' })
    await refused(
      await typing(),
      'tunnel expose jellyfin films',
      'conflict',
      `${type} ${content}`,
      'the old server',
    )
  })

  it('that the tunnel leads elsewhere is refused', async () => {
    const ingress = [
      { hostname: host('films'), service: 'http://192.168.1.9:80' },
      { service: 'http_status:404' },
    ]
    await peer().post('tunnel', { config: { ingress } })
    await refused(await typing(), 'tunnel expose jellyfin films', 'conflict', 'http://192.168.1.9:80')
  })

  it('that has an application which lets everybody in is refused', async () => {
    const policies = [{ name: 'all', decision: 'bypass', include: [{ everyone: {} }] }]
    await peer().post('apps', { name: 'open house', domain: host('films'), policies })
    await refused(await typing(), 'tunnel expose jellyfin films', 'conflict', 'open house')
  })

  it('that has an application is not opened', async () => {
    const policies = [{ name: 'us', decision: 'allow', include: [{ email: { email: 'a@example.com' } }] }]
    await peer().post('apps', { name: 'family', domain: host('films'), policies })
    await refused(await typing(), 'tunnel expose jellyfin films public:true', 'conflict', 'family')
  })
})

describe('a service', () => {
  it.each([
    ['tunnel expose postgresql', 'conflict', 'private: true'],
    ['tunnel expose nosuch', 'not-found', 'nosuch'],
    ['tunnel expose @media', 'usage', 'names 6 guests'],
    ['tunnel expose jellyfin films for:1s', 'usage', 'from a minute to 90 days'],
    ['tunnel expose jellyfin films for:200d', 'usage', 'from a minute to 90 days'],
    ['tunnel expose jellyfin films for:soon', 'usage', 'from a minute to 90 days'],
    ['tunnel unexpose films', 'not-found', 'films'],
    ['tunnel unexpose nosuch.harmeetrai.com', 'not-found', 'nothing of it is ours'],
    ['tunnel fix dns-missing/nosuch.harmeetrai.com', 'not-found', 'no drift'],
  ])('%s is refused', async (text, code, said) => {
    await refused(await typing(), text, code, said)
  })

  it('that speaks no HTTP is refused', async () => {
    const open = (inventory: Inventory): Inventory => ({
      ...inventory,
      services: inventory.services.map((entry) => ({ ...entry, private: false })),
    })
    const type = await typing(open)
    await refused(type, 'tunnel expose redis public:true', 'usage', 'speaks HTTP')
    await refused(type, 'tunnel expose postgresql public:true', 'usage', 'speaks HTTP')
  })

  it('that is down is refused, unless it is told otherwise', async () => {
    const type = await typing()
    await lab.simulator.fault({ stale: false, broken: { jellyfin: 'refused' } })
    await refused(type, 'tunnel expose jellyfin films', 'conflict', 'does not answer', 'down:true')
    output(await type('tunnel expose jellyfin films down:true'))
    expect(await placesOf(lab.simulator, host('films'))).toMatchObject({
      record: target(),
      app: host('films'),
    })
  })

  it('would be behind Access, and nobody may log in', async () => {
    const nobody = withNetwork((network) => ({ ...network, access: { ...network.access, allow: [] } }))
    await refused(await typing(nobody), 'tunnel expose jellyfin films', 'config', 'network.access.allow')
    await refused(await typing(nobody), 'tunnel expose vaultwarden', 'conflict', '/admin')
  })

  it('cannot be behind Access where Zero Trust was never opened', async () => {
    await peer().post('access', { team: null })
    const type = await typing()
    await refused(type, 'tunnel expose jellyfin films', 'config', 'not set up', 'public:true')
    output(await type('tunnel expose jellyfin films public:true'))
    output(await type(`tunnel unexpose ${host('films')}`))
  })
})

describe('the tunnel', () => {
  it('that is down is refused, unless it is told otherwise', async () => {
    await lab.simulator.fault({ stale: false, tunnelDown: true })
    const type = await typing()
    await refused(type, 'tunnel expose jellyfin films', 'conflict', 'homelab', 'down:true')
    output(await type('tunnel expose jellyfin films public:true down:true'))
    expect(await placesOf(lab.simulator, host('films'))).toMatchObject({ record: target() })
    expect(found(await type('tunnel status'))).toMatchObject({
      status: expect.stringMatching(/down|inactive/),
      connectors: [],
    })
  })

  it.each([
    [{ id: '00000000-0000-4000-8000-000000000000' }, 'not-found', ''],
    [{ name: 'homelabb', id: undefined }, 'config', 'Did you mean homelab'],
  ])('%j is not found', async (change, code, said) => {
    const other = withNetwork((network) => ({
      ...network,
      tunnel: { ...network.tunnel, ...change } as never,
    }))
    await refused(await typing(other), 'tunnel expose jellyfin films', code, said)
  })

  it('whose rules are in a file is not written at Cloudflare', async () => {
    await peer().post('tunnel', { source: 'local' })
    await refused(await typing(), 'tunnel expose jellyfin films', 'config', 'network.tunnel.config')
  })
})

describe('Traefik', () => {
  it('that a file of a person keeps from every reload: the file is named', async () => {
    await lab.simulator.traefikFiles({ 'experiment.yml': 'http:\n  routers: {}\n' })
    const type = await typing()
    await refused(type, 'tunnel expose jellyfin films', 'conflict', '/etc/traefik/conf.d/experiment.yml')
    const drift = found<{ rows: { id: string; severity: string }[] }>(await type('tunnel drift'))
    expect(drift.rows).toContainEqual(
      expect.objectContaining({
        id: 'traefik-frozen//etc/traefik/conf.d/experiment.yml',
        severity: 'critical',
      }),
    )
    await lab.simulator.traefikFiles({ 'experiment.yml': null })
    output(await type('tunnel expose jellyfin films'))
  })

  it.each([
    [{ entry_points: ['webb'] }, 'it has'],
    [{ middlewares: ['nosuch'] }, 'no middleware \\"nosuch\\"'],
  ])('has no %j', async (change, said) => {
    const other = withNetwork((network) => ({ ...network, traefik: { ...network.traefik, ...change } }))
    await refused(await typing(other), 'tunnel expose jellyfin films', 'config', said)
  })

  it('has a route for the name that leads elsewhere', async () => {
    const text =
      'http:\n  routers:\n    mine:\n      rule: Host(`films.harmeetrai.com`)\n      service: mine\n  services:\n    mine:\n      loadBalancer:\n        servers:\n          - url: http://192.168.1.99:80\n'
    const mark = await lab.simulator.mark()
    await lab.simulator.traefikFiles({ 'mine.yml': text })
    await lab.simulator.waitFor({ kind: 'traefik', what: 'loaded' }, { after: mark })
    await refused(
      await typing(),
      'tunnel expose jellyfin films',
      'conflict',
      'mine@file',
      'http://192.168.1.99:80',
    )
  })

  it('does not answer', async () => {
    await lab.simulator.fault({ stale: false, traefikApiDown: true })
    const type = await typing()
    await refused(type, 'tunnel expose jellyfin films', 'unreachable')
    const drift = found<{ rows: { id: string }[] }>(await type('tunnel drift'))
    expect(drift.rows.map(({ id }) => id)).toContain('unseen/Traefik')
  })
})
