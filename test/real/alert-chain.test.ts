/** From what is measured to what is told: real Prometheus, Alertmanager and node_exporter with the files of `monitoring rules`. */
import { spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server as HttpServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseInventory } from '@homelab/core/inventory'
import { monitoringFiles, monitoringSecretFiles } from '@homelab/core/monitoring/files'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type RunningAlertmanager, startAlertmanager } from '../support/alertmanager.ts'
import { type Server, startServer } from '../support/server.ts'
import { freePort } from '../support/sshd.ts'
import { requireTool } from '../support/tools.ts'

const there = requireTool(
  'prometheus',
  'prometheus-alertmanager',
  'prometheus-node-exporter',
  'amtool',
  'setpriv',
)
const secret = 'a-secret-that-only-alertmanager-has'
const WAIT_MS = 60_000

interface Told {
  readonly status: 'firing' | 'resolved'
  readonly labels: Readonly<Record<string, string>>
  readonly annotations: Readonly<Record<string, string>>
}

/** Seconds instead of minutes, and nothing else. */
const quick = (text: string): string =>
  text
    .replaceAll(/(\b(?:scrape|evaluation|group)_interval): \S+/g, '$1: 1s')
    .replaceAll(/scrape_timeout: \S+/g, 'scrape_timeout: 1s')
    .replaceAll(/\bfor: \d\S*/g, 'for: 1s')
    .replaceAll(/group_wait: \S+/g, 'group_wait: 0s')
    .replaceAll(/repeat_interval: \S+/g, 'repeat_interval: 2s')

async function listening(server: HttpServer, port = 0): Promise<number> {
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  return (server.address() as AddressInfo).port
}

async function closed(server: HttpServer): Promise<void> {
  server.close()
  server.closeAllConnections()
  await once(server, 'close')
}

