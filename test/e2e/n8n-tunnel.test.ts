/** The Cloudflare Tunnel node in the real n8n, against the simulated Cloudflare: credential, a host name, a new secret, the watch over drift. */
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { host, nothing, outside, placesOf } from '../integration/tunnel.fixture.ts'
import { type CloudflarePeer, cloudflarePeer } from '../support/cloudflare.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { type Channel, startChannel } from './support/n8n-real/chat.ts'
import { type RealN8n, startRealN8n } from './support/n8n-real/server.ts'
import { openWorkflows, type Ready } from './support/n8n-real/workflows.ts'

const stack = new AsyncDisposableStack()
const paper = host('paper')
/** As the homelab.yaml of the simulated lab means it. */
const open = ['plex', 'jellyfin', 'immich', 'nextcloud', 'vault'].map(host)
const type = 'cloudflareTunnelApi'
let simulator: Simulator
let peer: CloudflarePeer
let channel: Channel
let n8n: RealN8n
let workflows: Ready

beforeAll(async () => {
  simulator = await startSimulator()
  stack.defer(() => simulator.stop())
  peer = cloudflarePeer(simulator)
  channel = stack.use(await startChannel())
  n8n = stack.use(await startRealN8n())
  const { api, token, account } = simulator.lab.cloudflare
  // Tests the credential by n8n's button as well.
  workflows = await openWorkflows(n8n.client, {
    [type]: { api, token, account, readOnly: false, aiMayChange: false },
    discordWebhookApi: { webhookUri: channel.webhook },
  })
})
afterAll(() => stack.disposeAsync())
beforeEach(async () => {
  await simulator.reset()
  await peer.post('reset', {})
})

const common = { typeVersion: 1, position: [0, 0] } as const

/** A workflow of one node. */
async function run(data: Readonly<Record<string, unknown>>, parameters: Readonly<Record<string, unknown>>) {
  const { client } = n8n
  const id = await client.addCredential(type, 'tunnel', data)
  const tunnel = { __rl: true, mode: 'id', value: simulator.lab.cloudflare.tunnel }
  const workflow = await client.importWorkflow({
    name: String(parameters.operation),
    nodes: [
      { ...common, id: '1', name: 'Start', type: 'n8n-nodes-base.manualTrigger', parameters: {} },
      {
        ...common,
        id: '2',
        name: 'Tunnel',
        type: 'n8n-nodes-homelab.cloudflareTunnel',
        parameters: { tunnel, ...parameters },
        credentials: { [type]: { id, name: 'tunnel' } },
      },
    ],
    connections: { Start: { main: [[{ node: 'Tunnel', type: 'main', index: 0 }]] } },
  })
  return await client.ended(await client.execute(workflow, 'Start'))
}
const credential = (own: Readonly<Record<string, unknown>> = {}) => {
  const { api, token, account } = simulator.lab.cloudflare
  return { api, token, account, readOnly: false, aiMayChange: false, ...own }
}

it('the credential says what is wrong with it', async () => {
  const { client } = n8n
  const test = async (own: Readonly<Record<string, unknown>>) => {
    const id = await client.addCredential(type, 'tried', credential(own))
    return await client.testCredential(id, type, 'tried')
  }
  expect(await test({})).toMatchObject({ status: 'OK' })
  const { value } = await peer.post<{ value: string }>('tokens', { permissions: ['Zone · DNS · Edit'] })
  for (const own of [{ token: value }, { token: 'x'.repeat(40) }, { account: '0'.repeat(32) }])
    expect(await test(own)).toMatchObject({
      status: 'Error',
      message: expect.stringContaining('Account · Cloudflare Tunnel · Read'),
    })
  expect(await test({ token: 'short' })).toMatchObject({
    status: 'Error',
    message: expect.stringContaining('does not take this for an API token'),
  })
})

it('a host name is added behind a login, and removed', async () => {
  const added = {
    resource: 'hostname',
    operation: 'add',
    hostname: paper,
    service: 'http://192.168.1.101:80',
  }
  const refused = await run(credential({ readOnly: true }), { ...added, allow: ['me@example.com'] })
  expect(refused.error).toContain('read-only')
  const { status, error, output } = await run(credential(), { ...added, allow: ['me@example.com'] })
  expect({ status, error }).toEqual({ status: 'success', error: undefined })
  expect(output.Tunnel).toMatchObject([{ url: `https://${paper}`, changed: true, alarms: [] }])
  expect(await placesOf(simulator, paper)).toMatchObject({ enforced: true, app: paper })
  expect(await outside(simulator, paper)).toBe(302)
  const removed = { resource: 'hostname', operation: 'remove', hostname: paper, confirm: true }
  expect((await run(credential(), removed)).error).toBeUndefined()
  expect(await placesOf(simulator, paper)).toEqual(nothing)
})

it('a new secret is made, and its token is nowhere in what n8n keeps', async () => {
  const rotate = { resource: 'tunnel', operation: 'rotate', confirm: true }
  const { id, status, error, output } = await run(credential(), rotate)
  expect({ status, error }).toEqual({ status: 'success', error: undefined })
  expect(output.Tunnel).toMatchObject([{ tunnel: 'homelab', token: '[redacted]' }])
  const { api, account, tunnel, token } = simulator.lab.cloudflare
  const response = await fetch(`${api}/accounts/${account}/cfd_tunnel/${tunnel}/token`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const { result } = (await response.json()) as { readonly result: string }
  expect(JSON.stringify(await n8n.client.call('GET', `/executions/${id}`))).not.toContain(result)
})

it('tunnel-drift: silent while all fits together, and tells of a record to a tunnel of somebody else', async () => {
  const set = { 'What drifts': { public: open } }
  const workflow = await workflows.ready('tunnel-drift', { set })
  const quiet = await workflows.run(workflow, 'Every six hours')
  expect({ status: quiet.status, error: quiet.error }).toEqual({ status: 'success', error: undefined })
  expect(quiet.output['Tell the channel']).toBeUndefined()
  expect(channel.messages).toEqual([])

  const content = '00000000-0000-4000-8000-000000000000.cfargotunnel.com'
  await peer.post('records', { name: host('foreign'), content })
  expect((await workflows.run(workflow, 'Every six hours')).status).toBe('success')
  const told = await channel.message(/not as meant/)
  console.log(told.replace(/^/gm, '    | '))
  expect(told).toContain(`${host('foreign')}: a record to a tunnel that is not in the account`)
  expect(channel.messages).toHaveLength(1)
})
