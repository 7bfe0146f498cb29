/** The Homelab node and the triggers, packed and installed as a user would, run by n8n's own engine. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type BotProcess, environment, homeFolder, startBot, writeFileFor } from '../support/bot.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import {
  installPackage,
  type N8n,
  type NodeSpec,
  packageName,
  startN8n,
  type Told,
} from './support/n8n/harness.ts'

const plex = 110
const token = 'n8n-0123456789abcdef0123456789abcdef'

let simulator: Simulator
let n8n: N8n
let home: Awaited<ReturnType<typeof homeFolder>>
let bot: BotProcess

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.2 })
  home = await homeFolder()
  const plexAt = simulator.lab.services.plex
  await writeFileFor(simulator, home.path, {
    more: `services:\n  plex: { guest: 110, address: ${plexAt?.host}, port: ${plexAt?.port} }\npeople:\n  n8n: { role: operator, token: env:N8N_TOKEN }\n`,
  })
  bot = await startBot([], { ...environment(simulator), N8N_TOKEN: token }, home.path)
  n8n = await startN8n(installPackage())
})
afterAll(async () => {
  await n8n?.[Symbol.asyncDispose]()
  await bot?.[Symbol.asyncDispose]()
  await home?.[Symbol.asyncDispose]()
  await simulator?.[Symbol.asyncDispose]()
})
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
})

const proxmoxCredential = () => ({
  url: simulator.lab.pve,
  tokenId: simulator.lab.token.id,
  tokenSecret: simulator.lab.token.secret,
  ca: simulator.lab.ca,
  ignoreSslIssues: false,
})
const reboots = async () => (await simulator.counts()).changes[plex]?.reboot ?? 0

describe('the Homelab node', () => {
  const file = (more = '  ca: env:TEST_CA') => ({
    file: `proxmox:\n  endpoints: ${simulator.lab.pve}\n  token: { id: "${simulator.lab.token.id}", secret: env:TEST_TOKEN }\n${more}\nservices:\n  plex: { guest: 110, health: none }\n`,
    references: {
      values: [
        { name: 'TEST_TOKEN', value: simulator.lab.token.secret },
        { name: 'TEST_CA', value: simulator.lab.ca },
      ],
    },
    ignoreSslIssues: false,
  })
  const homelab = (parameters: NodeSpec['parameters'], credentials: NodeSpec['credentials']): NodeSpec => ({
    name: 'Homelab',
    type: `${packageName}.homelab`,
    parameters: { resource: 'service', operation: 'restart', services: ['plex'], ...parameters },
    ...(credentials === undefined ? {} : { credentials }),
  })
  const throughBot = (parameters: NodeSpec['parameters'] = {}) =>
    homelab({ authentication: 'bot', ...parameters }, { homelabBotApi: { url: bot.url, token } })
  const withFile = (parameters: NodeSpec['parameters'] = {}, more?: string) =>
    homelab({ authentication: 'file', ...parameters }, { homelabFileApi: file(more) })

  it('restarts a service through the bot, and with the file', async () => {
    for (const node of [throughBot(), withFile()]) {
      await simulator.reset()
      await simulator.fault({ stale: false })
      const run = await n8n.run([node])
      expect(run.error).toBeUndefined()
      expect(await reboots()).toBe(1)
      expect(run.nodes.Homelab?.data?.main[0]?.[0]?.pairedItem).toEqual({ item: 0 })
    }
  })

  it('lists services and plans from whichever credential it has', async () => {
    for (const node of [throughBot(), withFile()]) {
      expect((await n8n.options(node, 'loadServices')).map(({ value }) => value)).toContain('plex')
      const logs = { ...node, parameters: { ...node.parameters, operation: 'logs' } }
      expect((await n8n.search(logs, 'searchServices', 'ple')).results.map(({ value }) => value)).toContain(
        'plex',
      )
    }
  })

  it('refuses a certificate that only a fingerprint of the file would vouch for', async () => {
    const run = await n8n.run([withFile({}, `  fingerprint: "${simulator.lab.fingerprint}"`)])
    const { error } = run.nodes.Homelab ?? {}
    expect(error?.message).toMatch(/certificate .* cannot be verified/)
    expect(error?.description).toContain('n8n cannot check a fingerprint')
    expect(await reboots()).toBe(0)
  })

  it('has credentials that can be tested, and is an AI agent’s tool; triggers are none', async () => {
    expect(await n8n.test('homelabBotApi', { url: `${bot.url}/`, token })).toBe(200)
    expect(await n8n.test('homelabBotApi', { url: bot.url, token: `${token}x` })).toBe(401)
    const { nodes } = await n8n.describe()
    expect(nodes.homelab).toMatchObject({ usableAsTool: true, codex: { categories: ['Development'] } })
    for (const name of ['proxmoxVeTrigger', 'proxmoxNotificationTrigger', 'homelabAlertTrigger']) {
      expect(nodes[name]).toMatchObject({ group: ['trigger'], inputs: [], codex: expect.any(Object) })
      expect(nodes[name]).not.toHaveProperty('usableAsTool')
    }
  })
})

describe('the Proxmox VE Trigger', () => {
  const trigger = (parameters: NodeSpec['parameters']): NodeSpec => ({
    name: 'Watch',
    type: `${packageName}.proxmoxVeTrigger`,
    ...(parameters === undefined ? {} : { parameters }),
    credentials: { proxmoxVeApi: proxmoxCredential() },
  })
  const told = ({ items }: Told) => items?.map(({ json }) => json) ?? null

  it('only learns at first, then tells of each change once, also after a restart of n8n', async () => {
    const node = trigger({ events: ['guestStateChanged'] })
    const first = await n8n.poll(node)
    expect(told(first)).toBeNull()
    await simulator.changeGuest(plex, { state: 'stopped' })
    // What n8n reads back from its database after a restart.
    const stored = JSON.parse(JSON.stringify(first.staticData))
    const second = await n8n.poll(node, stored)
    expect(told(second)).toMatchObject([
      { event: 'guestStateChanged', vmid: plex, name: 'plex', from: 'running', to: 'stopped' },
    ])
    expect(told(await n8n.poll(node, second.staticData))).toBeNull()
    expect((await simulator.counts()).requests).toEqual({ 'GET /cluster/resources': 3 })
  })

  it('tells of a task that failed, with its log and its guest’s name, and of no other', async () => {
    const node = trigger({ events: ['taskFailed'], options: { guests: 'plex' } })
    const { staticData } = await n8n.poll(node)
    await simulator.fault({
      taskEnds: [{ type: 'vzreboot', status: 'command failed', log: ['lxc-start: no such device /dev/dri'] }],
    })
    const restart = (vmid: number): NodeSpec => ({
      name: 'Restart',
      type: `${packageName}.proxmoxVe`,
      parameters: { resource: 'guest', operation: 'restart', guest: { __rl: true, mode: 'id', value: vmid } },
      credentials: { proxmoxVeApi: proxmoxCredential() },
      onError: 'continueRegularOutput',
    })
    await n8n.run([restart(plex)])
    await n8n.run([restart(111)])
    const next = await n8n.poll(node, staticData)
    expect(told(next)).toMatchObject([
      {
        event: 'taskFailed',
        type: 'vzreboot',
        vmid: plex,
        name: 'plex',
        exitStatus: 'command failed',
        log: expect.arrayContaining(['lxc-start: no such device /dev/dri']),
      },
    ])
    expect(told(await n8n.poll(node, next.staticData))).toBeNull()
  })

  it('tells of storages over the threshold, and of backups that are missing', async () => {
    const events = ['storageOverThreshold', 'backupStale']
    const first = await n8n.poll(trigger({ events, threshold: 100, maxAgeHours: 1_000_000 }))
    expect(told(first)).toBeNull()
    const data = JSON.parse(JSON.stringify(first.staticData)) as { 'node:Watch': { memory: string } }
    const memory = JSON.parse(data['node:Watch'].memory)
    // As if the last look had been longer ago, and nothing was known to be missing then.
    const backups = { ...memory.backups, at: 0, told: [], without: { [plex]: 1 } }
    data['node:Watch'].memory = JSON.stringify({ ...memory, backups })
    const second = told(await n8n.poll(trigger({ events, threshold: 1 }), data))
    expect(second).toContainEqual(expect.objectContaining({ event: 'storageOverThreshold', threshold: 1 }))
    expect(second).toContainEqual(expect.objectContaining({ event: 'backupStale' }))
  })

  it('shows examples in the editor and remembers nothing', async () => {
    const { items, staticData } = await n8n.poll(trigger({ events: ['guestStateChanged'] }), {}, 'manual')
    expect(items?.map(({ json }) => json)).toMatchObject([{ event: 'guestStateChanged', example: true }])
    expect(JSON.stringify(staticData)).not.toContain('memory')
  })

  it('fails loudly, and keeps what it knows', async () => {
    const node = trigger({ events: ['guestStateChanged'] })
    const { staticData } = await n8n.poll(node)
    await simulator.fault({ unauthorized: true })
    await expect(n8n.poll(node, staticData)).rejects.toMatchObject({
      name: 'NodeApiError',
      message: expect.stringContaining(simulator.lab.token.id),
    })
    await simulator.fault({ unauthorized: false })
    await simulator.changeGuest(plex, { state: 'stopped' })
    expect(told(await n8n.poll(node, staticData))).toMatchObject([{ vmid: plex, to: 'stopped' }])
  })
})

describe('the Proxmox Notification Trigger', () => {
  const secret = 'notify-0123456789abcdef'
  const trigger: NodeSpec = {
    name: 'Notified',
    type: `${packageName}.proxmoxNotificationTrigger`,
    parameters: { options: { severities: ['error', 'warning'] } },
    credentials: { homelabNotificationApi: { secret } },
  }
  const body = {
    title: 'vzdump backup status (pve): backup failed',
    message: 'Details\n110 plex err',
    severity: 'error',
    timestamp: 1_764_115_200,
    fields: { type: 'vzdump', hostname: 'pve' },
  }
  const headers = { 'x-homelab-secret': secret, 'content-length': '200' }

  it('answers at once and tells a notification once', async () => {
    const first = await n8n.webhook(trigger, { headers, body })
    expect(first).toMatchObject({
      status: 204,
      items: [
        {
          json: {
            title: body.title,
            severity: 'error',
            type: 'vzdump',
            timestamp: '2025-11-26T00:00:00.000Z',
          },
        },
      ],
    })
    const again = await n8n.webhook(trigger, { headers, body }, first.staticData)
    expect(again).toMatchObject({ status: 204, items: null })
    const other = await n8n.webhook(trigger, { headers, body: { ...body, title: 'other' } }, first.staticData)
    expect(other.items).toHaveLength(1)
  })

  it.each([
    ['without the secret', { 'content-length': '200' }, body, 401],
    ['with a wrong secret', { ...headers, 'x-homelab-secret': `${secret}x` }, body, 401],
    ['that is too long', { ...headers, 'content-length': String(2 ** 21) }, body, 413],
    ['that is not of the body', headers, { text: 'hello' }, 400],
    ['that is filtered out', headers, { ...body, severity: 'info' }, 204],
  ])('starts nothing for a request %s', async (_, given, sent, status) => {
    const { staticData: __, ...answer } = await n8n.webhook(trigger, { headers: given, body: sent })
    expect(answer).toMatchObject({ status, items: null })
    expect(JSON.stringify(answer)).not.toContain(secret)
  })
})

describe('the Homelab Alert Trigger', () => {
  const secret = 'alerts-0123456789abcdef'
  const trigger = (parameters: NodeSpec['parameters'] = {}): NodeSpec => ({
    name: 'Alert',
    type: `${packageName}.homelabAlertTrigger`,
    parameters,
    credentials: { homelabNotificationApi: { secret } },
  })
  const headers = { authorization: `Bearer ${secret}`, 'content-length': '400' }
  const alert = (name: string, more: object = {}) => ({
    status: 'firing',
    labels: { alertname: name, severity: 'critical', service: 'plex' },
    annotations: { summary: `${name} of plex`, description: 'For five minutes.' },
    startsAt: '2026-11-20T05:00:00.123Z',
    endsAt: '0001-01-01T00:00:00Z',
    fingerprint: name,
    ...more,
  })
  const titles = ({ items }: Told) => items?.map(({ json }) => `${json.status} ${json.title}`) ?? null

  it('makes an item of each alert, and tells each once, also after a restart of n8n', async () => {
    const sent = (...alerts: object[]) => ({ headers, body: { status: 'firing', alerts } })
    const first = await n8n.webhook(trigger(), sent(alert('Down'), alert('Slow')))
    expect(first.status).toBe(204)
    expect(titles(first)).toEqual(['firing Down of plex', 'firing Slow of plex'])
    expect(first.items?.[0]?.json).toEqual({
      source: 'alertmanager',
      fingerprint: 'Down',
      status: 'firing',
      name: 'Down',
      severity: 'critical',
      title: 'Down of plex',
      text: 'For five minutes.',
      labels: { alertname: 'Down', severity: 'critical', service: 'plex' },
      startsAt: '2026-11-20T05:00:00.123Z',
    })
    const stored = JSON.parse(JSON.stringify(first.staticData))
    const again = await n8n.webhook(trigger(), sent(alert('Down'), alert('Slow')), stored)
    expect(again).toMatchObject({ status: 204, items: null })
    const over = alert('Down', { status: 'resolved', endsAt: '2026-11-20T06:00:00Z' })
    expect(titles(await n8n.webhook(trigger(), sent(over, alert('Slow')), again.staticData))).toEqual([
      'resolved Down of plex',
    ])
    const chosen = trigger({ options: { onlyFiring: true, severities: ['critical'], names: 'slow, other' } })
    expect(titles(await n8n.webhook(chosen, sent(over, alert('Down'), alert('Slow'))))).toEqual([
      'firing Slow of plex',
    ])
  })

  const basic = `Basic ${btoa(`grafana:${secret}`)}`
  const generic = { name: 'Disk', labels: { service: 'plex' } }
  it.each([
    ['generic', { authorization: basic }, generic, 'Disk'],
    ['grafana', { authorization: basic }, { alerts: [alert('Down')] }, 'Down of plex'],
    [
      'kuma',
      { 'x-homelab-secret': secret },
      { heartbeat: { status: 0, msg: 'gone' }, monitor: { id: 1, name: 'plex' }, msg: 'gone' },
      'plex is down',
    ],
    [
      'proxmox',
      headers,
      JSON.stringify({
        title: 'Fenced',
        message: 'm',
        severity: 'error',
        timestamp: 1_764_115_200,
        fields: {},
      }),
      'Fenced',
    ],
  ])('reads what %s sends', async (kind, given, body, title) => {
    const { status, items } = await n8n.webhook(trigger({ kind }), { headers: given, body })
    expect({ status, items }).toMatchObject({ status: 204, items: [{ json: { source: kind, title } }] })
  })

  it.each([
    ['without the secret', {}, { alerts: [] }, 401, 'missing or wrong'],
    ['with a wrong secret', { authorization: 'Bearer wrong' }, { alerts: [] }, 401, 'missing or wrong'],
    ['that is too long', { ...headers, 'content-length': String(2 ** 24) }, { alerts: [] }, 413, 'too long'],
    ['that can never be right', headers, { text: 'hello' }, 400, 'no list \\"alerts\\"'],
  ])('starts nothing for a request %s', async (_, given, body, status, said) => {
    const { staticData: __, ...answer } = await n8n.webhook(trigger(), { headers: given, body })
    expect(answer).toMatchObject({ status, items: null })
    expect(JSON.stringify(answer)).toContain(said)
    expect(JSON.stringify(answer)).not.toContain(secret)
  })
})
