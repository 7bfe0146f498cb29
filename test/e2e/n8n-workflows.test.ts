/**
 * Each ready workflow imported, set as its note says, published and run for real: the real n8n against the simulated Proxmox, a stock
 * sshd with a real restic and a real PostgreSQL, a running bot, and a channel that takes messages as Discord does.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Secret } from '@homelab/core'
import { parseInventory } from '@homelab/core/inventory'
import { createSsh } from '@homelab/core/node'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { secretsOf } from '../../bot/src/lab/simulated.ts'
import { blueprints, fileText } from '../integration/provision.fixture.ts'
import { type BotProcess, homeFolder, startBot } from '../support/bot.ts'
import { requirePostgres } from '../support/postgres.ts'
import { createPve } from '../support/pve.ts'
import { openRestic, requireRestic, resticBinary, resticVersions } from '../support/restic.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { requireTool } from '../support/tools.ts'
import { alertWorkflows } from './n8n-workflows.alerts.ts'
import { type Backups, startBackups } from './support/n8n-real/backups.ts'
import { type Channel, startChannel } from './support/n8n-real/chat.ts'
import type { Saved } from './support/n8n-real/client.ts'
import { eventually } from './support/n8n-real/eventually.ts'
import { proxmoxCredential } from './support/n8n-real/lab.ts'
import { type RealN8n, startRealN8n } from './support/n8n-real/server.ts'
import { openWorkflows, type Ready } from './support/n8n-real/workflows.ts'

const ready = [
  requireTool('sshd', 'ssh-keygen', 'unshare', 'nsenter'),
  requireRestic(),
  requirePostgres(),
].every(Boolean)
const newest = resticVersions.at(-1) ?? ''
const plex = 110
const jellyfin = 111
const formPassword = 'open sesame'
/** Seconds of a Wait node: long enough to be one, too short for n8n to put the execution away. */
const brief = 2
/** For an event that a trigger finds when it looks: every minute. */
const nextLook = 150_000

