/** A wildcard leads every name in: what is taken back may still be reached by it, and keeps its login then. */
import { describe, expect, it } from 'vitest'
import { host, nothing, output, outside, placesOf, refusing, tunnelLab } from './tunnel.fixture.ts'

const lab = tunnelLab()
const { typing, peer, target, rules, write } = lab

const exposing = 'tunnel expose jellyfin films'

describe('a way in by a wildcard', () => {
  const traefik = 'http://192.168.1.101:80'
  const wild = { hostname: '*.harmeetrai.com', service: traefik }
  const rest = { service: 'http_status:404' }
  /** Of every name: a record of somebody else, and a rule. */
  async function opened(rule: object = wild) {
    await write([...(await rules()).slice(0, -1), rule, rest])
    await peer().post('records', { name: '*.harmeetrai.com', content: target() })
  }

  it("keeps the login of what is taken back, while somebody's route answers", async () => {
    await opened()
    const type = await typing()
    output(await type('tunnel expose grafana'))
    const taken = output<{ taken: string[]; warnings: string[] }>(await type('tunnel unexpose grafana'))
    expect(await placesOf(lab.simulator, host('grafana'))).toMatchObject({
      record: undefined,
      rule: undefined,
      route: 'grafana@file enabled',
      app: host('grafana'),
    })
    expect(await outside(lab.simulator, host('grafana'))).toBe(302)
    expect(taken.taken).toEqual(['the DNS record', "the tunnel's rule"])
    expect(taken.warnings.join()).toContain(`Access to ${host('grafana')} stays`)
    expect(taken.warnings.join()).toContain("Traefik's route grafana@file")
  })

  it('takes the login too, where Traefik has nothing for it', async () => {
    await opened()
    const type = await typing()
    output(await type('tunnel expose jellyfin films'))
    output(await type(`tunnel unexpose ${host('films')}`))
    expect(await placesOf(lab.simulator, host('films'))).toEqual(nothing)
    expect(await outside(lab.simulator, host('films'))).toBe(404)
  })

  it('is named by the fix of a row too: a rule straight to a service', async () => {
    await opened({ ...wild, service: 'http://192.168.1.9:8080' })
    const type = await typing()
    output(await type('tunnel expose grafana graphs public:false'))
    const fixed = output<{ done: string }>(await type(`tunnel fix unlisted/${host('graphs')}`))
    expect(await placesOf(lab.simulator, host('graphs'))).toEqual({ ...nothing, app: host('graphs') })
    expect(fixed.done).toContain('to http://192.168.1.9:8080')
  })

  it('keeps the login while Traefik cannot be seen', async () => {
    await opened()
    const type = await typing()
    output(await type('tunnel expose grafana'))
    await lab.simulator.fault({ stale: false, traefikApiDown: true })
    await type('tunnel unexpose grafana')
    await lab.simulator.fault({ stale: false })
    expect(await placesOf(lab.simulator, host('grafana'))).toMatchObject({
      record: undefined,
      app: host('grafana'),
    })
    expect(await outside(lab.simulator, host('grafana'))).toBe(302)
  })

  it('keeps the login of an exposure whose rule could not be taken back', async () => {
    await peer().post('records', { name: '*.harmeetrai.com', content: target() })
    const type = await typing()
    const failing = refusing('POST', '/dns_records', 1004)
    await lab.simulator.fault({ stale: false, delayMs: 100, ...failing })
    const mark = await lab.simulator.mark()
    const posted = type(exposing)
    await lab.simulator.waitFor({ kind: 'done', verb: 'PUT' }, { after: mark })
    await lab.simulator.fault({
      stale: false,
      cloudflareAnswers: [
        ...(failing.cloudflareAnswers ?? []),
        { verb: 'PUT', path: '/configurations', status: 400, code: 1056, message: 'planted' },
      ],
    })
    expect((await posted).error).toBe('failed')
    expect(await placesOf(lab.simulator, host('films'))).toMatchObject({
      record: undefined,
      rule: traefik,
      app: host('films'),
    })
  })

  it("leaves somebody's second rule of the name, names it, and keeps the login before it", async () => {
    await opened()
    const type = await typing()
    output(await type(exposing))
    const [own, ...others] = (await rules()).toSorted((a) => (a.hostname === host('films') ? -1 : 0))
    const theirs = { hostname: host('films'), service: 'http://192.168.1.9:8080' }
    await write([own ?? {}, theirs, ...others])
    const taken = output<{ warnings: string[] }>(await type(`tunnel unexpose ${host('films')}`))
    expect(await placesOf(lab.simulator, host('films'))).toMatchObject({
      record: undefined,
      rule: theirs.service,
      route: undefined,
      app: host('films'),
    })
    expect(taken.warnings.join()).toContain('another rule for it, to http://192.168.1.9:8080')
    expect(taken.warnings.join()).toContain(`Access to ${host('films')} stays`)
  })
})
