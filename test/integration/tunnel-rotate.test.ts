/** A new secret and a file of rules where something goes wrong: what is said before, and how it ends. */
import type { Inventory } from '@homelab/core/inventory'
import { describe, expect, it } from 'vitest'
import { sshOf } from './cloudflare.fixture.ts'
import { host, nothing, output, outside, placesOf, tunnelLab, words } from './tunnel.fixture.ts'

const lab = tunnelLab()
const { typing, peer } = lab

const config = '/etc/cloudflared/config.yml'

async function inConnector(...argv: string[]): Promise<string> {
  await using ssh = sshOf(lab.simulator)
  return (await ssh.shell('pve').exec(['pct', 'exec', '104', '--', ...argv])).stdout
}
async function put(path: string, text: string): Promise<void> {
  await using ssh = sshOf(lab.simulator)
  await ssh.shell('pve').exec(['pct', 'exec', '104', '--', 'tee', path], { stdin: text })
}
const inFile = async (): Promise<(inventory: Inventory) => Inventory> => {
  await peer().post('tunnel', { source: 'local' })
  return (inventory) => ({
    ...inventory,
    network: { ...inventory.network, tunnel: { ...inventory.network.tunnel, config } as never },
  })
}

describe('a new secret', () => {
  it('is asked for with its outage, and of two connectors it says which needs the token by hand', async () => {
    await peer().post('connectors', { count: 2 })
    const type = await typing()
    const asked = await type('tunnel rotate', false)
    expect(asked.state).toBe('asking')
    expect(words(asked)).toContain('error 1033 for some seconds')
    expect(words(asked)).toContain('2 connectors are connected, and homelab.yaml names 1')
    expect(words(asked)).toContain('/etc/cloudflared/token')
    expect(words(asked)).toContain('There is no way back')
  })

  it('whose answer was lost is looked for, and given once', async () => {
    const type = await typing()
    await lab.simulator.fault({ stale: false, cloudflareCutAfter: 1 })
    output(await type('tunnel rotate'))
    const calls = await peer().calls()
    expect(
      Object.entries(calls)
        .filter(([call]) => call.startsWith('PATCH'))
        .map(([, count]) => count),
    ).toEqual([1])
    expect(await outside(lab.simulator, host('jellyfin'), '/health')).toBe(200)
  })

  it('whose run is cancelled is in its place all the same, and it is said that there is no way back', async () => {
    const before = await inConnector('cat', '/etc/cloudflared/token')
    const type = await typing()
    const mark = await lab.simulator.mark()
    const posted = type('tunnel rotate')
    await lab.simulator.waitFor({ kind: 'request', verb: 'PATCH' }, { after: mark })
    await type.desk.interrupt()
    expect((await posted).error).toBe('cancelled')
    expect(await inConnector('cat', '/etc/cloudflared/token')).not.toBe(before)
    expect(words(await posted)).toContain('there is no way back: the new token is in place')
    await inConnector('systemctl', 'restart', 'cloudflared')
    expect(await outside(lab.simulator, host('jellyfin'), '/health')).toBe(200)
  })

  it('is not given while nobody knows where the connector reads its token', async () => {
    const type = await typing((inventory) => ({
      ...inventory,
      network: { ...inventory.network, tunnel: { ...inventory.network.tunnel, service: ['plex'] } as never },
    }))
    const before = await inConnector('cat', '/etc/cloudflared/token')
    expect((await type('tunnel rotate')).error).toBeDefined()
    expect(await inConnector('cat', '/etc/cloudflared/token')).toBe(before)
    const calls = await peer().calls()
    expect(Object.keys(calls).filter((call) => call.startsWith('PATCH'))).toEqual([])
  })
})

describe('a new secret that would not find its place', () => {
  const patches = async () => Object.keys(await peer().calls()).filter((call) => call.startsWith('PATCH'))

  it('is not given, and the plan says so before: the file holds something else', async () => {
    await put('/etc/cloudflared/token', 'nothing')
    const type = await typing()
    for (const confirmed of [false, true]) {
      const posted = await type('tunnel rotate', confirmed)
      expect(posted.error).toBe('config')
      expect(words(posted)).toContain('/etc/cloudflared/token')
      expect(words(posted)).toContain('Nothing was changed')
    }
    expect(await patches()).toEqual([])
    expect(await inConnector('cat', '/etc/cloudflared/token')).toBe('nothing')
  })

  it('is not given either when the credentials are of another tunnel', async () => {
    const change = await inFile()
    const path = `/etc/cloudflared/${lab.simulator.lab.cloudflare.tunnel}.json`
    const other = '11111111-2222-4333-8444-555555555555'
    const keys = { ...(JSON.parse(await inConnector('cat', path)) as object), TunnelID: other }
    await put(path, JSON.stringify(keys))
    const type = await typing(change)
    expect((await type('tunnel rotate')).error).toBe('config')
    expect(await patches()).toEqual([])
  })
})

describe('the rules in a file', () => {
  it('that is no YAML is refused, and left as it is', async () => {
    const change = await inFile()
    const text = `${await inConnector('cat', config)}\n  : [\n`
    await put(config, text)
    const type = await typing(change)
    const posted = await type('tunnel expose jellyfin films')
    expect(posted.error).toBe('config')
    expect(words(posted)).toContain(config)
    expect(await inConnector('cat', config)).toBe(text)
  })

  it('that cloudflared itself does not take are not put in place', async () => {
    const change = await inFile()
    const text = `${await inConnector('cat', config)}`.replace('http://192.168.1.101:80', 'nonsense')
    await put(config, text)
    const type = await typing(change)
    const posted = await type('tunnel expose jellyfin films')
    expect(posted.error).toBe('config')
    expect(words(posted)).toContain('cloudflared does not take the new')
    expect(await inConnector('cat', config)).toBe(text)
    expect(await placesOf(lab.simulator, host('films'))).toEqual(nothing)
  })

  it('are put back when cloudflared does not come up with them', async () => {
    const change = await inFile()
    const text = (await inConnector('cat', config)).replace('tunnel: ', 'tunnel:   ')
    await put(config, text)
    const type = await typing(change)
    output(await type('tunnel expose jellyfin films --dry-run'))
    await lab.simulator.fault({ stale: false, broken: { cloudflared: 'refused' } })
    const posted = await type('tunnel expose jellyfin films')
    expect(posted.error).toBe('failed')
    expect(words(posted)).toContain('does not run after its restart')
    // As it was, with every space.
    expect(await inConnector('cat', config)).toBe(text)
    expect(await placesOf(lab.simulator, host('films'))).toEqual(nothing)
  })

  it('name the outage of their restart before', async () => {
    const type = await typing(await inFile())
    const asked = await type('tunnel expose jellyfin films', false)
    expect(asked.state).toBe('asking')
    expect(words(asked)).toContain('everything behind the tunnel shows error 1033 for some seconds')
  })
})
