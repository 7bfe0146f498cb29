/** An exposure that fails or is cancelled at each of its steps: afterwards all four places are as they were. */
import type { Inventory } from '@homelab/core/inventory'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { cloudflarePeer } from '../support/cloudflare.ts'
import { type Faults, type Simulator, type SimulatorEvent, startSimulator } from '../support/simulator.ts'
import {
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

/** All of it but how often the rules were written. */
async function everything() {
  const { zones, apps, tunnels } = await peer().state()
  const { routers } = await simulator.traefik()
  return {
    zones,
    apps,
    config: tunnels[0]?.config,
    routers: routers.toSorted((a, b) => (a.name < b.name ? -1 : 1)),
  }
}

const exposing = 'tunnel expose jellyfin films'

const answers = (verb: string, path: string, code: number): Faults => ({
  cloudflareAnswers: [{ verb, path, status: 400, code, message: 'planted' }],
})

describe('a step that fails', () => {
  const cases: readonly [string, Faults, string][] = [
    ['Access', answers('POST', '/access/apps', 12130), 'Access'],
    ['the rule of the tunnel', answers('PUT', '/configurations', 1056), 'planted'],
    ['the DNS record', answers('POST', '/dns_records', 1004), 'planted'],
    ['the DNS record, which somebody else just made', answers('POST', '/dns_records', 81053), 'films'],
  ]
  it.each(cases)('leaves nothing: %s', async (_, faults, said) => {
    const type = await typing()
    const before = await everything()
    await simulator.fault({ stale: false, ...faults })
    const posted = await type(exposing)
    expect(await placesOf(simulator, host('films'))).toEqual(nothing)
    expect(await everything()).toEqual(before)
    expect(posted.error).toBeDefined()
    expect(words(posted)).toContain(said)
  })

  it('leaves nothing: Traefik does not hear of its file', async () => {
    const type = await typing()
    const before = await everything()
    await simulator.fault({ stale: false, traefikDeaf: true })
    const posted = await type(exposing)
    expect(posted.error).toBe('timeout')
    await simulator.fault({ stale: false })
    expect(await everything()).toEqual(before)
    expect(await type('route show homelab-jellyfin-films-harmeetrai-com')).toMatchObject({
      error: 'not-found',
    })
  })

  it('leaves nothing: the try in the lab', async () => {
    const elsewhere = withNetwork((network) => ({
      ...network,
      traefik: { ...network.traefik, probe: simulator.lab.traefik.api },
    }))
    const type = await typing(elsewhere)
    const before = await everything()
    const posted = await type(exposing)
    expect(await everything()).toEqual(before)
    expect(posted.error).toBe('failed')
    expect(words(posted)).toContain('Traefik does not lead')
  })

  it('leaves nothing: the tunnel went down, which the try from outside meets', async () => {
    const type = await typing()
    output(await type('tunnel expose jellyfin other --dry-run'))
    const before = await everything()
    await simulator.fault({ stale: false, tunnelDown: true })
    const posted = await type(`${exposing} public:true`)
    await simulator.fault({ stale: false })
    expect(await everything()).toEqual(before)
    expect(posted.error).toBe('failed')
    expect(words(posted)).toContain('error 1033')
  })
})

describe('a way in by a wildcard', () => {
  const target = () => `${simulator.lab.cloudflare.tunnel}.cfargotunnel.com`
  const traefik = 'http://192.168.1.101:80'
  const wild = { hostname: '*.harmeetrai.com', service: traefik }
  const rest = { service: 'http_status:404' }
  /** Of every name: a record of somebody else, and a rule. */
  async function opened(rule: object = wild) {
    const { tunnels } = await peer().state()
    const ingress = (tunnels[0]?.config?.ingress ?? []).slice(0, -1)
    await peer().post('tunnel', { config: { ...tunnels[0]?.config, ingress: [...ingress, rule, rest] } })
    await peer().post('records', { name: '*.harmeetrai.com', content: target() })
  }

  it("keeps the login of what is taken back, while somebody's route answers", async () => {
    await opened()
    const type = await typing()
    output(await type('tunnel expose grafana'))
    const taken = output<{ taken: string[]; warnings: string[] }>(await type('tunnel unexpose grafana'))
    expect(await placesOf(simulator, host('grafana'))).toMatchObject({
      record: undefined,
      rule: undefined,
      route: 'grafana@file enabled',
      app: host('grafana'),
    })
    expect(await outside(simulator, host('grafana'))).toBe(302)
    expect(taken.taken).toEqual(['the DNS record', "the tunnel's rule"])
    expect(taken.warnings.join()).toContain(`Access to ${host('grafana')} stays`)
    expect(taken.warnings.join()).toContain("Traefik's route grafana@file")
  })

  it('takes the login too, where Traefik has nothing for it', async () => {
    await opened()
    const type = await typing()
    output(await type('tunnel expose jellyfin films'))
    output(await type(`tunnel unexpose ${host('films')}`))
    expect(await placesOf(simulator, host('films'))).toEqual(nothing)
    expect(await outside(simulator, host('films'))).toBe(404)
  })

  it('is named by the fix of a row too: a rule straight to a service', async () => {
    await opened({ ...wild, service: 'http://192.168.1.9:8080' })
    const type = await typing()
    output(await type('tunnel expose grafana graphs public:false'))
    const fixed = output<{ done: string }>(await type(`tunnel fix unlisted/${host('graphs')}`))
    expect(await placesOf(simulator, host('graphs'))).toEqual({ ...nothing, app: host('graphs') })
    expect(fixed.done).toContain('to http://192.168.1.9:8080')
  })

  it('keeps the login while Traefik cannot be seen', async () => {
    await opened()
    const type = await typing()
    output(await type('tunnel expose grafana'))
    await simulator.fault({ stale: false, traefikApiDown: true })
    await type('tunnel unexpose grafana')
    await simulator.fault({ stale: false })
    expect(await placesOf(simulator, host('grafana'))).toMatchObject({
      record: undefined,
      app: host('grafana'),
    })
    expect(await outside(simulator, host('grafana'))).toBe(302)
  })

  it('keeps the login of an exposure whose rule could not be taken back', async () => {
    await peer().post('records', { name: '*.harmeetrai.com', content: target() })
    const type = await typing()
    const failing = answers('POST', '/dns_records', 1004)
    await simulator.fault({ stale: false, delayMs: 100, ...failing })
    const mark = await simulator.mark()
    const posted = type(exposing)
    await simulator.waitFor({ kind: 'done', verb: 'PUT' }, { after: mark })
    await simulator.fault({
      stale: false,
      cloudflareAnswers: [
        ...(failing.cloudflareAnswers ?? []),
        { verb: 'PUT', path: '/configurations', status: 400, code: 1056, message: 'planted' },
      ],
    })
    expect((await posted).error).toBe('failed')
    expect(await placesOf(simulator, host('films'))).toMatchObject({
      record: undefined,
      rule: traefik,
      app: host('films'),
    })
  })

  it("leaves somebody's second rule of the name, names it, and keeps the login before it", async () => {
    await opened()
    const type = await typing()
    output(await type(exposing))
    const { tunnels } = await peer().state()
    const [own, ...others] = (tunnels[0]?.config?.ingress ?? []).toSorted((a) =>
      a.hostname === host('films') ? -1 : 0,
    )
    const theirs = { hostname: host('films'), service: 'http://192.168.1.9:8080' }
    await peer().post('tunnel', { config: { ingress: [own, theirs, ...others] } })
    const taken = output<{ warnings: string[] }>(await type(`tunnel unexpose ${host('films')}`))
    expect(await placesOf(simulator, host('films'))).toMatchObject({
      record: undefined,
      rule: theirs.service,
      route: undefined,
      app: host('films'),
    })
    expect(taken.warnings.join()).toContain('another rule for it, to http://192.168.1.9:8080')
    expect(taken.warnings.join()).toContain(`Access to ${host('films')} stays`)
  })
})

describe('a block for too many calls', () => {
  it('is waited for, and nothing is left', async () => {
    const type = await typing()
    const before = await everything()
    await simulator.fault({
      stale: false,
      cloudflareAnswers: [
        { verb: 'POST', path: '/dns_records', status: 429, code: 971, message: 'planted', retryAfter: 1 },
      ],
    })
    const posted = await type(exposing)
    expect(await everything()).toEqual(before)
    expect(posted.error).toBe('failed')
    expect(words(posted)).toContain('taken back when the block ends')
  })
})

describe('a record that somebody took over since it was looked at', () => {
  async function handOver(comment: string) {
    const { zones } = await peer().state()
    const zone = zones.find(({ records }) => records.some(({ name }) => name === host('films')))
    const record = zone?.records.find(({ name }) => name === host('films'))
    const { api, token } = simulator.lab.cloudflare
    const { status } = await fetch(`${api}/zones/${zone?.id}/dns_records/${record?.id}`, {
      method: 'PATCH',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ comment }),
    })
    expect(status).toBe(200)
  }

  it.each([
    ['is not taken away', `tunnel unexpose ${host('films')}`],
    ['is not changed', `${exposing} for:4h`],
  ])('%s', async (_, text) => {
    const type = await typing()
    output(await type(exposing))
    output(await type(`${text} --dry-run`))
    await handOver('the old server')
    const before = await everything()
    const posted = await type(text)
    expect(await everything()).toEqual(before)
    expect(posted.error).toBe('conflict')
    expect(words(posted)).toContain('not ours any more')
  })
})

