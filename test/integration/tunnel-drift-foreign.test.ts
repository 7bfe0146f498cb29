/** What is exposed against what is meant, where homelab only names it: somebody else's records, rules, routes and files. */
import { describe, expect, it } from 'vitest'
import { counted, drift, host, outside, placesOf, tunnelLab } from './tunnel.fixture.ts'

const lab = tunnelLab()
const { typing, peer, target, rules, write, routeFile } = lab

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
    expect((await placesOf(lab.simulator, host('jellyfin'))).record).toBe('203.0.113.7')
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
        // By its port it is Proxmox.
        severity: 'critical',
        there: 'reachable without a login, by http://192.168.1.10:8006',
      }),
    )
  })

  it('is a login that lets everybody in, or that stands before what is meant for everyone', async () => {
    await peer().post('apps', { remove: host('grafana') })
    const everyone = { name: 'all', decision: 'bypass', include: [{ everyone: {} }] }
    await peer().post('apps', { name: 'mine', domain: host('grafana'), policies: [everyone] })
    const me = { name: 'me', decision: 'allow', include: [{ email: { email: 'me@example.com' } }] }
    await peer().post('apps', { name: 'theirs', domain: host('jellyfin'), policies: [me] })
    expect(await drift(await typing())).toEqual([
      expect.objectContaining({
        id: `access-open/${host('grafana')}`,
        severity: 'critical',
        fixable: false,
        there: '"mine" lets everybody in (bypass)',
      }),
      expect.objectContaining({
        id: `access-unmeant/${host('jellyfin')}`,
        severity: 'warning',
        fixable: false,
        there: 'behind "theirs"',
      }),
    ])
  })

  it('is a file that keeps Traefik from every reload', async () => {
    await lab.simulator.traefikFiles({ 'mine.yml': 'http: [\n' })
    const rows = await drift(await typing())
    expect(rows).toEqual([
      expect.objectContaining({
        id: expect.stringMatching(/^traefik-frozen\/.*\/mine\.yml$/),
        severity: 'critical',
        fixable: false,
        there: expect.stringContaining('Traefik takes no change of any route'),
      }),
    ])
  })

  it('is what a wildcard leads in beside the names: a route of somebody else, a rule past Traefik', async () => {
    await peer().post('records', { name: host('*'), content: target() })
    const [origin] = (await rules()).map(({ service }) => service)
    await write([
      { hostname: host('pve'), service: 'https://192.168.1.10:8006' },
      ...(await rules()).slice(0, -1),
      { hostname: host('*'), service: origin },
      { service: 'http_status:404' },
    ])
    await routeFile(
      'hand.yml',
      `http:
  routers:
    portainer: { rule: "Host(\`${host('portainer')}\`)", service: portainer, entryPoints: [web] }
    any: { rule: "HostRegexp(\`^x.+$\`)", service: portainer, entryPoints: [web] }
  services:
    portainer: { loadBalancer: { servers: [{ url: "${lab.simulator.lab.control}" }] } }
`,
    )
    expect(await outside(lab.simulator, host('portainer'))).toBe(404)
    const type = await typing()
    const calls = await counted(lab.simulator)
    const rows = await drift(type)
    expect(await calls()).toHaveLength(5)
    expect(rows.map(({ id, severity, there }) => [id, severity, there])).toEqual([
      [`unmeant/${host('pve')}`, 'critical', 'reachable without a login, by https://192.168.1.10:8006'],
      ['route-pattern/any@file', 'warning', expect.stringContaining('it cannot be told which names')],
      [`unmeant/${host('portainer')}`, 'warning', 'reachable without a login, by portainer@file'],
    ])
  })

  it('is looked at by lists, however long: a wildcard, 500 names and 250 applications are six calls', async () => {
    await peer().post('records', { name: host('*'), content: target() })
    await peer().post('records', { name: 'harmeetrai.com', content: target(), count: 500 })
    await peer().post('apps', { domain: 'harmeetrai.com', policies: [], count: 250 })
    const [origin] = (await rules()).map(({ service }) => service)
    await write([...(await rules()).slice(0, -1), { service: origin }])
    const type = await typing()
    // The list of zones is remembered.
    await drift(type)
    const calls = await counted(lab.simulator)
    const rows = await drift(type)
    expect(await calls()).toHaveLength(6)
    // Traefik has nothing for any of them.
    expect(rows.map(({ id }) => id.split('/')[0])).toEqual(Array<string>(500).fill('dns-idle'))
  })

  it('is a backend that does not answer', async () => {
    await lab.simulator.fault({ stale: false, broken: { jellyfin: 'refused' } })
    expect(await drift(await typing())).toContainEqual(
      expect.objectContaining({
        id: `backend-down/${host('jellyfin')}`,
        severity: 'warning',
        fixable: false,
      }),
    )
  })

  it('is a tunnel that is down', async () => {
    await lab.simulator.fault({ stale: false, tunnelDown: true })
    expect(await drift(await typing())).toContainEqual(
      expect.objectContaining({ id: 'tunnel-down/homelab', severity: 'critical' }),
    )
  })
})
