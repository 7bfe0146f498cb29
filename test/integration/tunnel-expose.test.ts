/** Exposing a service and taking it back, in all four places. End states first, then what a visitor meets, then the calls. */
import { describe, expect, it } from 'vitest'
import {
  counted,
  host,
  nothing,
  output,
  outside,
  placesOf,
  tunnelLab,
  withNetwork,
  words,
} from './tunnel.fixture.ts'

const lab = tunnelLab()
const { typing, peer, target } = lab

const origin = 'http://192.168.1.101:80'
const films = 'homelab-jellyfin-films-harmeetrai-com@file enabled'

describe('a new name', () => {
  it('is behind Access when it is said so, and a visitor is asked to log in', async () => {
    const type = await typing()
    const exposed = output(await type('tunnel expose jellyfin hostname:films public:false'))
    expect(exposed).toMatchObject({ hostname: host('films'), outside: 'login', changed: true })
    expect(await placesOf(lab.simulator, host('films'))).toEqual({
      record: target(),
      comment: 'homelab: jellyfin',
      rule: origin,
      enforced: true,
      route: films,
      app: host('films'),
    })
    expect(await outside(lab.simulator, host('films'))).toBe(302)
  })

  it('is behind Access when nothing is said, and goes again without a trace', async () => {
    const type = await typing()
    const before = await peer().state()
    output(await type('tunnel expose jellyfin films'))
    expect(await placesOf(lab.simulator, host('films'))).toMatchObject({ app: host('films'), enforced: true })
    const taken = output<{ taken: string[] }>(await type(`tunnel unexpose ${host('films')}`))
    expect(await placesOf(lab.simulator, host('films'))).toEqual(nothing)
    expect(taken.taken).toHaveLength(4)
    // Nobody else's rule, record or application was touched.
    const after = await peer().state()
    expect(after.zones).toEqual(before.zones)
    expect(after.apps).toEqual(before.apps)
    expect(after.tunnels[0]?.config).toEqual(before.tunnels[0]?.config)
  })

  it('is open to everyone only when that is said, and warns of it and of video', async () => {
    const type = await typing()
    const asked = await type('tunnel expose jellyfin films public:true', false)
    expect(asked.state).toBe('asking')
    expect(words(asked)).toContain('Everyone on the internet reaches Jellyfin')
    expect(words(asked)).toContain('terms do not cover video')
    expect(await placesOf(lab.simulator, host('films'))).toEqual(nothing)
    output(await type('tunnel expose jellyfin films public:true'))
    expect(await placesOf(lab.simulator, host('films'))).toEqual({
      record: target(),
      comment: 'homelab: jellyfin open',
      rule: origin,
      enforced: false,
      route: films,
      app: undefined,
    })
    expect(await outside(lab.simulator, host('films'), '/health')).toBe(200)
  })

  it('is marked with its end, which a second exposure takes away', async () => {
    const type = await typing()
    const exposed = output<{ until: string }>(await type('tunnel expose jellyfin films for:4h'))
    const { comment } = await placesOf(lab.simulator, host('films'))
    expect(comment).toBe(`homelab: jellyfin until ${exposed.until}`)
    const left = new Date(exposed.until).getTime() - Date.now()
    expect(Math.abs(left - 4 * 3_600_000)).toBeLessThan(61_000)
    expect(output(await type('tunnel expose jellyfin films'))).toMatchObject({ changed: true })
    expect((await placesOf(lab.simulator, host('films'))).comment).toBe('homelab: jellyfin')
    expect(output(await type('tunnel expose jellyfin films'))).toMatchObject({ changed: false })
  })

  it('goes before a wildcard that would take its requests, whose other names stay', async () => {
    const wild = { hostname: '*.harmeetrai.com', service: 'http://192.168.1.9:8080' }
    const config = { ingress: [wild, { service: 'http_status:404' }], 'warp-routing': { enabled: true } }
    await peer().post('tunnel', { config })
    const type = await typing()
    const asked = await type('tunnel expose jellyfin films public:true', false)
    expect(words(asked)).toContain('*.harmeetrai.com, which covers this name too')
    output(await type('tunnel expose jellyfin films public:true'))
    const state = await peer().state()
    expect(state.tunnels[0]?.config).toEqual({
      ...config,
      ingress: [{ hostname: host('films'), service: origin }, wild, { service: 'http_status:404' }],
    })
    expect(await outside(lab.simulator, host('films'), '/health')).toBe(200)
  })
})

