/** n8n's own HTTP Request node with the credential of Proxmox: what our nodes refuse is refused to it, too. */
import { dirname } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { installPackage, type N8n, type NodeSpec, startN8n } from './support/n8n/harness.ts'
import { installN8n } from './support/n8n-real/install.ts'
import { proxmoxCredential } from './support/n8n-real/lab.ts'

const plex = 110
const jellyfin = 111

let simulator: Simulator
let n8n: N8n

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.2 })
  n8n = await startN8n(installPackage(), dirname(installN8n().modules))
})
afterAll(async () => {
  await n8n?.[Symbol.asyncDispose]()
  await simulator?.[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await simulator.reset()
})

const request = (path: string, parameters: Readonly<Record<string, unknown>>): NodeSpec => ({
  name: 'Request',
  type: 'n8n-nodes-base.httpRequest',
  typeVersion: 4.3,
  parameters: {
    method: 'POST',
    url: `${simulator.lab.pve}/api2/json${path}`,
    authentication: 'predefinedCredentialType',
    nodeCredentialType: 'proxmoxVeApi',
    sendBody: true,
    ...parameters,
  },
  credentials: { proxmoxVeApi: { ...proxmoxCredential(simulator), protectedVmids: String(plex) } },
})

const pairs = (values: Readonly<Record<string, unknown>>) => ({
  parameters: Object.entries(values).map(([name, value]) => ({ name, value: String(value) })),
})
const form = (values: Readonly<Record<string, unknown>>) => ({
  contentType: 'form-urlencoded',
  bodyParameters: pairs(values),
})

const backup = { storage: 'local', mode: 'snapshot' }

it.each([
  ['JSON', () => ({ contentType: 'json', specifyBody: 'json', jsonBody: { ...backup, vmid: plex } })],
  [
    'text of JSON',
    () => ({ contentType: 'raw', rawContentType: 'application/json', body: `{"vmid":${plex}}` }),
  ],
  ['fields', () => ({ contentType: 'json', bodyParameters: pairs({ ...backup, vmid: plex }) })],
  ['a form', () => form({ ...backup, vmid: `${jellyfin},${plex}` })],
  ['text of a form', () => ({ contentType: 'form-urlencoded', specifyBody: 'string', body: `vmid=${plex}` })],
  ['a form in parts', () => ({ contentType: 'multipart-form-data', bodyParameters: pairs({ vmid: plex }) })],
  ['the query', () => ({ sendQuery: true, queryParameters: pairs({ vmid: plex }) })],
  ['a form, and all guests', () => form({ ...backup, all: 1 })],
])('sends no change that names a protected guest in %s', async (_, body) => {
  const run = await n8n.run([request('/nodes/pve/vzdump', body())])
  expect((await simulator.counts()).requests).toEqual({})
  expect((await simulator.state()).tasks.filter(({ type }) => type === 'vzdump')).toEqual([])
  expect(run.status).toBe('error')
  expect(JSON.stringify(run.nodes.Request?.error)).toMatch(/protected in the credential|does not name/)
})

it('sends those of others', async () => {
  const run = await n8n.run([request('/nodes/pve/vzdump', form({ ...backup, vmid: jellyfin }))])
  expect(run.error).toBeUndefined()
  expect((await simulator.counts()).requests).toEqual({ 'POST /nodes/pve/vzdump': 1 })
})