describe('a lost answer', () => {
  it('is looked for, and the exposure goes on: each change is made once', async () => {
    const type = await typing()
    await simulator.fault({ stale: false, cloudflareCutAfter: 3 })
    output(await type(exposing))
    const state = await peer().state()
    expect(await placesOf(simulator, host('films'))).toMatchObject({ enforced: true, app: host('films') })
    expect(state.apps.filter(({ domain }) => domain === host('films'))).toHaveLength(1)
    expect(
      state.zones.flatMap(({ records }) => records).filter(({ name }) => name === host('films')),
    ).toHaveLength(1)
    expect(state.writes).toHaveLength(1)
  })

  it('that shows no trace ends it, and nothing is left', async () => {
    const type = await typing()
    const before = await everything()
    await simulator.fault({ stale: false, cloudflareCutBefore: 1 })
    const posted = await type(exposing)
    expect(await everything()).toEqual(before)
    expect(posted.error).toBe('unclear')
  })
})

describe('a cancelled exposure', () => {
  const moments: readonly [string, Partial<SimulatorEvent>][] = [
    ['its application is made', { kind: 'request', verb: 'POST' }],
    ['Traefik has its route', { kind: 'traefik', what: 'loaded' }],
    ['its rule is written', { kind: 'request', verb: 'PUT' }],
  ]
  it.each(moments)('leaves nothing, when %s', async (_, event) => {
    const type = await typing()
    const before = await everything()
    const mark = await simulator.mark()
    const posted = type(exposing)
    await simulator.waitFor(event, { after: mark })
    await type.desk.interrupt()
    expect((await posted).error).toBe('cancelled')
    expect(await everything()).toEqual(before)
  })

  it('leaves Access before a record that cannot be taken back', async () => {
    const type = await typing()
    await simulator.fault({ stale: false, ...answers('DELETE', '/dns_records', 1000) })
    const mark = await simulator.mark()
    const posted = type(exposing)
    await simulator.waitFor({ kind: 'request', verb: 'POST', path: '~/dns_records$' }, { after: mark })
    await type.desk.interrupt()
    expect((await posted).error).toBe('cancelled')
    expect(await placesOf(simulator, host('films'))).toMatchObject({
      rule: undefined,
      route: undefined,
      app: host('films'),
    })
    expect(await outside(simulator, host('films'))).toBe(302)
  })
})