describe('what is there already', () => {
  it('is used: a route of somebody else, an application, a record', async () => {
    const type = await typing()
    const before = await lab.simulator.traefik()
    const exposed = output(await type('tunnel expose grafana'))
    expect(exposed).toMatchObject({ hostname: host('grafana'), outside: 'login' })
    expect(await placesOf(lab.simulator, host('grafana'))).toMatchObject({
      route: 'grafana@file enabled',
      enforced: true,
    })
    expect((await lab.simulator.traefik()).routers).toEqual(before.routers)
    expect((await peer().state()).apps).toHaveLength(2)
  })

  it('is exposed once: again it changes nothing', async () => {
    const type = await typing()
    output(await type('tunnel expose jellyfin'))
    const before = await peer().state()
    const { version } = before.tunnels[0] ?? {}
    expect(output(await type('tunnel expose jellyfin'))).toMatchObject({ changed: false, outside: 'answers' })
    const after = await peer().state()
    expect(after.tunnels[0]?.version).toBe(version)
    expect(after.zones).toEqual(before.zones)
  })

  it("keeps Vaultwarden's admin page behind Access when the rest is open", async () => {
    const type = await typing()
    output(await type('tunnel expose vaultwarden'))
    expect(await placesOf(lab.simulator, host('vault'))).toMatchObject({
      app: `${host('vault')}/admin`,
      enforced: false,
    })
    expect(await outside(lab.simulator, host('vault'), '/alive')).toBe(200)
    expect(await outside(lab.simulator, host('vault'), '/admin')).toBe(302)
  })

  it('is not taken when it is not ours', async () => {
    await peer().post('records', { name: host('hand'), content: target() })
    const type = await typing()
    expect(await type(`tunnel unexpose ${host('hand')}`)).toMatchObject({ error: 'conflict' })
    expect((await placesOf(lab.simulator, host('hand'))).record).toBe(target())
    expect(await type('tunnel unexpose sonarr')).toMatchObject({ error: 'not-found' })
  })
})

describe('calls of Cloudflare', () => {
  it('are at most 12 for the first exposure and 8 for a later one, plan and run together', async () => {
    // Also the name of the login page is asked for.
    const type = await typing(
      withNetwork(({ access: { team: _, ...access }, ...network }) => ({ ...network, access })),
    )
    const cold = await counted(lab.simulator)
    output(await type('tunnel expose jellyfin films'))
    const first = await cold()
    const warm = await counted(lab.simulator)
    output(await type('tunnel expose plex movies'))
    const second = await warm()
    expect(first.length, first.join('\n')).toBeLessThanOrEqual(12)
    // The rules are known from the exposure before; after some seconds one more reading of them.
    expect(second.length, second.join('\n')).toBeLessThanOrEqual(8 - 1)
    // The write of the rules is looked at right before and right after it.
    const rules = second.filter((call) => call.endsWith('/configurations'))
    expect(rules.map((call) => call.split(' ')[0]).toSorted()).toEqual(['GET', 'GET', 'PUT'])
    // Of these the plan makes the reads, and the run the rest.
    const alone = await counted(lab.simulator)
    output(await type('tunnel expose immich fotos --dry-run'))
    const planned = await alone()
    expect(planned.length, planned.join('\n')).toBeLessThanOrEqual(3)
    const rest = await counted(lab.simulator)
    output(await type('tunnel expose immich fotos'))
    const ran = await rest()
    expect(ran.length, ran.join('\n')).toBeLessThanOrEqual(5)
  })
})

describe('who is private', () => {
  it.each([
    ['tunnel expose radarr public:true', host('radarr')],
    ['tunnel expose grafana dash public:true', host('dash')],
  ])('is opened by %s, because it is said', async (text, hostname) => {
    const type = await typing()
    const asked = await type(text, false)
    expect(asked.state).toBe('asking')
    output(await type(text))
    expect(await placesOf(lab.simulator, hostname)).toMatchObject({ record: target(), app: undefined })
  })

  it('is not opened because the file says so', async () => {
    const type = await typing(
      withNetwork((network) => ({
        ...network,
        routes: [...network.routes, { hostname: host('arr'), service: 'radarr', public: true }],
      })),
    )
    const refused = await type('tunnel expose radarr')
    expect(refused.error).toBe('conflict')
    expect(words(refused)).toContain('can delete the library')
    expect(words(refused)).toContain('public:true')
    expect(await placesOf(lab.simulator, host('arr'))).toEqual(nothing)
  })
})
