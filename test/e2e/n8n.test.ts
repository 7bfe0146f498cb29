/** The n8n package, packed and installed as a user would, run by n8n's own engine against the simulated lab. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import {
  installPackage,
  items,
  type N8n,
  type NodeSpec,
  packageName,
  startN8n,
} from './support/n8n/harness.ts'

const plex = 110
const jellyfin = 111

let simulator: Simulator
let n8n: N8n

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.2 })
  n8n = await startN8n(installPackage())
})

afterAll(async () => {
  await n8n?.[Symbol.asyncDispose]()
  await simulator?.[Symbol.asyncDispose]()
})

beforeEach(async () => {
  await simulator.reset()
  // The overview as it is now: what the test before did must not show in this one.
  await simulator.fault({ stale: false })
})

const credential = () => ({
  url: simulator.lab.pve,
  tokenId: simulator.lab.token.id,
  tokenSecret: simulator.lab.token.secret,
  ca: simulator.lab.ca,
  ignoreSslIssues: false,
})

/** A Proxmox VE node on a guest. */
const proxmox = (
  name: string,
  parameters: Readonly<Record<string, unknown>>,
  { own = {}, ...spec }: { own?: Readonly<Record<string, unknown>> } & Partial<NodeSpec> = {},
): NodeSpec => ({
  name,
  type: `${packageName}.proxmoxVe`,
  parameters: { resource: 'guest', ...parameters },
  credentials: { proxmoxVeApi: { ...credential(), ...own } },
  ...spec,
})

const byId = (value: unknown) => ({ __rl: true, mode: 'id', value })
const reboots = async (vmid: number) => (await simulator.counts()).changes[vmid]?.reboot ?? 0
const requests = async () => (await simulator.counts()).requests

describe('listing guests', () => {
  it('gives one item for each guest, short, each paired with the item it came from', async () => {
    const run = await n8n.run([proxmox('List', { operation: 'list', returnAll: true })])
    const [out = []] = run.nodes.List?.data?.main ?? []
    expect(run.status).toBe('success')
    expect(out.length).toBeGreaterThan(10)
    const { json, pairedItem } = out.find((item) => item.json.vmid === plex) ?? {}
    expect(json).toMatchObject({ vmid: plex, name: 'plex', type: 'lxc', node: 'pve', status: 'running' })
    expect(Object.keys(json ?? {}).length).toBeLessThanOrEqual(10)
    expect(pairedItem).toEqual({ item: 0 })
    expect(await requests()).toEqual({ 'GET /cluster/resources': 1 })
  })

  it('filters, limits, and gives the whole record when asked', async () => {
    const run = await n8n.run([
      proxmox('List', {
        operation: 'list',
        limit: 2,
        simplify: false,
        filters: { type: 'lxc', name: 'arr' },
      }),
    ])
    const [out = []] = run.nodes.List?.data?.main ?? []
    expect(out).toHaveLength(2)
    for (const { json } of out) {
      expect(json.name).toContain('arr')
      expect(json).toHaveProperty('maxdisk')
    }
  })
})

