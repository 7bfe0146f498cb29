/** The Homelab node, as n8n calls it, through a bot as its owner starts it, and with the file alone. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { Homelab } from '../../n8n-nodes/nodes/Homelab/Homelab.node.ts'
import { type BotProcess, environment, homeFolder, startBot, writeFileFor } from '../support/bot.ts'
import { type Bench, type Outcome, openBench, type Setting } from '../support/n8n-bench.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

type Json = Outcome['items'][number]['json']

const plex = 110
const token = (who: string) => `${who}-${'x'.repeat(40)}`
const node = new Homelab()

let simulator: Simulator
let bench: Bench
let home: Awaited<ReturnType<typeof homeFolder>>
let bot: BotProcess

const more = () => {
  const { host, port } = simulator.lab.services.plex ?? {}
  const { api, account, tunnel, domain } = simulator.lab.cloudflare
  return `
network:
  domain: ${domain}
  tunnel: { api: "${api}", account: ${account}, id: ${tunnel}, token: env:CLOUDFLARE_TOKEN, origin: "http://192.168.1.101:80" }
  traefik: { api: "${simulator.lab.traefik.api}", probe: "${simulator.lab.traefik.web}" }
services:
  plex: { guest: 110, address: ${host}, port: ${port} }
  jellyfin: { guest: 111, health: none }
  n8n: { guest: 103, health: none }
confirm: [stop]
approve:
  - { what: [shutdown], by: second-person }
people:
  n8n: { role: operator, token: env:N8N_TOKEN }
  watcher: { role: viewer, token: env:WATCHER_TOKEN }
  owner: { role: admin, token: env:OWNER_TOKEN }
`
}

beforeAll(async () => {
  simulator = await startSimulator()
  bench = openBench()
  home = await homeFolder()
  await writeFileFor(simulator, home.path, { more: more() })
  const tokens = {
    N8N_TOKEN: token('n8n'),
    WATCHER_TOKEN: token('watcher'),
    OWNER_TOKEN: token('owner'),
    CLOUDFLARE_TOKEN: simulator.lab.cloudflare.token,
  }
  bot = await startBot([], { ...environment(simulator), ...tokens }, home.path)
})
afterAll(async () => {
  await bench?.[Symbol.asyncDispose]()
  await bot?.[Symbol.asyncDispose]()
  await home?.[Symbol.asyncDispose]()
  await simulator?.stop()
})
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
})

const failure = async (work: Promise<unknown>) => {
  const error: unknown = await work.catch((caught: unknown) => caught)
  if (!(error instanceof Error)) throw new Error('it did not fail')
  return error as Error & { description?: string | null; httpCode?: string }
}
const changes = async (vmid: number) => (await simulator.counts()).changes[vmid] ?? {}
const named = (value: unknown) => ({ __rl: true, mode: 'name', value })
const only = ({ items }: Outcome): Json => {
  expect(items).toHaveLength(1)
  return items[0]?.json ?? {}
}

describe('through the bot', () => {
  interface Wanted extends Omit<Setting, 'parameters'> {
    readonly own?: Readonly<Record<string, unknown>>
  }
  const setting = (parameters: Setting['parameters'], { own, ...rest }: Wanted = {}): Setting => ({
    parameters: { authentication: 'bot', ...parameters },
    credentials: { homelabBotApi: { url: bot.url, token: token('n8n'), ...own } },
    ...rest,
  })
  const run = (parameters: Setting['parameters'], wanted: Wanted = {}) =>
    bench.run(node, setting(parameters, wanted))
  const restart = { resource: 'service', operation: 'restart', services: ['plex'] }

  it('reads the lab by name', async () => {
    const status = only(await run({ resource: 'lab', operation: 'status' }))
    expect(JSON.stringify(status)).toContain('plex')
  })

  it('has a graph as numbers, and as a file that the bot draws', async () => {
    const graph = { resource: 'graph', operation: 'show', target: named('plex'), words: ['cpu', '24h'] }
    const picture = async (more: Setting['parameters'], field = 'data') => {
      const [item] = (await run({ ...graph, ...more })).items
      expect(item?.json).toMatchObject({ target: 'plex', metric: 'cpu', series: [{ name: 'CPU' }] })
      const { fileName, mimeType, data = '' } = item?.binary?.[field] ?? {}
      return { fileName, mimeType, bytes: Buffer.from(data, 'base64') }
    }
    const png = await picture({ picture: 'png', theme: 'dark', binaryPropertyName: 'chart' }, 'chart')
    expect(png).toMatchObject({ fileName: 'plex-CPU-last-24-h.png', mimeType: 'image/png' })
    expect(png.bytes.subarray(1, 4).toString()).toBe('PNG')
    const light = await picture({ picture: 'png' })
    expect(light.bytes.equals(png.bytes)).toBe(false)
    const svg = await picture({ picture: 'svg', theme: 'dark' })
    expect(svg).toMatchObject({ fileName: 'plex-CPU-last-24-h.svg', mimeType: 'image/svg+xml' })
    expect(svg.bytes.toString()).toMatch(/^<svg [\s\S]*#1e1f22[\s\S]*<\/svg>$/)
    expect((await run({ ...graph, picture: 'none' })).items[0]).not.toHaveProperty('binary')
    const error = await failure(run({ ...graph, target: named('plexx') }))
    expect(error.message).toContain('Did you mean plex?')
  })

  it('has the digest, with the runs of the bot', async () => {
    await run(restart)
    const digest = only(await run({ resource: 'lab', operation: 'digest' }))
    expect(digest).toMatchObject({ tunnel: { status: 'healthy' }, unseen: [] })
    expect(JSON.stringify(digest.runs)).toContain('n8n (Nightly)')
  })

  it('reads the way in: the tunnel, its routes and their records, each an item', async () => {
    expect(only(await run({ resource: 'tunnel', operation: 'status' }))).toMatchObject({ status: 'healthy' })
    const routes = await run({ resource: 'tunnel', operation: 'routes', returnAll: true })
    expect(routes.items).toHaveLength(8)
    const records = await run({ resource: 'dns', operation: 'list', returnAll: true })
    expect(records.items.map(({ json }) => json.service)).toContain('jellyfin')
    const expose = { resource: 'tunnel', operation: 'expose', service: named('jellyfin') }
    expect((await failure(run(expose))).message).toMatch(/admin/)
  })

  it('restarts a service once, says which run it was, and is in the audit log with its workflow', async () => {
    const done = only(await run(restart))
    expect(done).toMatchObject({ completed: true, run: expect.any(String) })
    expect(await changes(plex)).toEqual({ reboot: 1 })
    const { items } = await run(
      { resource: 'audit', operation: 'list', limit: 10 },
      { own: { token: token('owner') } },
    )
    expect(items.map(({ json }) => json)).toContainEqual(
      expect.objectContaining({
        operation: 'service.restart',
        decision: 'succeeded',
        caller: { id: 'api:n8n', name: 'n8n (Nightly)', surface: 'api' },
        run: done.run,
      }),
    )
  })

  it('starts what takes long and asks later: no worker waits', async () => {
    await simulator.fault({ taskMs: { vzreboot: 1_500 } })
    const left = only(await run({ ...restart, waitForCompletion: false }))
    expect(left).toMatchObject({
      completed: false,
      state: 'working',
      run: expect.any(String),
      command: expect.stringMatching(/^n8n:/),
    })
    const show = async () =>
      only(await run({ resource: 'run', operation: 'show', run: named(left.run) })).run as Json
    await expect.poll(async () => (await show()).state, { timeout: 20_000, interval: 250 }).toBe('succeeded')
    const command = only(await run({ resource: 'command', operation: 'get', command: left.command }))
    expect(command).toMatchObject({ completed: true, state: 'done', run: left.run })
    expect(command).not.toHaveProperty('error')
    expect(await changes(plex)).toEqual({ reboot: 1 })
  })

  it('says after the limit how far it is, and the run goes on', async () => {
    await simulator.fault({ taskMs: { vzreboot: 4_000 } })
    const left = only(await run({ ...restart, waitLimit: 1 }))
    expect(left).toMatchObject({ completed: false, run: expect.any(String) })
    await run({ resource: 'run', operation: 'cancel', run: named(left.run) })
  })

  it('cancels what it has left, when it may change things', async () => {
    await simulator.fault({ taskMs: { vzreboot: 20_000 } })
    const left = only(await run({ ...restart, waitForCompletion: false }))
    const cancel = { resource: 'command', operation: 'cancel', command: left.command }
    expect(only(await run(cancel, { byAgent: true })).error).toContain('AI agents may only read')
    expect((await failure(run(cancel, { own: { readOnly: true } }))).message).toContain('read-only')
    expect(only(await run(cancel))).toMatchObject({ completed: true, run: left.run, error: 'cancelled' })
    // What has ended is as it is.
    expect(only(await run(cancel))).toMatchObject({ completed: true, error: 'cancelled' })
    expect(await changes(plex)).toEqual({ reboot: 1 })
  })

  it('plans in a dry run and changes nothing, also for those who may only read', async () => {
    const plan = only(await run({ ...restart, dryRun: true }, { own: { readOnly: true }, byAgent: true }))
    expect(plan).toMatchObject({ dryRun: true, summary: 'Restart plex (CT 110 on pve)' })
    expect(await changes(plex)).toEqual({})
  })

  it('does what asks for a confirmation only with an explicit one', async () => {
    const stop = { resource: 'service', operation: 'stop', services: ['jellyfin'] }
    const error = await failure(run(stop))
    expect(error.message).toMatch(/^It asks for a confirmation: .*jellyfin/)
    expect(error.description).toContain('"Confirm"')
    expect(await changes(111)).toEqual({})
    expect(only(await run({ ...stop, confirm: true }))).toMatchObject({ completed: true })
    expect(await changes(111)).toEqual({ shutdown: 1 })
  })

  it('hands back what waits for an approval, and asks later what became of it', async () => {
    const shutdown = { resource: 'service', operation: 'shutdown', services: ['jellyfin'], confirm: true }
    const left = only(await run(shutdown))
    expect(left).toMatchObject({
      completed: false,
      state: 'waitingForApproval',
      approval: expect.any(String),
    })
    expect(left).not.toHaveProperty('run')
    const { items } = await run({ resource: 'approval', operation: 'list' })
    expect(items.map(({ json }) => json.id)).toContain(left.approval)
    expect(only(await run({ resource: 'command', operation: 'get', command: left.command }))).toMatchObject({
      state: 'waitingForApproval',
    })
    expect(await changes(111)).toEqual({})
    // Its owner's card: another program does not even learn that it is there.
    const other = await failure(
      run(
        { resource: 'command', operation: 'get', command: left.command },
        { own: { token: token('watcher') } },
      ),
    )
    expect(other.message).toContain('no card')
  })

  it('has the rights that the file gives its token, and no others', async () => {
    const denied = await failure(run(restart, { own: { token: token('watcher') } }))
    expect(denied.message).toContain('operator')
    const wrong = await failure(run(restart, { own: { token: token('nobody') } }))
    expect(wrong).toMatchObject({ name: 'NodeApiError', httpCode: '401' })
    expect(wrong.description).toContain('people')
    expect(JSON.stringify(wrong)).not.toContain(token('nobody'))
    expect(await changes(plex)).toEqual({})
  })

  it('lets an AI agent read, and change things only when the credential says so', async () => {
    await run({ resource: 'schedule', operation: 'list' }, { byAgent: true })
    // It is told: n8n does not hand every agent what its tool throws.
    const told = only(await run(restart, { byAgent: true }))
    expect(told).toMatchObject({ error: expect.stringContaining('AI agents may only read') })
    const readOnly = await failure(run(restart, { own: { readOnly: true } }))
    expect(readOnly.message).toContain('read-only')
    expect(await changes(plex)).toEqual({})
    await run(restart, { byAgent: true, own: { aiMayChange: true } })
    expect(await changes(plex)).toEqual({ reboot: 1 })
  })

  it('shows the log of what failed, and the run', async () => {
    const fault = {
      taskEnds: [{ type: 'vzreboot', status: 'command failed', log: ['lxc-start: no such device /dev/dri'] }],
    }
    await simulator.fault(fault)
    const error = await failure(run(restart))
    expect(error.description).toContain('no such device /dev/dri')
    await simulator.fault(fault)
    const { items } = await run(restart, { continueOnFail: true })
    expect(items[0]?.json).toMatchObject({
      error: error.message,
      details: { code: 'failed', run: expect.any(String), log: expect.any(Array) },
    })
    // Each was sent once: a failure is not a reason to try again.
    expect(await changes(plex)).toEqual({ reboot: 2 })
  })

  it('names a mistyped service with the nearest, and fails only its own item', async () => {
    const { items } = await run(
      { ...restart, services: '={{ $json.name }}' },
      { items: [{ name: 'plexx' }, { name: 'plex' }], continueOnFail: true },
    )
    expect(items).toMatchObject([
      {
        json: { error: expect.stringContaining('plex'), details: { code: 'not-found' } },
        pairedItem: { item: 0 },
      },
      { json: { completed: true }, pairedItem: { item: 1 } },
    ])
    expect(await changes(plex)).toEqual({ reboot: 1 })
  })

  it('says that no bot is there', async () => {
    // The editor's lists wait for none that may be restarting.
    const nowhere = bench.context(node, setting(restart, { own: { url: 'http://127.0.0.1:1' } }))
    const error = await failure(Promise.resolve(node.methods.loadOptions.loadServices?.call(nowhere)))
    expect(error).toMatchObject({ name: 'NodeApiError' })
    expect(error.message).toContain('127.0.0.1:1')
    const elsewhere = await failure(run(restart, { own: { url: simulator.lab.control } }))
    expect(elsewhere.message).toContain('is not homelab')
  })

  it('lists the names that the caller may use', async () => {
    const context = bench.context(node, setting(restart))
    expect(await node.methods.loadOptions.loadServices?.call(context)).toContainEqual({
      name: expect.stringContaining('plex (CT 110 on pve'),
      value: 'plex',
    })
    const logs = bench.context(node, setting({ resource: 'service', operation: 'logs' }))
    const { results } = (await node.methods.listSearch.searchServices?.call(logs, 'jelly')) ?? { results: [] }
    expect(results.map(({ value }) => value)).toEqual(['jellyfin'])
  })
})

describe('with the file alone', () => {
  const file = () => `
proxmox:
  endpoints: ${simulator.lab.pve}
  token: { id: "${simulator.lab.token.id}", secret: env:TEST_TOKEN }
  ca: env:TEST_CA
  ssh:
    pve: { host: ${simulator.lab.ssh.host}, port: ${simulator.lab.ssh.port}, user: ${simulator.lab.ssh.user}, key: env:SSH_KEY }
${more()}`
  const credential = () => ({
    file: file(),
    references: {
      values: [
        { name: 'TEST_TOKEN', value: simulator.lab.token.secret },
        { name: 'env:TEST_CA', value: simulator.lab.ca },
        { name: 'SSH_KEY', value: simulator.lab.ssh.privateKey },
      ],
    },
  })
  interface Wanted extends Omit<Setting, 'parameters'> {
    readonly own?: Readonly<Record<string, unknown>>
  }
  const setting = (parameters: Setting['parameters'], { own, ...rest }: Wanted = {}): Setting => ({
    parameters: { authentication: 'file', ...parameters },
    credentials: { homelabFileApi: { ...credential(), ...own } },
    ...rest,
  })
  const run = (parameters: Setting['parameters'], wanted: Wanted = {}) =>
    bench.run(node, setting(parameters, wanted))
  const restart = { resource: 'service', operation: 'restart', services: ['plex'] }

  it('reads the lab, and the logs of a service over SSH', async () => {
    expect(JSON.stringify(only(await run({ resource: 'lab', operation: 'status' })))).toContain('plex')
    const logs = only(await run({ resource: 'service', operation: 'logs', service: named('plex') }))
    expect(logs).toHaveProperty('lines')
  })

  it('draws a graph itself, as SVG; a PNG needs the bot', async () => {
    const graph = { resource: 'graph', operation: 'show', target: named('tesla'), words: ['30d'] }
    const [item] = (await run(graph)).items
    expect(item?.json).toMatchObject({ kind: 'storage', source: 'proxmox', incidents: [] })
    expect(Buffer.from(item?.binary?.data?.data ?? '', 'base64').toString()).toMatch(/^<svg /)
    const error = await failure(run({ ...graph, picture: 'png' }))
    expect(error.message).toContain('A PNG is drawn by a running bot')
    expect(error.description).toContain('SVG')
  })

  it('restarts a service and waits until it answers', async () => {
    only(await run(restart))
    expect(await changes(plex)).toEqual({ reboot: 1 })
  })

  it('keeps what the file wants confirmed or approved', async () => {
    const stop = { resource: 'service', operation: 'stop', services: ['jellyfin'] }
    expect((await failure(run(stop))).message).toMatch(/^It asks for a confirmation/)
    const shutdown = { resource: 'service', operation: 'shutdown', services: ['jellyfin'], confirm: true }
    expect((await failure(run(shutdown))).message).toContain('wants an approval')
    expect(await changes(111)).toEqual({})
    expect(only(await run({ ...stop, dryRun: true }))).toMatchObject({ dryRun: true })
    await run({ ...stop, confirm: true })
    expect(await changes(111)).toEqual({ shutdown: 1 })
  })

  it('is as careful with agents and read-only credentials as the bot', async () => {
    expect(only(await run(restart, { byAgent: true })).error).toContain('AI agents may only read')
    expect((await failure(run(restart, { own: { readOnly: true } }))).message).toContain('read-only')
    expect(await changes(plex)).toEqual({})
  })

  it('has no runs: those need the bot', async () => {
    const error = await failure(run({ resource: 'run', operation: 'list' }))
    expect(error.message).toContain('needs a running bot')
    const tunnel = await failure(run({ resource: 'tunnel', operation: 'status' }))
    expect(tunnel.message).toContain('needs a running bot')
    expect(error.description).toContain('Homelab Bot')
  })

  it('names the secret that the credential lacks, and each mistake of the file', async () => {
    const missing = await failure(run(restart, { own: { references: {} } }))
    expect(missing.message).toBe('The credential has no secret "TEST_CA"')
    const wrong = await failure(run(restart, { own: { file: 'proxmox: { endpoints: ftp://x }\n' } }))
    expect(wrong.message).toContain('https URL')
  })

  it('tests the credential without the lab, and lists names', async () => {
    const test = node.methods.credentialTest.homelabFile
    const judge = (data: object) =>
      test.call(bench.context(node, setting({})), {
        id: '1',
        name: 'x',
        type: 'homelabFileApi',
        data,
      } as never)
    expect(await judge(credential())).toMatchObject({
      status: 'OK',
      message: expect.stringContaining('3 services'),
    })
    expect(await judge({ ...credential(), references: {} })).toMatchObject({
      status: 'Error',
      message: expect.stringContaining('TEST_TOKEN'),
    })
    const context = bench.context(node, setting(restart))
    const names = (await node.methods.loadOptions.loadServices?.call(context)) ?? []
    expect(names.map(({ value }) => value)).toEqual(expect.arrayContaining(['plex', 'jellyfin', 'n8n']))
  })
})
