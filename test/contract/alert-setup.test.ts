/** What `alert setup` prints, run by a real shell and held against the official schema of the Proxmox API. */
import { execFileSync } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { type Caller, createRegistry, runInline, type Services } from '@homelab/core'
import { readAlerts } from '@homelab/core/alerts'
import { type Inventory, parseInventory } from '@homelab/core/inventory'
import { systemClock } from '@homelab/core/node'
import { operations } from '@homelab/core/operations'
import { expect, onTestFinished, test } from 'vitest'

const schemaFile = join(import.meta.dirname, '..', '..', '..', 'shared', 'pve-api', 'pve-8.4.5.json')
const hasSchema = existsSync(schemaFile)
if (!hasSchema) console.warn('SKIPPED: the schema of the Proxmox API is not here')

const secret = `it's "secret" $(id) \\ 0123456789`

interface Output {
  readonly loopback: boolean
  readonly unknown: boolean
  readonly sources: readonly {
    readonly name: string
    readonly url: string
    readonly secret: string
    readonly steps: readonly {
      readonly title: string
      readonly items: readonly string[]
      readonly code?: { readonly file: string; readonly text: string }
    }[]
  }[]
}

const file = (more = '', listen = '{ host: 192.168.1.140, port: 8790 }') => `
alerts:
  listen: ${listen}
  sources:
    alertmanager: { secret: env:ALERTS }
    grafana: { secret: "file:/etc/homelab/grafana" }
    proxmox: { secret: env:ALERTS }
    kuma: { secret: env:ALERTS }
    scripts: { secret: env:ALERTS }
${more}`

const operation = createRegistry(operations).byId('alert.setup')
const caller: Caller = { id: 'cli:local', name: 'me', role: 'admin', surface: 'cli' }

async function setup(text: string, source?: string): Promise<Output> {
  if (operation === undefined) throw new Error('no alert.setup')
  const inventory: Inventory = parseInventory(text, { file: 'homelab.yaml' })
  const guest = { vmid: 140, name: 'homelab', node: 'pve', type: 'lxc' }
  const services = {
    caller,
    lab: { inventory, overview: async () => ({ guests: [guest] }) },
    proxmox: { guestAddresses: async () => ['127.0.0.1', 'fe80::1', '10.0.0.140'] },
  } as unknown as Services
  const input = source === undefined ? {} : { source }
  const output: unknown = await runInline(operation, input, services, {
    clock: systemClock,
    signal: AbortSignal.timeout(10_000),
  })
  return output as Output
}

/** Its scripts, by file. */
async function codes(source: string): Promise<Readonly<Record<string, string>>> {
  const { sources } = await setup(file(), source)
  const all = sources.flatMap(({ steps }) => steps.flatMap(({ code }) => (code === undefined ? [] : [code])))
  return Object.fromEntries(all.map(({ file: name, text }) => [name, text]))
}

