/** The simulated edge: what a browser on the internet gets for a hostname. */
import { request } from 'node:http'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { cloudflarePeer } from '../support/cloudflare.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sshOf } from './cloudflare.fixture.ts'

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator({ seed: 1 })
})
beforeEach(() => simulator.reset())
afterAll(() => simulator.stop())

const peer = () => cloudflarePeer(simulator)
const host = (label: string) => `${label}.${simulator.lab.cloudflare.domain}`

interface Got {
  readonly status: number
  readonly location: string | undefined
  readonly body: string
}
const get = (label: string, path = '/', headers: Record<string, string> = {}): Promise<Got> =>
  new Promise((resolve, reject) => {
    const url = `${simulator.lab.cloudflare.edge}${path}`
    const asked = request(url, { headers: { ...headers, host: host(label) } }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk
      })
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, location: response.headers.location, body }),
      )
    })
    asked.on('error', reject).end()
  })

/** Past Traefik, straight to the service. */
async function route(label: string, service: string, more: object = {}): Promise<void> {
  const ingress = [{ hostname: host(label), service, ...more }, { service: 'http_status:404' }]
  await peer().post('tunnel', { config: { ingress } })
}

test('goes by DNS and the rules to the service', async () => {
  await route('jellyfin', 'http://192.168.1.111:8096')
  expect(await get('jellyfin', '/health')).toMatchObject({ status: 200, body: 'Healthy' })
  expect(await get('plex')).toMatchObject({ status: 404 })
})

test('says 530 with its number: no record, no tunnel, nobody connected', async () => {
  expect(await get('nothing')).toMatchObject({ status: 530, body: 'error code: 1016' })
  await peer().post('records', {
    name: host('dead'),
    content: '00000000-0000-4000-8000-000000000000.cfargotunnel.com',
  })
  expect(await get('dead')).toMatchObject({ status: 530, body: 'error code: 1033' })
  await simulator.fault({ tunnelDown: true })
  expect(await get('jellyfin')).toMatchObject({ status: 530, body: 'error code: 1033' })
})

test('says 502 when the service behind the rule is down', async () => {
  await route('jellyfin', 'http://192.168.1.111:8096')
  await simulator.fault({ broken: { jellyfin: 'refused' } })
  expect(await get('jellyfin', '/health')).toMatchObject({ status: 502 })
})

test('sends to the login where an Access application is, and lets in who has been there', async () => {
  const login = await get('grafana')
  expect(login.status).toBe(302)
  expect(login.location).toMatch(
    /^https:\/\/homelab-simulated\.cloudflareaccess\.com\/cdn-cgi\/access\/login\/grafana\.harmeetrai\.com\?kid=[0-9a-f]{64}&/,
  )
  const app = (await peer().state()).apps.find(({ domain }) => domain === host('grafana'))
  await route('grafana', 'http://192.168.1.106:3000')
  const cookie = `CF_Authorization=simulated-${String(app?.aud)}`
  expect(await get('grafana', '/api/health', { cookie })).toMatchObject({ status: 200 })
})

test('cloudflared itself refuses who has no token of Access, when the rule says so', async () => {
  const originRequest = { access: { required: true, teamName: 'homelab-simulated', audTag: ['a'] } }
  await route('jellyfin', 'http://192.168.1.111:8096', { originRequest })
  expect(await get('jellyfin', '/health')).toMatchObject({ status: 403 })
})

test('the hostnames of homelab.md go through Traefik', async () => {
  expect(await get('jellyfin', '/health')).toMatchObject({ status: 200, body: 'Healthy' })
  expect(await get('plex', '/identity')).toMatchObject({ status: 200 })
})

test('a wildcard record stands for names that have none', async () => {
  const { tunnel } = simulator.lab.cloudflare
  await peer().post('records', { name: host('*'), content: `${tunnel}.cfargotunnel.com` })
  expect(await get('anything')).toMatchObject({ status: 404, body: '' })
})

test('a tunnel that is managed in its container routes by the file as it was at the last start', async () => {
  await peer().post('tunnel', { source: 'local' })
  await using ssh = sshOf(simulator)
  const shell = (...argv: string[]) => ssh.shell('pve').exec(['pct', 'exec', '104', '--', ...argv])
  const rules = 'ingress:\n  - service: http_status:418\n'
  const file = (await shell('cat', '/etc/cloudflared/config.yml')).stdout.replace(/ingress:.*/s, rules)
  const tee = ['pct', 'exec', '104', '--', 'tee', '/etc/cloudflared/config.yml']
  await ssh.shell('pve').exec(tee, { stdin: file })
  expect(await get('jellyfin', '/health')).toMatchObject({ status: 200 })
  await shell('systemctl', 'restart', 'cloudflared')
  expect(await get('jellyfin', '/health')).toMatchObject({ status: 418 })
})
