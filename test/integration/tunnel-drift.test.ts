/** What is exposed against what is meant: each kind of difference is made behind homelab's back, named, and put right. */
import { describe, expect, it } from 'vitest'
import {
  type DriftRow,
  drift,
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
const { typing, peer, target, rules, write, routeFile } = lab

const without = async (hostname: string) =>
  write((await rules()).filter((each) => each.hostname !== hostname))

/** Our file of Jellyfin's route, changed by a person. */
const ourFile = ({ url = 'http://127.0.0.1:9', middlewares = '' }) =>
  `# Made by homelab, which overwrites what is changed here. Takes it away: homelab tunnel unexpose ${host('jellyfin')}
http:
  routers:
    homelab-jellyfin:
      rule: "Host(\`${host('jellyfin')}\`)"
      service: homelab-jellyfin
      entryPoints: ["web"]${middlewares}
  services:
    homelab-jellyfin:
      loadBalancer:
        servers:
          - url: "${url}"
`
/** The record of a name, by somebody else's hand. */
async function led(label: string, content: string, more: object = {}): Promise<void> {
  await peer().post('records', { name: host(label), remove: true })
  await peer().post('records', { name: host(label), content, ...more })
}

it('of the lab at the start is the admin page of Vaultwarden, and its fix puts that behind Access alone', async () => {
  const type = await typing()
  expect(await drift(type)).toEqual([])
  const row = `private-open/${host('vault')}`
  const asked = await type(`tunnel fix ${row}`, false)
  expect(asked.state).toBe('asking')
  expect(words(asked)).toContain('a login before vault.harmeetrai.com/admin')
  output(await type(`tunnel fix ${row}`))
  expect(await outside(lab.simulator, host('vault'), '/admin')).toBe(302)
  expect(await outside(lab.simulator, host('vault'), '/alive')).toBe(200)
  // The second lock of what is behind Access.
  for (const label of ['n8n', 'grafana']) {
    output(await type(`tunnel fix enforce-missing/${host(label)}`))
    expect(await placesOf(lab.simulator, host(label))).toMatchObject({ enforced: true })
  }
  const rows = output<{ rows: DriftRow[] }>(await type('tunnel drift')).rows
  expect(rows).toEqual([])
})

/** A kind of difference, made; and what its fix leaves. */
const cases: readonly {
  readonly kind: string
  readonly label: string
  readonly make: () => Promise<unknown>
  readonly severity?: string
}[] = [
  {
    kind: 'dns-missing',
    label: 'jellyfin',
    make: () => peer().post('records', { name: host('jellyfin'), remove: true }),
  },
  { kind: 'rule-missing', label: 'jellyfin', make: () => without(host('jellyfin')) },
  { kind: 'route-missing', label: 'jellyfin', make: () => routeFile('homelab-jellyfin.yml', null) },
  {
    kind: 'access-missing',
    label: 'grafana',
    make: () => peer().post('apps', { remove: host('grafana') }),
    severity: 'critical',
  },
  {
    kind: 'rule-elsewhere',
    label: 'jellyfin',
    make: async () =>
      write(
        (await rules()).map((each) =>
          each.hostname === host('jellyfin') ? { ...each, service: 'http://192.168.1.9' } : each,
        ),
      ),
  },
  {
    kind: 'rule-shadowed',
    label: 'jellyfin',
    make: async () =>
      write([{ hostname: '*.harmeetrai.com', service: 'http://192.168.1.9' }, ...(await rules())]),
  },
  {
    kind: 'route-elsewhere',
    label: 'jellyfin',
    make: () => routeFile('homelab-jellyfin.yml', ourFile({})),
  },
  {
    kind: 'route-broken',
    label: 'jellyfin',
    make: () =>
      routeFile('homelab-jellyfin.yml', ourFile({ middlewares: '\n      middlewares: ["nope@file"]' })),
  },
  {
    kind: 'dns-other-tunnel',
    label: 'jellyfin',
    make: async () => {
      const { id } = await peer().post<{ id: string }>('tunnels', { name: 'other' })
      await led('jellyfin', `${id}.cfargotunnel.com`, { comment: 'homelab: jellyfin' })
    },
  },
  {
    kind: 'dns-mark',
    label: 'jellyfin',
    make: () => led('jellyfin', target(), { comment: 'homelab: plex' }),
    severity: 'note',
  },
  {
    kind: 'dns-dead-tunnel',
    label: 'jellyfin',
    make: () =>
      led('jellyfin', '11111111-2222-4333-8444-555555555555.cfargotunnel.com', {
        comment: 'homelab: jellyfin',
      }),
    severity: 'critical',
  },
  {
    kind: 'dns-unproxied',
    label: 'jellyfin',
    make: () => led('jellyfin', target(), { proxied: false, comment: 'homelab: jellyfin' }),
  },
]

describe.each(cases)('$kind', ({ kind, label, make, severity = 'warning' }) => {
  it('is named, planned and put right', async () => {
    const type = await typing()
    await make()
    const id = `${kind}/${host(label)}`
    const rows = await drift(type)
    expect(rows).toContainEqual(expect.objectContaining({ id, severity, fixable: true }))
    const asked = await type(`tunnel fix ${id}`, false)
    expect(asked.state).toBe('asking')
    output(await type(`tunnel fix ${id}`))
    expect((await drift(type)).map((row) => row.id)).not.toContain(id)
    expect(await outside(lab.simulator, host(label), '/health')).toBe(label === 'grafana' ? 302 : 200)
  })
})

describe('an exposure by command', () => {
  it('is noted while the file does not have it, and taken back by the fix of that', async () => {
    const type = await typing()
    output(await type('tunnel expose plex movies public:true'))
    expect(await drift(type)).toEqual([
      expect.objectContaining({ id: `unlisted/${host('movies')}`, severity: 'note', fixable: true }),
    ])
    output(await type(`tunnel fix unlisted/${host('movies')}`))
    expect(await placesOf(lab.simulator, host('movies'))).toEqual(nothing)
  })

  it('for a while is no drift, until its time is over: then it is taken back', async () => {
    const type = await typing()
    output(await type('tunnel expose plex movies for:4h'))
    expect(await drift(type)).toEqual([])
    const record = (await placesOf(lab.simulator, host('movies'))).record ?? ''
    await peer().post('records', { name: host('movies'), remove: true })
    await peer().post('records', {
      name: host('movies'),
      content: record,
      comment: 'homelab: plex until 2026-01-01T00:00Z',
    })
    expect(await drift(type)).toEqual([
      expect.objectContaining({ id: `expired/${host('movies')}`, severity: 'critical', fixable: true }),
    ])
    output(await type(`tunnel fix expired/${host('movies')}`))
    expect(await placesOf(lab.simulator, host('movies'))).toEqual(nothing)
  })

  it('that lost its login is critical, though the file does not speak of it', async () => {
    const type = await typing()
    output(await type('tunnel expose plex movies'))
    await peer().post('apps', { remove: host('movies') })
    expect(await drift(type)).toContainEqual(
      expect.objectContaining({ id: `access-missing/${host('movies')}`, severity: 'critical' }),
    )
    output(await type(`tunnel fix access-missing/${host('movies')}`))
    expect(await outside(lab.simulator, host('movies'))).toBe(302)
  })

  it('of which only the record is left leads nobody, and is taken', async () => {
    await peer().post('records', { name: host('gone'), content: target(), comment: 'homelab: plex' })
    const type = await typing()
    expect(await drift(type)).toEqual([
      expect.objectContaining({ id: `dns-orphan/${host('gone')}`, fixable: true }),
    ])
    output(await type(`tunnel fix ${host('gone')}`))
    expect(await placesOf(lab.simulator, host('gone'))).toEqual(nothing)
  })
})

describe('the file', () => {
  it('that says `private: true` of what is exposed has it taken back', async () => {
    const type = await typing((inventory) => ({
      ...inventory,
      services: inventory.services.map((each) =>
        each.name === 'jellyfin' ? { ...each, private: true } : each,
      ),
    }))
    expect(await drift(type)).toEqual([
      expect.objectContaining({ id: `private/${host('jellyfin')}`, severity: 'critical', fixable: true }),
    ])
    output(await type(`tunnel fix private/${host('jellyfin')}`))
    expect(await placesOf(lab.simulator, host('jellyfin'))).toEqual(nothing)
  })

  it('that opens what is private by nature is warned of, and its fix puts it behind Access', async () => {
    await peer().post('apps', { remove: host('grafana') })
    const type = await typing(
      withNetwork((network) => ({
        ...network,
        routes: network.routes.map((route) =>
          route.service === 'grafana' ? { ...route, public: true } : route,
        ),
      })),
    )
    const id = `private-open/${host('grafana')}`
    expect(await drift(type)).toContainEqual(
      expect.objectContaining({ id, severity: 'warning', fixable: true }),
    )
    output(await type(`tunnel fix ${id}`))
    expect(await outside(lab.simulator, host('grafana'))).toBe(302)
  })

  it('that has no name for a service says so', async () => {
    const type = await typing(
      withNetwork((network) => ({
        ...network,
        routes: network.routes.filter(({ service }) => service !== 'plex'),
      })),
    )
    await peer().post('records', { name: host('plex'), remove: true })
    await without(host('plex'))
    const rows = await drift(type)
    expect(rows.map(({ id }) => id).toSorted()).toEqual(['no-route/plex', `route-orphan/${host('plex')}`])
    output(await type(`tunnel fix route-orphan/${host('plex')}`))
    expect((await placesOf(lab.simulator, host('plex'))).route).toBeUndefined()
  })
})