describe('restarting a guest', () => {
  it('works from a list in one workflow, and reboots it exactly once', async () => {
    const run = await n8n.run([
      proxmox('List', { operation: 'list', filters: { name: 'plex' } }),
      proxmox('Restart', { operation: 'restart', guest: byId('={{ $json.vmid }}') }),
    ])
    const [out = []] = run.nodes.Restart?.data?.main ?? []
    expect(run.status).toBe('success')
    expect(out).toHaveLength(1)
    expect(out[0]?.json).toMatchObject({ name: 'plex', vmid: plex, node: 'pve', outcome: 'done' })
    expect(out[0]?.json.upid).toMatch(/^UPID:pve:.*:vzreboot:110:/)
    expect(await reboots(plex)).toBe(1)
  })

  it('does not send it again when the answer is lost: it looks, and finds its task', async () => {
    await simulator.fault({ cutAfter: 1 })
    const run = await n8n.run([proxmox('Restart', { operation: 'restart', guest: byId(plex) })])
    const [out = []] = run.nodes.Restart?.data?.main ?? []
    expect(run.error).toBeUndefined()
    expect(out[0]?.json).toMatchObject({ vmid: plex, outcome: 'done' })
    expect(await reboots(plex)).toBe(1)
  })

  it('looks at the cluster once for all items', async () => {
    const names = ['radarr', 'sonarr', 'prowlarr']
    const run = await n8n.run([
      items(
        'Names',
        names.map((name) => ({ name })),
      ),
      proxmox('Restart', {
        operation: 'restart',
        guest: { __rl: true, mode: 'name', value: '={{ $json.name }}' },
      }),
    ])
    const [out = []] = run.nodes.Restart?.data?.main ?? []
    expect(out.map(({ json }) => json.name)).toEqual(names)
    expect(out.map(({ pairedItem }) => pairedItem?.item)).toEqual([0, 1, 2])
    expect((await requests())['GET /cluster/resources']).toBe(1)
  })

  it('says so beside the success when its task ended with warnings', async () => {
    await simulator.fault({ taskEnds: [{ type: 'vzreboot', status: 'WARNINGS: 1' }] })
    const run = await n8n.run([proxmox('Restart', { operation: 'restart', guest: byId(plex) })])
    expect(run.nodes.Restart?.data?.main[0]?.[0]?.json).toMatchObject({ outcome: 'warnings' })
    expect(run.nodes.Restart?.hints).toMatchObject([
      {
        type: 'warning',
        message: expect.stringMatching(/^plex was restarted, but its task ended with warnings/),
      },
    ])
  })

  it('ends with the execution when a person cancels it; the task goes on', async () => {
    await simulator.fault({ taskMs: { vzreboot: 20_000 } })
    const started = performance.now()
    const run = await n8n.run([proxmox('Restart', { operation: 'restart', guest: byId(jellyfin) })], {
      cancelAfterMs: 1_500,
    })
    expect(run.status).toBe('canceled')
    expect(performance.now() - started).toBeLessThan(10_000)
    expect(await reboots(jellyfin)).toBe(1)
  })
})