describe.skipIf(!ready)('the ready workflows', () => {
  const stack = new AsyncDisposableStack()
  let simulator: Simulator
  let n8n: RealN8n
  let channel: Channel
  let backups: Backups
  let workflows: Ready
  /** The same with what is on the Proxmox node instead of its container. */
  let onNode: Ready
  let told: string[]
  let began: number

  beforeAll(async () => {
    simulator = await startSimulator()
    stack.defer(() => simulator.stop())
    channel = stack.use(await startChannel())
    backups = stack.use(await startBackups())
    n8n = stack.use(await startRealN8n())
    const common = {
      proxmoxVeApi: proxmoxCredential(simulator),
      discordWebhookApi: { webhookUri: channel.webhook },
    }
    workflows = await openWorkflows(n8n.client, { ...common, ...backups.credentials('container') })
    onNode = await openWorkflows(n8n.client, { ...common, ...backups.credentials('node') })
  })
  afterAll(() => stack.disposeAsync())
  beforeEach(async () => {
    await simulator.reset()
    await simulator.fault({ stale: false })
    told = []
    began = performance.now()
  })
  afterEach(({ task }) => {
    const seconds = ((performance.now() - began) / 1000).toFixed(1)
    console.log(
      `workflow ${task.name}: ${task.result?.state === 'fail' ? 'FAILED' : 'passed'} in ${seconds} s`,
    )
    for (const text of told) console.log(text.replace(/^/gm, '    | '))
  })
  const hear = async (match: RegExp, timeoutMs?: number): Promise<string> => {
    const text = await channel.message(match, timeoutMs)
    told.push(text)
    return text
  }
  /** Publishes it anew with other parameters of a node. */
  const change = async (workflow: Saved, name: string, parameters: object) => {
    const nodes = workflow.nodes.map((node) =>
      node.name === name ? { ...node, parameters: { ...node.parameters, ...parameters } } : node,
    )
    await n8n.client.publish(await n8n.client.change({ ...workflow, nodes }))
  }
  const state = async (vmid: number) =>
    (await simulator.state()).guests.find((guest) => guest.vmid === vmid)?.state

  it('nightly-postgres: dumps, proves, and is silent; says so when it fails', async () => {
    const { server } = backups
    const set = { Dump: { server, databases: ['immich'] } }
    const workflow = await workflows.ready('nightly-postgres', { set, wait: brief })
    const before = channel.messages.length
    const { status, error, output } = await workflows.run(workflow, 'Every night', 180_000)
    expect({ status, error }).toEqual({ status: 'success', error: undefined })
    expect(output.Proven).toMatchObject([{ state: 'done', plan: 'postgresql' }])
    expect(await backups.proven('postgresql')).toHaveLength(1)
    expect(channel.messages).toHaveLength(before)

    const broken = { Dump: { server, databases: ['imich'] } }
    const failing = await workflows.ready('nightly-postgres', { set: broken, wait: brief })
    expect((await workflows.run(failing, 'Every night', 180_000)).status).toBe('success')
    expect(await hear(/PostgreSQL was not backed up/)).toMatch(/could not be dumped/)
    expect(await backups.proven('postgresql')).toHaveLength(1)
  })

  it('monthly-restore-drill: restores beside the live one, and posts what was compared', async () => {
    const set = { Drill: { server: backups.server } }
    const workflow = await workflows.ready('monthly-restore-drill', { set, wait: brief })
    const { status, error } = await workflows.run(workflow, 'Every month', 180_000)
    expect({ status, error }).toEqual({ status: 'success', error: undefined })
    expect(await hear(/PostgreSQL restores/)).toMatch(/1 tables with 500 rows/)
    const databases = 'SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1'
    expect(await backups.psql('postgres', databases)).toBe('immich\npostgres')
  })

  it('backup-freshness: is silent while it is fresh, and says so when it is not', async () => {
    const before = channel.messages.length
    const fresh = await workflows.ready('backup-freshness')
    const { status, error, output } = await workflows.run(fresh, 'Every six hours')
    expect({ status, error }).toEqual({ status: 'success', error: undefined })
    expect(output.PostgreSQL).toMatchObject([{ state: 'fresh' }])
    expect(channel.messages).toHaveLength(before)

    const never = await workflows.ready('backup-freshness', { set: { PostgreSQL: { planName: 'immich' } } })
    expect((await workflows.run(never, 'Every six hours')).error).toBeUndefined()
    await hear(/The backup of postgresql is never/)
    for (const { id } of [fresh, never]) await n8n.client.unpublish(id)
  })

  it('weekly-guests: every running container by vzdump, then the archives to restic', async () => {
    for (const { vmid, name } of (await simulator.state()).guests)
      if (!['radarr', 'sonarr'].includes(name)) await simulator.changeGuest(vmid, { state: 'stopped' })
    const set = { 'To B2': { paths: [backups.dump] } }
    const workflow = await onNode.ready('weekly-guests', { set, wait: brief })
    const { status, error } = await onNode.run(workflow, 'Every Sunday', 300_000)
    expect({ status, error }).toEqual({ status: 'success', error: undefined })
    expect(await hear(/Weekly backup/)).toMatch(/2 of 2 containers saved\n✅ On B2/)
    const { tasks } = await simulator.state()
    expect(tasks.filter(({ type }) => type === 'vzdump')).toMatchObject([{ status: 'OK' }, { status: 'OK' }])
    expect(await backups.proven('guests')).toMatchObject([{ paths: [backups.dump] }])
  })

  it('guest-down, storage-full, task-failed, backup-freshness: tell of each once, and start the guest once', async () => {
    // It waits as it is, for so long that n8n puts the execution away meanwhile.
    const down = await workflows.ready('guest-down')
    const failed = await workflows.ready('task-failed')
    const full = await workflows.ready('storage-full', { set: { 'A storage is full': { threshold: 100 } } })
    const everyLook = { backupInterval: 0, guests: 'jellyfin' }
    const stale = await workflows.ready('backup-freshness', {
      set: { 'A guest without a backup': { maxAgeHours: 1_000_000, options: everyLook } },
    })
    // Published, they have looked once, which only learns. From now on what is there is too much, or too old.
    await change(full, 'A storage is full', { threshold: 1 })
    await change(stale, 'A guest without a backup', { maxAgeHours: 0.001 })
    await simulator.fault({
      taskEnds: [{ type: 'vzreboot', status: 'command failed', log: ['lxc-start: no such device /dev/dri'] }],
    })
    await simulator.changeGuest(plex, { state: 'stopped' })
    expect(await rebootError(n8n, proxmoxCredential(simulator), jellyfin)).toContain('/dev/dri')

    expect(await hear(/vzreboot/, nextLook)).toMatch(
      /vzreboot 111 failed on pve[\s\S]*no such device \/dev\/dri/,
    )
    await hear(/Storage .* % full/, nextLook)
    await hear(/jellyfin \(111\) has no fresh backup/, nextLook)
    const ended = await workflows.triggered(down, nextLook)
    expect({ status: ended.status, error: ended.error }).toEqual({ status: 'success', error: undefined })
    await hear(/plex was down and was started again/)
    expect(await state(plex)).toBe('running')
    expect((await simulator.counts()).changes[plex]?.start).toBe(1)
    for (const workflow of [down, failed, full, stale]) await n8n.client.unpublish(workflow.id)
    for (const once of ['vzreboot', 'has no fresh backup'])
      expect(channel.messages.filter((text) => text.includes(once))).toHaveLength(1)
  })

  alertWorkflows(() => ({ simulator, n8n, channel, hear }))

  describe('with a bot', () => {
    let home: Awaited<ReturnType<typeof homeFolder>>
    let bot: BotProcess
    beforeAll(async () => {
      home = await homeFolder()
      const { HOMELAB_CONFIG: _, HOMELAB_STATE: __, PROXMOX_URL: ___, ...rest } = process.env
      const path = [dirname(resticBinary(newest)), rest.PATH].join(':')
      bot = await startBot(['--simulate', '--port', '0'], { ...rest, NO_COLOR: '1', PATH: path }, home.path)
    })
    afterAll(async () => {
      await bot?.[Symbol.asyncDispose]()
      await home?.[Symbol.asyncDispose]()
    })

    it('nightly-photos-nextcloud: the bot runs both plans; says which one failed', async () => {
      const folder = join(home.path, '.homelab', 'simulated')
      const text = (...name: string[]) => readFileSync(join(folder, ...name), 'utf8').trim()
      const through = await openWorkflows(n8n.client, {
        homelabBotApi: { url: bot.url, token: text('api-token') },
        discordWebhookApi: { webhookUri: channel.webhook },
      })
      const plans = { Plans: { jsonOutput: '{ "plans": ["photos", "nextcloud", "phots"] }' } }
      const workflow = await through.ready('nightly-photos-nextcloud', { set: plans, wait: brief })
      const { status, error } = await through.run(workflow, 'Every night', 300_000)
      expect({ status, error }).toEqual({ status: 'success', error: undefined })
      await hear(/phots was not backed up/)
      expect(channel.messages.filter((each) => /(photos|nextcloud) was not/.test(each))).toEqual([])
      const repository = join(folder, 'real', 'repository')
      const restic = openRestic(newest, { repository, password: text('real', 'restic-password') })
      for (const plan of ['photos', 'nextcloud']) {
        const { stdout } = await restic(['snapshots', '--json', '--no-lock', '--tag', `plan=${plan}`])
        expect(stdout, plan).toContain('"proof"')
      }
    })

    it('provision-from-form: a form makes a service, whole; one that does not answer leaves nothing', async () => {
      await using stack = new AsyncDisposableStack()
      const own = stack.use(await homeFolder())
      const lab = await startSimulator({ speed: 0.02 })
      stack.defer(() => lab.stop())
      await lab.fault({ stale: false })
      await lab.changeGuest(jellyfin, { remove: true })
      const token = 'f'.repeat(48)
      const file = join(own.path, 'homelab.yaml')
      const folder = join(own.path, 'blueprints')
      mkdirSync(folder)
      for (const name of ['jellyfin', 'quiet'])
        writeFileSync(join(folder, `${name}.yaml`), blueprints[name] ?? '')
      const more = `people:\n  n8n: { role: admin, token: env:N8N_TOKEN }\nconsole: { port: 0 }\nstate: ${join(own.path, 'state')}\nblueprints: ${folder}\n`
      writeFileSync(file, fileText(lab, more))
      const env = { ...process.env, ...secretsOf(lab.lab), N8N_TOKEN: token, NO_COLOR: '1' }
      const maker = stack.use(await startBot(['--config', file, '--port', '0'], env, own.path))
      const through = await openWorkflows(n8n.client, {
        homelabBotApi: { url: maker.url, token },
        discordWebhookApi: { webhookUri: channel.webhook },
        httpBasicAuth: { user: 'family', password: formPassword },
      })
      const workflow = await through.ready('provision-from-form', { wait: brief })
      const form = `${n8n.url}/form/${workflow.nodes.find(({ name }) => name === 'Asked for')?.webhookId}`
      const asked = async (password: string, ...values: readonly string[]) => {
        const body = new FormData()
        for (const [index, value] of values.entries()) body.append(`field-${index}`, value)
        const authorization = `Basic ${Buffer.from(`family:${password}`).toString('base64')}`
        return (await fetch(form, { method: 'POST', body, headers: { authorization } })).status
      }
      await eventually(async () => expect(await asked('wrong', 'jellyfin')).toBe(401))
      expect(await asked(formPassword, 'jellyfin', 'films', '768', 'Yes, behind Access')).toBe(200)
      const { status, error } = await through.triggered(workflow)
      expect({ status, error }).toEqual({ status: 'success', error: undefined })

      const text = await hear(/Jellyfin is (not )?there/)
      const made = (await lab.state()).guests.find(({ name }) => name === 'films')
      expect(made?.state).toBe('running')
      expect(text).toContain(`Container ${made?.vmid} on pve, 127.`)
      expect(text).toContain(`https://films.${lab.lab.cloudflare.domain}`)
      expect(text).toMatch(new RegExp(`^\\+\\s+guest: ${made?.vmid}`, 'm'))
      const { services, network } = parseInventory(readFileSync(file, 'utf8'))
      expect(services.find(({ name }) => name === 'films')?.guest).toBe(made?.vmid)
      const hostname = `films.${lab.lab.cloudflare.domain}`
      expect(network.routes.find((route) => route.hostname === hostname)?.service).toBe('films')
      const { data } = await createPve(lab.lab).get(`/nodes/pve/lxc/${made?.vmid}/config`)
      expect(data).toMatchObject({ memory: 768 })
      const { ssh } = lab.lab
      const shells = createSsh({
        hosts: {
          pve: {
            host: ssh.host,
            port: ssh.port,
            user: ssh.user,
            auth: { privateKey: new Secret(ssh.privateKey) },
            hostKey: { fingerprint: ssh.hostKey },
          },
        },
      })
      stack.defer(() => shells.close())
      const unit = ['pct', 'exec', String(made?.vmid), '--', 'systemctl', 'is-active', 'jellyfin']
      expect((await shells.shell('pve').exec(unit)).stdout.trim()).toBe('active')

      const before = (await lab.state()).guests.length
      expect(await asked(formPassword, 'quiet', '', '', 'No')).toBe(200)
      expect(await hear(/quiet is not there/)).toMatch(/Quiet does not answer[\s\S]*Nothing of it is left\.$/)
      expect((await lab.state()).guests).toHaveLength(before)
      await n8n.client.unpublish(workflow.id)
    })
  })
})

/** Restarts a guest by a workflow of one node. @returns how that failed */
async function rebootError({ client }: RealN8n, data: Record<string, unknown>, vmid: number) {
  const id = await client.addCredential('proxmoxVeApi', 'reboot', data)
  const guest = { __rl: true, mode: 'id', value: String(vmid) }
  const common = { typeVersion: 1, position: [0, 0] } as const
  const workflow = await client.importWorkflow({
    name: `Restart ${vmid}`,
    nodes: [
      { ...common, id: '1', name: 'Start', type: 'n8n-nodes-base.manualTrigger', parameters: {} },
      {
        ...common,
        id: '2',
        name: 'Restart',
        type: 'n8n-nodes-homelab.proxmoxVe',
        parameters: { resource: 'guest', operation: 'restart', guest },
        credentials: { proxmoxVeApi: { id, name: 'reboot' } },
      },
    ],
    connections: { Start: { main: [[{ node: 'Restart', type: 'main', index: 0 }]] } },
  })
  return (await client.ended(await client.execute(workflow, 'Start'))).error
}
