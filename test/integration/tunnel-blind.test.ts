/** Taking back while a place cannot be looked at: DNS is closed all the same, and what was not seen is named. */
import type { Inventory } from '@homelab/core/inventory'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import { cloudflarePeer } from '../support/cloudflare.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { host, nothing, open, output, placesOf, type Typist, withNetwork, words } from './tunnel.fixture.ts'

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

async function typing(change?: (inventory: Inventory) => Inventory, token?: string): Promise<Typist> {
  const { lab } = simulator
  const as =
    token === undefined
      ? simulator
      : { ...simulator, lab: { ...lab, cloudflare: { ...lab.cloudflare, token } } }
  const typist = await open(as, change)
  typists.push(typist)
  return typist
}
const noFiles = withNetwork((network) => ({
  ...network,
  traefik: { ...network.traefik, directory: '/etc/traefik/not-there' },
}))

it('Traefik away: nobody finds it any more, its login stays, and the route is named', async () => {
  output(await (await typing())('tunnel expose grafana hostname:graphs public:false'))
  const before = await placesOf(simulator, host('graphs'))
  await simulator.fault({ traefikApiDown: true })
  const posted = await (await typing(noFiles))(`tunnel unexpose ${host('graphs')}`)
  expect(posted.error, words(posted)).toBe('failed')
  expect(words(posted)).toContain("Traefik's route (could not be looked at)")
  const { route, app } = before
  expect(await placesOf(simulator, host('graphs'))).toEqual({ ...nothing, route, app })
  await simulator.fault({ traefikApiDown: false })
  output(await (await typing())(`tunnel unexpose ${host('graphs')}`))
  expect(await placesOf(simulator, host('graphs'))).toEqual(nothing)
})

it('Access unseen: all else is taken, and Access is named', async () => {
  output(await (await typing())('tunnel expose grafana hostname:graphs public:false'))
  const { app } = await placesOf(simulator, host('graphs'))
  const { value } = await cloudflarePeer(simulator).post<{ value: string }>('tokens', {
    permissions: ['Account · Cloudflare Tunnel · Edit', 'Zone · Zone · Read', 'Zone · DNS · Edit'],
  })
  const posted = await (await typing(undefined, value))(`tunnel unexpose ${host('graphs')}`)
  expect(posted.error, words(posted)).toBe('failed')
  expect(words(posted)).toContain('Access (could not be looked at)')
  expect(await placesOf(simulator, host('graphs'))).toEqual({ ...nothing, app })
})

it('what cannot be seen is no reason to say that nothing is exposed', async () => {
  await simulator.fault({ traefikApiDown: true })
  const posted = await (await typing(noFiles))(`tunnel unexpose ${host('graphs')}`)
  expect(posted.error, words(posted)).not.toBe('not-found')
})