/** Runs a script as a person would, with programs that note how they were called. @returns arguments of each call, and what it read */
function run(script: string, program: string): { readonly argv: string[]; readonly stdin: string }[] {
  const folder = mkdtempSync(join(tmpdir(), 'homelab-setup-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const log = join(folder, 'calls')
  const fake = `#!${process.execPath}
const { appendFileSync, readFileSync } = require('node:fs')
const stdin = process.argv.includes('@-') ? readFileSync(0, 'utf8') : ''
appendFileSync(${JSON.stringify(log)}, JSON.stringify({ argv: process.argv.slice(2), stdin }) + '\\n')
`
  writeFileSync(join(folder, program), fake)
  chmodSync(join(folder, program), 0o755)
  const path = `${folder}${delimiter}${process.env.PATH ?? ''}`
  execFileSync('bash', ['-c', script], {
    input: `${secret}\n`,
    env: { ...process.env, PATH: path },
    cwd: folder,
  })
  return readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((text) => JSON.parse(text) as { argv: string[]; stdin: string })
}

interface Call {
  readonly path: string
  readonly options: Readonly<Record<string, readonly string[]>>
}

function callOf([verb, path = '', ...rest]: readonly string[]): Call {
  expect(verb).toBe('create')
  const options: Record<string, string[]> = {}
  for (let at = 0; at < rest.length; at += 2) {
    const name = rest[at]?.replace(/^--/, '') ?? ''
    options[name] = [...(options[name] ?? []), rest[at + 1] ?? '']
  }
  return { path, options }
}

const plain = (text: string): string => Buffer.from(text, 'base64').toString('utf8')
/** `name=token,value=…` */
const property = (text: string): readonly [string, string] => {
  const [, name = '', value = ''] = /^name=([^,]+),value=(.*)$/.exec(text) ?? []
  return [name, plain(value)]
}

test('the commands for Proxmox make the target and the matcher, with the secret as it is', async () => {
  const scripts = await codes('proxmox')
  const calls = run(scripts['proxmox-webhook.sh'] ?? '', 'pvesh').map(({ argv }) => callOf(argv))
  const [endpoint, matcher, ...more] = calls
  expect(more).toEqual([])
  expect(endpoint?.path).toBe('/cluster/notifications/endpoints/webhook')
  expect(endpoint?.options).toMatchObject({
    name: ['homelab'],
    method: ['post'],
    url: ['http://192.168.1.140:8790/alerts/proxmox'],
  })
  expect(endpoint?.options.header?.map(property)).toEqual([
    ['Authorization', 'Bearer {{ secrets.token }}'],
    ['Content-Type', 'application/json'],
  ])
  expect(endpoint?.options.secret?.map(property)).toEqual([['token', secret]])
  const body = plain(endpoint?.options.body?.[0] ?? '')
  expect(`${body}\n`).toBe(scripts['proxmox-body.txt'])
  const filled = body
    .replaceAll(/\{\{escape \w+\}\}/g, 'x')
    .replace('{{severity}}', 'error')
    .replace('{{timestamp}}', '1795654967')
    .replace('{{json fields}}', '{"type":"fencing","hostname":"pve"}')
  expect(readAlerts('proxmox', 'proxmox', JSON.parse(filled), new Date())).toMatchObject([
    { name: 'fencing' },
  ])
  // Names are of all targets and matchers together.
  expect(matcher).toMatchObject({
    path: '/cluster/notifications/matchers',
    options: { name: ['homelab-all'], target: endpoint?.options.name },
  })
})

test.skipIf(!hasSchema)('Proxmox knows every path and every option of these commands', async () => {
  const { paths } = JSON.parse(readFileSync(schemaFile, 'utf8')) as {
    paths: Record<string, Record<string, { params: Record<string, { optional?: boolean; enum?: string[] }> }>>
  }
  const scripts = await codes('proxmox')
  const calls = [scripts['proxmox-webhook.sh'], scripts['proxmox-test.sh']].flatMap((script) =>
    run(script ?? '', 'pvesh').map(({ argv }) => callOf(argv)),
  )
  expect(calls).toHaveLength(3)
  for (const { path, options } of calls) {
    const known = Object.keys(paths).find((each) =>
      new RegExp(`^${each.replace(/\{\w+\}/g, '[^/]+')}$`).test(path),
    )
    const params = paths[known ?? '']?.POST?.params
    expect(params, path).toBeDefined()
    expect(Object.keys(params ?? {})).toEqual(expect.arrayContaining(Object.keys(options)))
    const inPath = [...(known ?? '').matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
    for (const [name, { optional, enum: allowed }] of Object.entries(params ?? {})) {
      if (optional !== true && !inPath.includes(name)) expect(options, name).toHaveProperty(name)
      if (allowed !== undefined) for (const value of options[name] ?? []) expect(allowed).toContain(value)
    }
  }
})

test('the test of a script keeps the secret off the command line, and is one alert that fires and ends', async () => {
  const calls = run((await codes('scripts'))['scripts-test.sh'] ?? '', 'curl')
  expect(calls.map(({ stdin }) => stdin)).toEqual([
    `Authorization: Bearer ${secret}`,
    `Authorization: Bearer ${secret}`,
  ])
  expect(JSON.stringify(calls.map(({ argv }) => argv))).not.toContain('0123456789')
  const bodies = calls.map(({ argv }) => argv[argv.indexOf('--data') + 1] ?? '')
  const alerts = bodies.flatMap((body) => readAlerts('generic', 'scripts', JSON.parse(body), new Date()))
  expect(alerts.map(({ status }) => status)).toEqual(['firing', 'resolved'])
  expect(new Set(alerts.map(({ fingerprint }) => fingerprint)).size).toBe(1)
  expect(calls[0]?.argv.at(-1)).toBe('http://192.168.1.140:8790/alerts/scripts')
})

test('what is a file of another program is one', async () => {
  // What Alertmanager thinks of it is in test/real.
  expect((await codes('alertmanager'))['alertmanager-receiver.yml']).toBe(`receivers:
  - name: homelab
    webhook_configs:
      - url: "http://192.168.1.140:8790/alerts/alertmanager"
        send_resolved: true
        max_alerts: 0 # all of them
        http_config:
          authorization:
            type: Bearer
            credentials_file: homelab-alerts.secret
`)
  expect((await codes('grafana'))['grafana-grafana.yaml']).toContain(`
      - uid: homelab
        type: webhook
        disableResolveMessage: false
        settings:
          url: "http://192.168.1.140:8790/alerts/grafana"
          httpMethod: POST
          authorization_scheme: Bearer
          authorization_credentials: $HOMELAB_ALERTS_SECRET
`)
  expect(JSON.parse((await codes('kuma'))['kuma-headers.json'] ?? '')).toHaveProperty('Authorization')
})

test('it says where each secret is and where each source sends to, and ends each with a test', async () => {
  const { sources, loopback, unknown } = await setup(file())
  expect([loopback, unknown]).toEqual([false, false])
  expect(sources.map(({ name, secret: where }) => [name, where])).toEqual([
    ['alertmanager', 'env:ALERTS'],
    ['grafana', 'file:/etc/homelab/grafana'],
    ['proxmox', 'env:ALERTS'],
    ['kuma', 'env:ALERTS'],
    ['scripts', 'env:ALERTS'],
  ])
  for (const { steps } of sources) expect(steps.at(-1)?.title).toBe('Send a test')
})

test('it says when nobody else can come there, and finds the address of the bot when it listens on all', async () => {
  const url = async (text: string) => {
    const { sources, loopback, unknown } = await setup(text, 'kuma')
    return [sources[0]?.url, loopback, unknown]
  }
  expect(await url('alerts: { sources: { kuma: { secret: env:X } } }')).toEqual([
    'http://127.0.0.1:8787/alerts/kuma',
    true,
    false,
  ])
  const any = '{ host: "0.0.0.0", port: 8790 }'
  expect(await url(file('', any))).toEqual(['http://BOT:8790/alerts/kuma', false, true])
  expect(await url(file('bot: { guest: 140 }', any))).toEqual([
    'http://10.0.0.140:8790/alerts/kuma',
    false,
    false,
  ])
})

test('a source that there is not is answered with what to write', async () => {
  const none = 'name: x'
  await expect(setup(none, 'proxmox')).rejects.toMatchObject({
    code: 'not-found',
    hint: 'Add it under alerts.sources: proxmox: { secret: env:ALERTS_PROXMOX }',
  })
  await expect(setup(file(), 'grafanna')).rejects.toThrow('Did you mean grafana?')
  expect(operation?.card(await setup(none), {})).toMatchObject({
    title: 'No source of alerts',
    sections: [{ kind: 'code', text: expect.stringContaining('alertmanager: { secret:') }],
  })
  const [code] = operation?.card(await setup(none), {}).sections ?? []
  const beginning = code?.kind === 'code' ? code.text : ''
  expect(parseInventory(beginning, { file: 'homelab.yaml' }).alerts.sources).toHaveLength(5)
})