describe('what goes wrong', () => {
  const failing = async (node: NodeSpec) => {
    const run = await n8n.run([node])
    expect(run.status).toBe('error')
    return run.nodes[node.name]?.error
  }

  it('a wrong token is named, with the way to a right one', async () => {
    const error = await failing(proxmox('List', { operation: 'list' }, { own: { tokenSecret: 'wrong' } }))
    expect(error).toMatchObject({ name: 'NodeApiError', httpCode: '401', context: { itemIndex: 0 } })
    expect(error?.message).toContain(simulator.lab.token.id)
    expect(error?.description).toContain('pveum user token add')
    expect(JSON.stringify(error)).not.toContain('wrong')
  })

  it('a missing privilege is named, with the line that grants it', async () => {
    const who = [simulator.lab.token.id, simulator.lab.token.id.split('!')[0] ?? '']
    await simulator.setAcl(who.map((each) => ({ path: '/', who: each, role: 'PVEAuditor' })))
    const error = await failing(proxmox('Restart', { operation: 'restart', guest: byId(plex) }))
    expect(error).toMatchObject({ name: 'NodeApiError', httpCode: '403' })
    expect(error?.message).toContain('VM.PowerMgmt')
    expect(error?.description).toMatch(/pveum acl modify \/vms\/110 /)
    expect(await reboots(plex)).toBe(0)
  })

  it('a token that sees nothing is not taken for an empty lab', async () => {
    await simulator.setAcl([])
    const error = await failing(proxmox('List', { operation: 'list' }))
    expect(error?.message).toContain('VM.Audit')
  })

  it('a certificate that cannot be verified is refused, and says where its authority is', async () => {
    const error = await failing(proxmox('List', { operation: 'list' }, { own: { ca: '' } }))
    expect(error?.message).toMatch(/certificate .* cannot be verified/)
    expect(error?.description).toContain('/etc/pve/pve-root-ca.pem')
    expect(await requests()).toEqual({})
  })

  it('a server that is not there is named', async () => {
    const error = await failing(
      proxmox('List', { operation: 'list' }, { own: { url: 'https://127.0.0.1:1' } }),
    )
    expect(error?.message).toBe('Cannot connect to https://127.0.0.1:1: connection refused')
    expect(error?.description).toContain('URL')
  })

  it('a task that fails shows the end of its log', async () => {
    await simulator.fault({
      taskEnds: [{ type: 'vzreboot', status: 'command failed', log: ['lxc-start: no such device /dev/dri'] }],
    })
    const error = await failing(proxmox('Restart', { operation: 'restart', guest: byId(plex) }))
    expect(error?.description).toContain('no such device /dev/dri')
  })

  it('a lock is named before anything is sent', async () => {
    await simulator.fault({ stale: false })
    await simulator.changeGuest(plex, { lock: 'backup' })
    const error = await failing(proxmox('Restart', { operation: 'restart', guest: byId(plex) }))
    expect(error?.message).toContain('locked by a running "backup"')
    expect(error?.description).toContain('Wait until that has ended')
    expect(await requests()).toEqual({ 'GET /cluster/resources': 1 })
  })

  it('a read-only credential sends no change', async () => {
    const error = await failing(
      proxmox('Restart', { operation: 'restart', guest: byId(plex) }, { own: { readOnly: true } }),
    )
    expect(error).toMatchObject({ name: 'NodeOperationError' })
    expect(error?.message).toContain('read-only')
    expect(await requests()).toEqual({})
  })

  it('fails only its own item when the node goes on after errors', async () => {
    const guest = { __rl: true, mode: 'name', value: '={{ $json.name }}' }
    const run = await n8n.run([
      items('Names', [{ name: 'plexx' }, { name: 'radarr' }, {}]),
      proxmox('Restart', { operation: 'restart', guest }, { onError: 'continueRegularOutput' }),
    ])
    const [out = []] = run.nodes.Restart?.data?.main ?? []
    expect(run.status).toBe('success')
    expect(out.map(({ pairedItem }) => pairedItem?.item)).toEqual([0, 1, 2])
    expect(out[0]?.json).toMatchObject({
      error: expect.stringContaining('plex'),
      details: { code: 'not-found' },
    })
    expect(out[1]?.json).toMatchObject({ name: 'radarr', outcome: 'done' })
    expect(out[2]?.json).toMatchObject({ error: expect.stringMatching(/^guest is missing/) })
  })

  it('goes to the error output, with the item it came from', async () => {
    const guest = { __rl: true, mode: 'name', value: '={{ $json.name }}' }
    const run = await n8n.run([
      items('Names', [{ name: 'plexx' }, { name: 'radarr' }]),
      proxmox('Restart', { operation: 'restart', guest }, { onError: 'continueErrorOutput' }),
    ])
    const [done = [], failed = []] = run.nodes.Restart?.data?.main ?? []
    expect(done.map(({ json }) => json.name)).toEqual(['radarr'])
    expect(failed.map(({ json }) => json.name)).toEqual(['plexx'])
  })
})

describe('in the editor', () => {
  const restart = () => proxmox('Restart', { operation: 'restart' })

  it('lists the guests, narrowed by what is typed, with a link into Proxmox', async () => {
    const { results } = await n8n.search(restart(), 'searchGuests', 'PLEX')
    expect(results).toEqual([
      { name: 'plex (CT 110 on pve, running)', value: '110', url: `${simulator.lab.pve}/#v1:0:=lxc%2F110` },
    ])
    const all = await n8n.search(restart(), 'searchGuests')
    expect(all.results.map(({ value }) => value)).toContain('112')
  })

  it('says in the list what is wrong with the token', async () => {
    await simulator.setAcl([])
    await expect(n8n.search(restart(), 'searchGuests')).rejects.toMatchObject({
      message: expect.stringContaining('may see no guest'),
      description: expect.stringContaining('PVEAuditor'),
    })
  })

  it('tests the credential, and can be an AI agent’s tool', async () => {
    expect(await n8n.test('proxmoxVeApi', { ...credential(), url: `${simulator.lab.pve}/` })).toBe(200)
    expect(await n8n.test('proxmoxVeApi', { ...credential(), tokenSecret: 'wrong' })).toBe(401)
    const { nodes, credentials } = await n8n.describe()
    expect(credentials).toContain('proxmoxVeApi')
    expect(nodes.proxmoxVe).toMatchObject({ usableAsTool: true, codex: { categories: ['Development'] } })
  })
})