describe('taking back', () => {
  it('that is cancelled behind its first step leaves all as it was', async () => {
    const type = await typing()
    output(await type(exposing))
    const before = await placesOf(simulator, host('films'))
    const mark = await simulator.mark()
    const posted = type(`tunnel unexpose ${host('films')}`)
    await simulator.waitFor({ kind: 'request', verb: 'PUT' }, { after: mark })
    await type.desk.interrupt()
    expect((await posted).error).toBe('cancelled')
    expect(await placesOf(simulator, host('films'))).toEqual(before)
    expect(await outside(simulator, host('films'))).toBe(302)
  })

  it('that fails behind its first step stays closed, and says what is left', async () => {
    const type = await typing()
    output(await type(exposing))
    await simulator.fault({ stale: false, ...answers('PUT', '/configurations', 1056) })
    const posted = await type(`tunnel unexpose ${host('films')}`)
    expect(posted.error).toBe('failed')
    expect(words(posted)).toContain("the tunnel's rule")
    expect(await placesOf(simulator, host('films'))).toMatchObject({
      record: undefined,
      route: undefined,
      app: host('films'),
    })
    // The rest is a row of the drift, whose fix takes it away.
    output(await type(`tunnel fix rule-orphan/${host('films')}`))
    expect((await placesOf(simulator, host('films'))).rule).toBeUndefined()
  })

  it('that fails at its first step changes nothing', async () => {
    const type = await typing()
    output(await type(exposing))
    const before = await placesOf(simulator, host('films'))
    await simulator.fault({ stale: false, ...answers('DELETE', '/dns_records', 1000) })
    expect((await type(`tunnel unexpose ${host('films')}`)).error).toBeDefined()
    expect(await placesOf(simulator, host('films'))).toEqual(before)
  })
})
