/** The Proxmox VE node, as n8n calls it, against the simulated lab. */
import type { IExecuteFunctions } from 'n8n-workflow'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { ProxmoxVe } from '../../n8n-nodes/nodes/ProxmoxVe/ProxmoxVe.node.ts'
import { type Bench, openBench, type Setting } from '../support/n8n-bench.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

const plex = 110
const node = new ProxmoxVe()
let simulator: Simulator
let bench: Bench

beforeAll(async () => {
  simulator = await startSimulator()
  bench = openBench()
})
afterAll(async () => {
  await bench?.[Symbol.asyncDispose]()
  await simulator?.stop()
})
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
})

interface Wanted extends Omit<Setting, 'parameters'> {
  readonly own?: Readonly<Record<string, unknown>>
}

function run(parameters: Setting['parameters'], { own, ...rest }: Wanted = {}) {
  const { pve: url, token, ca } = simulator.lab
  const credential = { url, tokenId: token.id, tokenSecret: token.secret, ca, ...own }
  return bench.run(node, { parameters, credentials: { proxmoxVeApi: credential }, ...rest })
}
const failure = async (work: Promise<unknown>) => {
  const error: unknown = await work.catch((caught: unknown) => caught)
  if (!(error instanceof Error)) throw new Error('it did not fail')
  return error as Error & { description?: string | null; httpCode?: string }
}
const byId = (value: unknown) => ({ __rl: true, mode: 'id', value })
const changes = async (vmid: number) => (await simulator.counts()).changes[vmid] ?? {}
const reboot = { resource: 'guest', operation: 'restart', guest: byId(plex) }

describe('a change', () => {
  it('is planned and not made in a dry run, also by whoever may only read', async () => {
    for (const own of [{}, { readOnly: true }]) {
      const { items } = await run({ ...reboot, dryRun: true }, { own, byAgent: true })
      expect(items).toEqual([
        {
          json: {
            dryRun: true,
            summary: 'Restart plex (CT 110 on pve)',
            steps: expect.arrayContaining([expect.stringContaining('110')]),
            affects: expect.any(Array),
            warnings: expect.any(Array),
          },
          pairedItem: { item: 0 },
        },
      ])
    }
    expect(await changes(plex)).toEqual({})
  })

  it('is waited for to its end', async () => {
    const { items } = await run(reboot)
    expect(items[0]?.json).toMatchObject({ vmid: plex, outcome: 'done' })
    expect(await changes(plex)).toEqual({ reboot: 1 })
  })

  it('is left after the limit: its UPID is in the output, and the task goes on', async () => {
    await simulator.fault({ taskMs: { vzreboot: 3_000 } })
    const { items } = await run({ ...reboot, waitLimit: 1 })
    const { json } = items[0] ?? {}
    expect(json).toEqual({ completed: false, upid: expect.stringMatching(/^UPID:pve:.*:vzreboot:110:/) })
    const task = await run({ resource: 'task', operation: 'wait', upid: json?.upid, timeout: 20 })
    expect(task.items[0]?.json).toMatchObject({ finished: true, outcome: 'ok' })
    expect(await changes(plex)).toEqual({ reboot: 1 })
  })

  it('is not waited for at all when nobody wants to', async () => {
    await simulator.fault({ taskMs: { vzreboot: 60_000 } })
    const { items } = await run({ ...reboot, waitForCompletion: false })
    expect(items[0]?.json).toMatchObject({ completed: false })
    expect(await changes(plex)).toEqual({ reboot: 1 })
    expect(Object.keys((await simulator.counts()).requests).filter((path) => path.includes('tasks'))).toEqual(
      [],
    )
  })

  it('of several steps is never left between them', async () => {
    const forced = { ...reboot, options: { force: true }, confirm: true }
    const error = await failure(run({ ...forced, waitForCompletion: false }))
    expect(error.message).toContain('several steps')
    expect(error.description).toContain('Wait for Completion')
    expect(await changes(plex)).toEqual({})
    const { items } = await run(forced)
    expect(items[0]?.json).toMatchObject({ outcome: 'done' })
    expect(await changes(plex)).toEqual({ stop: 1, start: 1 })
  })

  it.each(['true', 'false', 1])(
    'is not made when nobody can say whether it is for real: %j',
    async (dryRun) => {
      const error = await failure(run({ ...reboot, dryRun: '={{ $json.dryRun }}' }, { items: [{ dryRun }] }))
      expect(error.message).toBe('Dry Run is neither true nor false')
      expect(await changes(plex)).toEqual({})
    },
  )

  it('whose plan asks for a confirmation wants it: a bigger disk, protection that ends', async () => {
    const disk = async () => {
      const { items } = await run({ resource: 'guest', operation: 'show', guest: byId(plex) })
      return items[0]?.json.config
    }
    const resize = { resource: 'guest', operation: 'resize', guest: byId(plex), size: '+8G' }
    const before = await disk()
    for (const confirm of [undefined, false, 'true']) {
      const error = await failure(run({ ...resize, confirm }))
      expect(error.message).toMatch(/^It asks for a confirmation: Enlarge rootfs of plex/)
      expect(error.description).toContain('"Confirm"')
    }
    expect(await disk()).toEqual(before)
    await run({ ...resize, confirm: true })
    expect(await disk()).not.toEqual(before)

    const set = (protection: boolean, confirm: boolean) =>
      run({ resource: 'guest', operation: 'set', guest: byId(plex), options: { protection }, confirm })
    expect((await set(true, false)).items[0]?.json).toMatchObject({ outcome: 'done' })
    expect((await failure(set(false, false))).message).toMatch(/^It asks for a confirmation/)
    expect((await set(false, true)).items[0]?.json).toMatchObject({ outcome: 'done' })
  })

  it('that cannot be undone wants to be confirmed', async () => {
    await run({ resource: 'snapshot', operation: 'create', guest: byId(105), name: 'before' })
    const wanted = { resource: 'snapshot', operation: 'delete', guest: byId(105), name: 'before' }
    const error = await failure(run(wanted))
    expect(error.message).toContain('not confirmed')
    expect(error.description).toContain('Confirm')
    const list = { resource: 'snapshot', operation: 'list', guest: byId(105) }
    expect((await run(list)).items).toMatchObject([{ json: { name: 'before' } }])
    await run({ ...wanted, confirm: true })
    expect((await run(list)).items).toEqual([])
  })
})

