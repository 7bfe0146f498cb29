/** An exposure that fails or is cancelled at each of its steps: afterwards all four places are as they were. */
import { describe, expect, it } from 'vitest'
import type { Faults, SimulatorEvent } from '../support/simulator.ts'
import {
  host,
  nothing,
  output,
  outside,
  placesOf,
  refusing,
  tunnelLab,
  withNetwork,
  words,
} from './tunnel.fixture.ts'

const lab = tunnelLab()
const { typing, peer, rules, write, everything } = lab

const exposing = 'tunnel expose jellyfin films'

describe('a step that fails', () => {
  const cases: readonly [string, Faults, string][] = [
    ['Access', refusing('POST', '/access/apps', 12130), 'Access'],
    ['the rule of the tunnel', refusing('PUT', '/configurations', 1056), 'planted'],
    ['the DNS record', refusing('POST', '/dns_records', 1004), 'planted'],
    ['the DNS record, which somebody else just made', refusing('POST', '/dns_records', 81053), 'films'],
  ]
  it.each(cases)('leaves nothing: %s', async (_, faults, said) => {
    const type = await typing()
    const before = await everything()
    await lab.simulator.fault({ stale: false, ...faults })
    const posted = await type(exposing)
    expect(await placesOf(lab.simulator, host('films'))).toEqual(nothing)
    expect(await everything()).toEqual(before)
    expect(posted.error).toBeDefined()
    expect(words(posted)).toContain(said)
  })

  it('leaves nothing: Traefik does not hear of its file', async () => {
    const type = await typing()
    const before = await everything()
    await lab.simulator.fault({ stale: false, traefikDeaf: true })
    const posted = await type(exposing)
    expect(posted.error).toBe('timeout')
    await lab.simulator.fault({ stale: false })
    expect(await everything()).toEqual(before)
    expect(await type('route show homelab-jellyfin-films-harmeetrai-com')).toMatchObject({
      error: 'not-found',
    })
  })

  it('leaves nothing: the try in the lab', async () => {
    const elsewhere = withNetwork((network) => ({
      ...network,
      traefik: { ...network.traefik, probe: lab.simulator.lab.traefik.api },
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
    await lab.simulator.fault({ stale: false, tunnelDown: true })
    const posted = await type(`${exposing} public:true`)
    await lab.simulator.fault({ stale: false })
    expect(await everything()).toEqual(before)
    expect(posted.error).toBe('failed')
    expect(words(posted)).toContain('error 1033')
  })
})

describe('what somebody else has to do with', () => {
  it('is put back: a record of another type that was handed over', async () => {
    await peer().post('records', {
      ...{ name: host('films'), type: 'A', content: '203.0.113.7', proxied: true },
      comment: 'homelab: jellyfin',
    })
    const type = await typing()
    const mark = await lab.simulator.mark()
    const posted = type(`${exposing} public:true`)
    await lab.simulator.waitFor(
      { kind: 'request', verb: 'PATCH', path: '~/dns_records/[0-9a-f]+$' },
      { after: mark },
    )
    await type.desk.interrupt()
    expect((await posted).error).toBe('cancelled')
    const after = (await peer().state()).zones.flatMap((zone) => zone.records)
    expect(after.find(({ name }) => name === host('films'))).toMatchObject({
      ...{ type: 'A', content: '203.0.113.7', proxied: true, comment: 'homelab: jellyfin' },
    })
    expect(words(await posted)).not.toContain('Not taken back')
  })

  it('is left: a rule of the name that somebody makes after the look', async () => {
    const theirs = { hostname: host('films'), service: 'http://192.168.1.9:8080' }
    const type = await typing()
    await peer().writer({ before: 'GET', nth: 2, add: theirs })
    const posted = await type(exposing)
    expect(await placesOf(lab.simulator, host('films'))).toEqual({ ...nothing, rule: theirs.service })
    expect(posted.error, words(posted)).toBe('conflict')
    expect(words(posted)).toContain(`leads to ${theirs.service}`)
  })

  it('is left by the fix of a row: a rule that somebody leads elsewhere meanwhile', async () => {
    await write([{ hostname: host('films'), service: 'http://192.168.1.101:80' }, ...(await rules())])
    const theirs = { hostname: host('films'), service: 'http://192.168.1.9:8080' }
    const type = await typing()
    // The plan looks, the run looks for the row, and then for the rule.
    await peer().writer({ before: 'GET', nth: 3, change: theirs })
    await type(`tunnel fix rule-orphan/${host('films')}`)
    expect((await placesOf(lab.simulator, host('films'))).rule).toBe(theirs.service)
  })

  it('is put back where it was: a rule that nothing reached behind a wildcard', async () => {
    const own = { hostname: host('films'), service: 'http://192.168.1.101:80' }
    const wild = { hostname: '*.harmeetrai.com', service: 'http://192.168.1.9:8080' }
    const others = (await rules()).slice(0, -1)
    await write([...others, wild, own, { service: 'http_status:404' }])
    const type = await typing()
    const before = await everything()
    await lab.simulator.fault({ stale: false, ...refusing('POST', '/dns_records', 1004) })
    expect((await type(`${exposing} public:true`)).error).toBeDefined()
    expect(await everything()).toEqual(before)
  })
})

describe('a block for too many calls', () => {
  it('is waited for, and nothing is left', async () => {
    const type = await typing()
    const before = await everything()
    await lab.simulator.fault({
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
    const { api, token } = lab.simulator.lab.cloudflare
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
    await lab.simulator.fault({ stale: false, cloudflareCutAfter: 3 })
    output(await type(exposing))
    const state = await peer().state()
    expect(await placesOf(lab.simulator, host('films'))).toMatchObject({ enforced: true, app: host('films') })
    expect(state.apps.filter(({ domain }) => domain === host('films'))).toHaveLength(1)
    expect(
      state.zones.flatMap(({ records }) => records).filter(({ name }) => name === host('films')),
    ).toHaveLength(1)
    expect(state.writes).toHaveLength(1)
  })

  it('that shows no trace ends it, and nothing is left', async () => {
    const type = await typing()
    const before = await everything()
    await lab.simulator.fault({ stale: false, cloudflareCutBefore: 1 })
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
    const mark = await lab.simulator.mark()
    const posted = type(exposing)
    await lab.simulator.waitFor(event, { after: mark })
    await type.desk.interrupt()
    expect((await posted).error).toBe('cancelled')
    expect(await everything()).toEqual(before)
  })

  it('leaves Access before a record that cannot be taken back', async () => {
    const type = await typing()
    await lab.simulator.fault({ stale: false, ...refusing('DELETE', '/dns_records', 1000) })
    const mark = await lab.simulator.mark()
    const posted = type(exposing)
    await lab.simulator.waitFor({ kind: 'request', verb: 'POST', path: '~/dns_records$' }, { after: mark })
    await type.desk.interrupt()
    expect((await posted).error).toBe('cancelled')
    expect(await placesOf(lab.simulator, host('films'))).toMatchObject({
      rule: undefined,
      route: undefined,
      app: host('films'),
    })
    expect(await outside(lab.simulator, host('films'))).toBe(302)
    expect(words(await posted)).toContain(`Not taken back: the DNS record ${host('films')} (`)
    expect(words(await posted)).toContain(`Not taken back: Access to ${host('films')} (The DNS record`)
  })
})

describe('taking back', () => {
  it('that is cancelled behind its first step leaves all as it was', async () => {
    const type = await typing()
    output(await type(exposing))
    const before = await placesOf(lab.simulator, host('films'))
    const mark = await lab.simulator.mark()
    const posted = type(`tunnel unexpose ${host('films')}`)
    await lab.simulator.waitFor({ kind: 'request', verb: 'PUT' }, { after: mark })
    await type.desk.interrupt()
    expect((await posted).error).toBe('cancelled')
    expect(await placesOf(lab.simulator, host('films'))).toEqual(before)
    expect(await outside(lab.simulator, host('films'))).toBe(302)
  })

  it('that is cancelled stays closed where a login cannot be put back', async () => {
    const type = await typing(
      withNetwork((network) => ({ ...network, access: { ...network.access, enforce: false } })),
    )
    // One before its admin page, and one before all of it.
    output(await type('tunnel expose vaultwarden'))
    output(await type('tunnel expose vaultwarden public:false'))
    await lab.simulator.fault({ stale: false, ...refusing('POST', '/access/apps', 12130) })
    const mark = await lab.simulator.mark()
    const posted = type(`tunnel unexpose ${host('vault')}`)
    await lab.simulator.waitFor(
      { kind: 'request', verb: 'DELETE', path: '~/access/apps/[0-9a-f-]+$' },
      { after: mark },
    )
    await type.desk.interrupt()
    expect((await posted).error).toBe('cancelled')
    expect(await outside(lab.simulator, host('vault'), '/alive')).not.toBe(200)
    expect(await placesOf(lab.simulator, host('vault'))).toMatchObject({
      record: undefined,
      rule: undefined,
    })
    expect(words(await posted)).toContain(`Not taken back: the DNS record ${host('vault')}`)
    expect(words(await posted)).toContain('stays closed')
  })

  it('that fails behind its first step stays closed, and says what is left', async () => {
    const type = await typing()
    output(await type(exposing))
    await lab.simulator.fault({ stale: false, ...refusing('PUT', '/configurations', 1056) })
    const posted = await type(`tunnel unexpose ${host('films')}`)
    expect(posted.error).toBe('failed')
    expect(words(posted)).toContain("the tunnel's rule")
    expect(await placesOf(lab.simulator, host('films'))).toMatchObject({
      record: undefined,
      route: undefined,
      app: host('films'),
    })
    // The rest is a row of the drift, whose fix takes it away.
    output(await type(`tunnel fix rule-orphan/${host('films')}`))
    expect((await placesOf(lab.simulator, host('films'))).rule).toBeUndefined()
  })

  it('that fails at its first step changes nothing', async () => {
    const type = await typing()
    output(await type(exposing))
    const before = await placesOf(lab.simulator, host('films'))
    await lab.simulator.fault({ stale: false, ...refusing('DELETE', '/dns_records', 1000) })
    expect((await type(`tunnel unexpose ${host('films')}`)).error).toBeDefined()
    expect(await placesOf(lab.simulator, host('films'))).toEqual(before)
  })
})
