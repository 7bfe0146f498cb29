/** What is done where cloudflared runs: a new token in its file, and the rules of a tunnel that is managed there. */
import type { Inventory } from '@homelab/core/inventory'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { cloudflarePeer } from '../support/cloudflare.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sshOf } from './cloudflare.fixture.ts'
import { host, nothing, open, outside, placesOf } from './tunnel.fixture.ts'

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator({ seed: 1 })
})
beforeEach(() => simulator.reset())
afterAll(() => simulator.stop())

const CONFIG = '/etc/cloudflared/config.yml'
const tunnelNow = async () => (await cloudflarePeer(simulator).state()).tunnels[0]
async function fileOf(path: string): Promise<string> {
  await using ssh = sshOf(simulator)
  return (await ssh.shell('pve').exec(['pct', 'exec', '104', '--', 'cat', path])).stdout
}
/** Its rules are in a file of its container, for Cloudflare and for homelab.yaml. */
async function managedThere(): Promise<(inventory: Inventory) => Inventory> {
  await cloudflarePeer(simulator).post('tunnel', { source: 'local' })
  return (inventory) => {
    const { network } = inventory
    if (network?.tunnel === undefined) throw new Error('the lab has no tunnel')
    return { ...inventory, network: { ...network, tunnel: { ...network.tunnel, config: CONFIG } } }
  }
}

test('a new secret: the token is in its file, the connector is another one, and the way in is open', async () => {
  const before = await tunnelNow()
  const token = await fileOf('/etc/cloudflared/token')
  await using type = await open(simulator)
  const posted = await type('tunnel rotate')
  expect(posted).toMatchObject({ state: 'done', output: { status: 'healthy', connectors: 1 } })
  const after = await tunnelNow()
  expect(after?.connectors).toHaveLength(1)
  expect(after?.connectors).not.toEqual(before?.connectors)
  const fresh = await fileOf('/etc/cloudflared/token')
  expect(fresh).not.toBe(token)
  expect(JSON.stringify(posted)).not.toContain(fresh.trim())
  expect(await outside(simulator, host('jellyfin'), '/health')).toBe(200)
})

test('a new secret of a tunnel that is managed there: in its credentials', async () => {
  const change = await managedThere()
  const path = `/etc/cloudflared/${simulator.lab.cloudflare.tunnel}.json`
  const before = JSON.parse(await fileOf(path)) as Record<string, string>
  await using type = await open(simulator, change)
  expect(await type('tunnel rotate')).toMatchObject({ state: 'done', output: { status: 'healthy' } })
  const after = JSON.parse(await fileOf(path)) as Record<string, string>
  expect(after).toEqual({ ...before, TunnelSecret: expect.any(String) })
  expect(after.TunnelSecret).not.toBe(before.TunnelSecret)
  expect(await outside(simulator, host('jellyfin'), '/health')).toBe(200)
})

test('a service is exposed and taken back by the file there, whose comments stay', async () => {
  const change = await managedThere()
  const before = await fileOf(CONFIG)
  expect(before).toContain('# The way in. Ask before you change it.')
  await using type = await open(simulator, change)
  expect((await type('tunnel expose radarr')).error).toBeUndefined()
  const exposed = await fileOf(CONFIG)
  expect(exposed).toContain('# The way in. Ask before you change it.')
  expect(exposed).toContain(`hostname: ${host('radarr')}`)
  expect(await outside(simulator, host('radarr'), '/ping')).toBe(302)
  expect(await outside(simulator, host('jellyfin'), '/health')).toBe(200)
  expect((await type('tunnel unexpose radarr')).error).toBeUndefined()
  expect(await placesOf(simulator, host('radarr'))).toEqual(nothing)
  expect(await fileOf(CONFIG)).not.toContain('radarr')
  // The rules at Cloudflare were nobody's business.
  expect((await tunnelNow())?.version).toBe(0)
})