describe('the rights of the credential', () => {
  it.each([
    ['by its VMID', byId(plex)],
    ['by its name', { __rl: true, mode: 'name', value: 'plex' }],
  ])('keep a protected guest from every change, named %s', async (_, guest) => {
    const own = { protectedVmids: '105, 110', aiMayChange: true }
    const error = await failure(run({ ...reboot, guest }, { own }))
    expect(error.message).toContain('guest 110, which is protected')
    expect(error.description).toContain('Protected VMIDs')
    const told = await run({ ...reboot, guest }, { own, byAgent: true })
    expect(told.items).toMatchObject([
      { json: { error: error.message, details: { code: 'denied', vmid: plex } }, pairedItem: { item: 0 } },
    ])
    expect(await changes(plex)).toEqual({})
    const { items } = await run({ resource: 'guest', operation: 'show', guest }, { own, byAgent: true })
    expect(items[0]?.json).toMatchObject({ guest: { vmid: plex } })
  })

  it('keep the task of a protected guest from being stopped', async () => {
    await simulator.fault({ taskMs: { vzreboot: 60_000 } })
    const { items } = await run({ ...reboot, waitForCompletion: false })
    const stop = { resource: 'task', operation: 'stop', upid: items[0]?.json.upid, confirm: true }
    const error = await failure(run(stop, { own: { protectedVmids: '110' } }))
    expect(error.message).toContain('guest 110, which is protected')
  })

  it('protect nobody by halves: a list that is not understood stops every change', async () => {
    const error = await failure(run(reboot, { own: { protectedVmids: 'plex' } }))
    expect(error.message).toContain('"plex", which is no VMID')
    expect(await changes(plex)).toEqual({})
  })

  it('let an AI agent change things only when the credential says so', async () => {
    const { items } = await run(reboot, { byAgent: true })
    expect(items).toMatchObject([{ json: { error: expect.stringContaining('AI agents may only read') } }])
    await run(reboot, { byAgent: true, own: { aiMayChange: true } })
    expect(await changes(plex)).toEqual({ reboot: 1 })
  })

  it('hold for an agent whose tools the engine runs as any other node', async () => {
    const { pve: url, token, ca } = simulator.lab
    const proxmoxVeApi = { url, tokenId: token.id, tokenSecret: token.secret, ca }
    for (const own of [{ type: 'n8n-nodes-homelab.proxmoxVeTool' }, { rewireOutputLogTo: 'ai_tool' }]) {
      const context: IExecuteFunctions = bench.context(node, {
        parameters: reboot,
        credentials: { proxmoxVeApi },
      })
      const itself = context.getNode()
      const [items] = await node.execute.call({ ...context, getNode: () => ({ ...itself, ...own }) } as never)
      expect(items).toMatchObject([{ json: { error: expect.stringContaining('AI agents may only read') } }])
    }
    expect(await changes(plex)).toEqual({})
  })
})

