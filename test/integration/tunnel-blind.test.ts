/** Taking back while a place cannot be looked at: DNS is closed all the same, and what was not seen is named. */
import { expect, it } from 'vitest'
import { host, nothing, output, placesOf, tunnelLab, withNetwork, words } from './tunnel.fixture.ts'

const lab = tunnelLab()
const { typing, peer } = lab

const noFiles = withNetwork((network) => ({
  ...network,
  traefik: { ...network.traefik, directory: '/etc/traefik/not-there' },
}))

it('Traefik away: nobody finds it any more, its login stays, and the route is named', async () => {
  output(await (await typing())('tunnel expose grafana hostname:graphs public:false'))
  const before = await placesOf(lab.simulator, host('graphs'))
  await lab.simulator.fault({ traefikApiDown: true })
  const posted = await (await typing(noFiles))(`tunnel unexpose ${host('graphs')}`)
  expect(posted.error, words(posted)).toBe('failed')
  expect(words(posted)).toContain("Traefik's route (could not be looked at)")
  const { route, app } = before
  expect(await placesOf(lab.simulator, host('graphs'))).toEqual({ ...nothing, route, app })
  await lab.simulator.fault({ traefikApiDown: false })
  output(await (await typing())(`tunnel unexpose ${host('graphs')}`))
  expect(await placesOf(lab.simulator, host('graphs'))).toEqual(nothing)
})

it('Access unseen: all else is taken, and Access is named', async () => {
  output(await (await typing())('tunnel expose grafana hostname:graphs public:false'))
  const { app } = await placesOf(lab.simulator, host('graphs'))
  const { value } = await peer().post<{ value: string }>('tokens', {
    permissions: ['Account · Cloudflare Tunnel · Edit', 'Zone · Zone · Read', 'Zone · DNS · Edit'],
  })
  const posted = await (await typing(undefined, value))(`tunnel unexpose ${host('graphs')}`)
  expect(posted.error, words(posted)).toBe('failed')
  expect(words(posted)).toContain('Access (could not be looked at)')
  expect(await placesOf(lab.simulator, host('graphs'))).toEqual({ ...nothing, app })
})

it('what cannot be seen is no reason to say that nothing is exposed', async () => {
  await lab.simulator.fault({ traefikApiDown: true })
  const posted = await (await typing(noFiles))(`tunnel unexpose ${host('graphs')}`)
  expect(posted.error, words(posted)).not.toBe('not-found')
})