describe.skipIf(!there)('the whole way', () => {
  const told: Told[] = []
  const strangers: string[] = []
  const heard = new EventTarget()
  /** Where homelab would be. */
  const receive = async (request: IncomingMessage, response: ServerResponse) => {
    const chunks: Buffer[] = []
    for await (const chunk of request) chunks.push(chunk as Buffer)
    const right =
      request.url === '/alerts/alertmanager' && request.headers.authorization === `Bearer ${secret}`
    if (right) told.push(...(JSON.parse(Buffer.concat(chunks).toString()) as { alerts: Told[] }).alerts)
    else strangers.push(`${request.url} ${request.headers.authorization}`)
    response.writeHead(right ? 200 : 401).end()
    heard.dispatchEvent(new Event('told'))
  }
  const receiver = createServer((request, response) => void receive(request, response))
  /** The blackbox exporter, as far as the rules know it: it asks what it is told to. */
  const probe = async (request: IncomingMessage, response: ServerResponse) => {
    const target = new URL(request.url ?? '', 'http://x').searchParams.get('target') ?? ''
    const answer = await fetch(target, { redirect: 'manual' }).catch(() => undefined)
    response.end(`probe_success ${answer !== undefined && answer.status < 500 ? 1 : 0}\n`)
  }
  const blackbox = createServer((request, response) => void probe(request, response))
  const newPlex = () => createServer((_, response) => void response.end('ok'))
  let plex = newPlex()
  let plexPort = 0
  let dir: string
  let alertmanager: RunningAlertmanager | undefined
  let exporter: Server | undefined
  let prometheus: Server | undefined

  /** The next alert of this name in this state that comes from now on. */
  async function next(alertname: string, status: Told['status'], from = told.length): Promise<Told> {
    const signal = AbortSignal.timeout(WAIT_MS)
    for (;;) {
      const found = told
        .slice(from)
        .find((each) => each.status === status && each.labels.alertname === alertname)
      if (found !== undefined) return found
      await once(heard, 'told', { signal }).catch(() => {
        const seen = told.map((each) => `${each.labels.alertname} ${each.status}`).join(', ')
        throw new Error(`no ${alertname} ${status}: ${seen}\n${prometheus?.log() ?? ''}`)
      })
    }
  }

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'homelab-chain-'))
    plexPort = await listening(plex)
    const [receiverPort, blackboxPort] = [await listening(receiver), await listening(blackbox)]
    const nodePort = await freePort()
    const files = (url: string) =>
      monitoringFiles(
        parseInventory(
          JSON.stringify({
            proxmox: {
              endpoints: 'https://127.0.0.1:8006',
              token: { id: 'a@pve!bot', secret: 'env:PVE' },
              ssh: { pve: { host: '127.0.0.1' } },
            },
            services: {
              plex: { guest: 110, address: '127.0.0.1', port: plexPort },
              blackbox: { guest: 130, address: '127.0.0.1', port: blackboxPort, health: 'none' },
              'node-exporter': { guest: 131, port: nodePort, health: 'none' },
            },
            alerts: {
              listen: { host: '127.0.0.1', port: receiverPort },
              sources: { alertmanager: { secret: 'env:S', url, watchdog: {} } },
            },
          }),
          { file: 'homelab.yaml' },
        ),
        { addresses: new Map() },
      ).files
    const textOf = (name: string, url: string) => files(url).find(({ path }) => path === name)?.text ?? ''
    const credentials = join(dir, monitoringSecretFiles.alerts)
    writeFileSync(credentials, secret)
    alertmanager = await startAlertmanager(
      quick(textOf('alertmanager.yml', 'http://127.0.0.1:1')).replace(
        monitoringSecretFiles.alerts,
        credentials,
      ),
    )
    for (const { path, text } of files(alertmanager.url)) writeFileSync(join(dir, path), quick(text))
    exporter = await startServer(['prometheus-node-exporter', `--web.listen-address=127.0.0.1:${nodePort}`], {
      ready: /Listening on|TLS is disabled/,
    })
    prometheus = await startServer(
      [
        'prometheus',
        `--config.file=${join(dir, 'prometheus.yml')}`,
        `--storage.tsdb.path=${join(dir, 'data')}`,
        `--web.listen-address=127.0.0.1:${await freePort()}`,
        '--rules.alert.resend-delay=1s',
      ],
      { ready: /Server is ready to receive web requests/ },
    )
  })
  afterAll(async () => {
    await prometheus?.stop()
    await exporter?.stop()
    await alertmanager?.[Symbol.asyncDispose]()
    for (const server of [receiver, blackbox, plex]) if (server.listening) await closed(server)
    if (dir !== undefined) rmSync(dir, { recursive: true, force: true })
  })

  test('the sign of life comes with the secret, and again', async () => {
    const life = await next('Watchdog', 'firing')
    expect(life.labels).toEqual({ alertname: 'Watchdog', kind: 'watchdog', severity: 'info' })
    await next('Watchdog', 'firing')
    expect(strangers).toEqual([])
  })

  test('a service that does not answer fires with what it is, and is over when it answers', async () => {
    const before = told.length
    await closed(plex)
    const down = await next('PlexDown', 'firing', before)
    expect(down.labels).toEqual({
      ...{ alertname: 'PlexDown', service: 'plex', stack: 'media', severity: 'warning', kind: 'down' },
    })
    expect(down.annotations.summary).toBe('Plex does not answer')
    // It had answered until then.
    expect(told.slice(0, before).map(({ labels }) => labels.alertname)).not.toContain('PlexDown')
    plex = newPlex()
    await listening(plex, plexPort)
    expect((await next('PlexDown', 'resolved', before)).labels).toEqual(down.labels)
  })

  test('a node whose exporter is gone is down', async () => {
    await exporter?.stop()
    const { labels, annotations } = await next('NodeDown', 'firing')
    expect(labels).toEqual({ alertname: 'NodeDown', node: 'pve', severity: 'critical', kind: 'down' })
    expect(annotations.summary).toBe('The node pve does not answer')
  })

  test('the test alert of the documentation arrives', async () => {
    const docs = readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8')
    const [line = ''] = /^amtool alert add .*$/m.exec(docs) ?? []
    const command = line.replace('http://127.0.0.1:9093', alertmanager?.url ?? '')
    const from = told.length
    const { status, stderr } = spawnSync('sh', ['-euc', command], { encoding: 'utf8' })
    expect(status, stderr).toBe(0)
    const { labels, annotations } = await next('Test', 'firing', from)
    expect(labels).toEqual({ alertname: 'Test', service: 'plex', severity: 'warning', kind: 'test' })
    expect(annotations.summary).toBe('only a test')
  })
})