describe('a read', () => {
  it.each([
    ['guest', 'vmid'],
    ['node', 'node'],
    ['storage', 'storage'],
    ['task', 'upid'],
  ])('of many gives an item for each %s', async (resource, key) => {
    if (resource === 'task') await run(reboot)
    const { items } = await run({ resource, operation: 'list', limit: 1, simplify: false })
    expect(items).toHaveLength(1)
    expect(Object.keys(items[0]?.json ?? {})).toContain(key === 'storage' ? 'name' : key)
  })

  it('asks Proxmox for no more tasks than are wanted', async () => {
    await run(reboot)
    const { items } = await run({ resource: 'task', operation: 'list', returnAll: true })
    expect(items.length).toBeGreaterThan(0)
  })

  it('looks at the cluster once for all of 200 items', async () => {
    const items = Array.from({ length: 200 }, () => ({ vmid: plex }))
    const out = await run(
      { resource: 'cluster', operation: 'resources', filters: { kind: 'node' } },
      { items },
    )
    expect(out.items.at(-1)?.pairedItem).toEqual({ item: 199 })
    expect((await simulator.counts()).requests).toEqual({ 'GET /cluster/resources': 1 })
  })

  it('of what is gone fails its own item alone', async () => {
    const { items } = await run(
      { resource: 'guest', operation: 'show', guest: byId('={{ $json.vmid }}') },
      { items: [{ vmid: 999 }, { vmid: plex }, {}], continueOnFail: true },
    )
    expect(items.map(({ json }) => json.error ?? 'ok')).toEqual([
      expect.stringContaining('999'),
      'ok',
      expect.stringMatching(/^guest is missing/),
    ])
  })

  it('fills the locators: guests with templates, nodes, storages, each once', async () => {
    const { pve: url, token, ca } = simulator.lab
    const credentials = { proxmoxVeApi: { url, tokenId: token.id, tokenSecret: token.secret, ca } }
    const context = bench.context(node, { parameters: {}, credentials })
    const { searchGuests, searchNodes, searchStorages } = node.methods.listSearch
    expect((await searchGuests.call(context, 'plex')).results).toEqual([
      { name: 'plex (CT 110 on pve, running)', value: '110', url: `${url}/#v1:0:=lxc%2F110` },
    ])
    expect((await searchNodes.call(context)).results).toEqual([{ name: 'pve (online)', value: 'pve' }])
    const { results } = await searchStorages.call(context)
    expect(new Set(results.map(({ value }) => value)).size).toBe(results.length)
  })
})

describe('a guest', () => {
  it('is saved, listed among the backups, and its backup deleted', async () => {
    const created = await run({
      resource: 'backup',
      operation: 'create',
      guest: byId(plex),
      storage: 'local',
    })
    const archive = String(created.items[0]?.json.archive)
    expect(archive).toContain('vzdump-lxc-110-')
    const list = { resource: 'backup', operation: 'list', filters: { guest: 'plex' }, returnAll: true }
    expect((await run(list)).items.map(({ json }) => json.volid)).toContain(archive)
    const gone = { resource: 'backup', operation: 'delete', archive, confirm: true }
    const guarded = await failure(run(gone, { own: { protectedVmids: '110' } }))
    expect(guarded.message).toContain('guest 110, which is protected')
    await run(gone)
    expect((await run(list)).items.map(({ json }) => json.volid)).not.toContain(archive)
  })

  it('comes back from its backup, also when it is gone, and the backup is tried before', async () => {
    const backup = (operation: string, more: Setting['parameters']) =>
      run({ resource: 'backup', operation, ...more })
    const made = await backup('create', { guest: byId(104), storage: 'local' })
    const archive = String(made.items[0]?.json.archive)
    const drilled = await backup('drill', { guest: byId(104) })
    expect(drilled.items[0]?.json).toMatchObject({ name: 'cloudflared', archive })
    const restored = await backup('restore', { guest: byId(104), options: { vmid: 555 }, confirm: true })
    expect(restored.items[0]?.json).toMatchObject({ vmid: 555, archive })
    const own = await backup('create', { guest: byId(555), storage: 'local' })
    await run({ resource: 'guest', operation: 'delete', guest: byId(555), confirm: 'cloudflared-restored' })
    const back = await backup('restore', { guest: byId(555), confirm: true })
    expect(back.items[0]?.json).toMatchObject({ name: 'cloudflared-restored', vmid: 555, twin: false })
    const there = (await simulator.state()).guests.find(({ vmid }) => vmid === 555)
    expect(there).toMatchObject({ name: 'cloudflared-restored', state: 'stopped' })
    await simulator.changeGuest(555, { remove: true })
    for (const each of [archive, own.items[0]?.json.archive])
      await backup('delete', { archive: each, confirm: true })
  })

  it('is cloned, and deleted when its name is typed', async () => {
    // Proxmox copies a container only when it is stopped.
    const original = { __rl: true, mode: 'name', value: 'vaultwarden' }
    await run({ resource: 'guest', operation: 'stop', guest: original, confirm: true })
    const cloned = await run({
      resource: 'guest',
      operation: 'clone',
      guest: original,
      name: 'vault-test',
    })
    const { vmid, name } = cloned.items[0]?.json ?? {}
    expect(name).toBe('vault-test')
    const remove = { resource: 'guest', operation: 'delete', guest: byId(vmid) }
    expect((await failure(run(remove))).message).toMatch(/^confirm is missing/)
    const other = await failure(run({ ...remove, confirm: 'vaultwarden' }))
    expect(other.message).toMatch(/vault-test/)
    await run({ ...remove, confirm: 'vault-test' })
    const gone = await failure(run({ resource: 'guest', operation: 'show', guest: byId(vmid) }))
    expect(gone.message).toContain(String(vmid))
  })

  it('runs a command over SSH where the credential says so, on the host with its key alone', async () => {
    const { pve: url, token, ca, ssh } = simulator.lab
    const sshHostApi = {
      host: ssh.host,
      port: ssh.port,
      user: ssh.user,
      authenticateWith: 'privateKey',
      privateKey: ssh.privateKey,
      hostKey: ssh.hostKey,
      exec: 'plex, 111',
    }
    const exec = (own = {}, guest: unknown = plex) =>
      bench.run(node, {
        parameters: {
          resource: 'guest',
          operation: 'exec',
          guest: byId(guest),
          command: ['systemctl', 'is-active', 'plexmediaserver.service'],
          confirm: true,
        },
        credentials: {
          proxmoxVeApi: { url, tokenId: token.id, tokenSecret: token.secret, ca },
          sshHostApi: { ...sshHostApi, ...own },
        },
      })
    expect((await exec()).items[0]?.json).toMatchObject({ vmid: plex, code: 0, stdout: 'active\n' })
    expect((await failure(exec({}, 123))).message).toContain('switched off')
    const other = await failure(exec({ hostKey: `SHA256:${'A'.repeat(43)}` }))
    expect(other.message).toContain('IS NOT THE HOST EXPECTED')
  })

  it('runs no command where the SSH credential does not say so', async () => {
    const command = {
      resource: 'guest',
      operation: 'exec',
      guest: byId(plex),
      command: ['true'],
      confirm: true,
    }
    const error = await failure(run(command))
    expect(error.message).toContain('switched off')
  })
})
