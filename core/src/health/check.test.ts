import { createServer as createHttpServer } from 'node:http'
import { createServer, type Server } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { HomelabError } from '../errors.ts'
import type { ServiceEntry } from '../inventory/schema.ts'
import type { Target } from '../inventory/types.ts'
import { systemClock } from '../node/clock.ts'
import { createHttp } from '../node/http.ts'
import { createTcp } from '../node/tcp.ts'
import type { ExecResult } from '../ports.ts'
import { createHealth, type HealthDeps } from './check.ts'

const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  await Promise.all(open.splice(0).map((close) => close()))
})

async function listen(server: Server, end: () => void): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  open.push(() => {
    const closed = new Promise((resolve) => server.close(resolve))
    end()
    return closed
  })
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** A web server that knows one path. */
function web(path: string, status: number, body: string): Promise<number> {
  const server = createHttpServer((request, response) => {
    response.writeHead(request.url === path ? status : 404)
    response.end(body)
  })
  return listen(server, () => server.closeAllConnections())
}

/** Answers any first bytes with these; null stays silent. */
function socketServer(answer: string | Uint8Array | null): Promise<number> {
  const sockets = new Set<{ destroy(): void }>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.once('data', () => {
      if (answer !== null) socket.end(answer)
    })
  })
  return listen(server, () => {
    for (const socket of sockets) socket.destroy()
  })
}

async function closedPort(): Promise<number> {
  const port = await socketServer('')
  await open.pop()?.()
  return port
}

function target(
  service: Partial<ServiceEntry> & { readonly name: string },
  guest: Partial<Target['guest']> = {},
): Target {
  const { name } = service
  const running = { vmid: 110, type: 'lxc', node: 'pve', name, status: 'running', ...guest }
  return { name, guest: running, service, dependents: [] } as unknown as Target
}

function health(deps: Partial<HealthDeps> = {}) {
  const http = createHttp({ anyCertificate: true })
  open.push(() => http.close())
  return createHealth({
    http,
    tcp: createTcp(),
    clock: systemClock,
    address: async () => '127.0.0.1',
    timeoutMs: 400,
    ...deps,
  })
}

/** Containers in which a program answers as given; the last argv is kept. */
function inside(answers: Readonly<Record<string, Partial<ExecResult> | HomelabError>>) {
  const calls: (readonly string[])[] = []
  const shell = {
    async exec(argv: readonly string[]): Promise<ExecResult> {
      calls.push(argv)
      const answer = answers[argv[0] ?? ''] ?? { code: 127, stderr: `${argv[0]}: not found` }
      if (answer instanceof HomelabError) throw answer
      return { code: 0, stdout: '', stderr: '', truncated: false, ...answer }
    },
  }
  return { calls, shells: { host: () => shell, guest: () => shell, has: (node: string) => node === 'pve' } }
}

describe('what each service says', () => {
  test.each([
    ['traefik', '/ping', 200, 'OK', 'up', 'HTTP 200'],
    ['traefik', '/', 404, '', 'up', 'not enabled'],
    ['traefik', '/ping', 503, '', 'down', 'HTTP 503'],
    ['cloudflared', '/ready', 200, '{"status":200,"readyConnections":4}', 'up', '4 connections'],
    ['cloudflared', '/ready', 200, '{"status":200,"readyConnections":1}', 'up', '1 connection to'],
    ['cloudflared', '/ready', 503, '{"status":503,"readyConnections":0}', 'down', 'no connection'],
    ['prometheus', '/-/healthy', 200, 'Prometheus Server is Healthy.', 'up', 'HTTP 200'],
    ['grafana', '/api/health', 200, '{"database":"ok"}', 'up', 'HTTP 200'],
    ['grafana', '/api/health', 503, '{"database":"failing"}', 'degraded', 'database is failing'],
    ['plex', '/identity', 200, '<MediaContainer/>', 'up', 'HTTP 200'],
    ['plex', '/identity', 503, 'Maintenance', 'down', 'HTTP 503'],
    ['jellyfin', '/health', 200, 'Healthy', 'up', 'HTTP 200'],
    ['jellyfin', '/health', 200, 'Degraded', 'degraded', 'Degraded'],
    ['jellyfin', '/health', 503, 'Unhealthy', 'down', 'HTTP 503'],
    ['radarr', '/ping', 200, '{"status":"OK"}', 'up', 'HTTP 200'],
    ['sonarr', '/ping', 500, '{"status":"Error"}', 'down', 'HTTP 500'],
    ['prowlarr', '/other', 404, '', 'degraded', 'HTTP 404'],
    ['qbittorrent', '/api/v2/app/version', 403, 'Forbidden', 'up', 'HTTP 403'],
    ['qbittorrent', '/api/v2/app/version', 401, '', 'up', 'HTTP 401'],
    ['immich', '/api/server/ping', 200, '{"res":"pong"}', 'up', 'HTTP 200'],
    ['immich', '/api/server/ping', 200, '<html>', 'degraded', 'not the answer of Immich'],
    ['nextcloud', '/status.php', 200, '{"installed":true,"maintenance":false}', 'up', 'HTTP 200'],
    [
      'nextcloud',
      '/status.php',
      200,
      '{"installed":true,"maintenance":true}',
      'degraded',
      'maintenance mode is on',
    ],
    ['nextcloud', '/status.php', 200, '{"installed":false,"maintenance":false}', 'degraded', 'not installed'],
    ['nextcloud', '/status.php', 200, '{"installed":true,"needsDbUpgrade":true}', 'degraded', 'upgrade'],
    ['nextcloud', '/status.php', 200, '<html>', 'degraded', 'not the status of Nextcloud'],
    ['nextcloud', '/status.php', 301, '', 'degraded', 'redirects elsewhere'],
    ['n8n', '/healthz', 200, '{"status":"ok"}', 'up', 'HTTP 200'],
    ['vaultwarden', '/alive', 200, '"2026-01-01T00:00:00Z"', 'up', 'HTTP 200'],
  ])('%s %s %i %s: %s', async (name, path, status, body, state, detail) => {
    const port = await web(path, status, body)
    const report = await health().check(target({ name, port }))
    expect(report).toMatchObject({ state, detail: expect.stringContaining(detail) })
  })

  /** A message of PostgreSQL: type, length, fields. */
  const postgresError = (code: string, message: string) => {
    const body = `SFATAL\0VFATAL\0C${code}\0M${message}\0\0`
    const head = Buffer.alloc(5)
    head.write('E')
    head.writeInt32BE(4 + body.length, 1)
    return Buffer.concat([head, Buffer.from(body)])
  }

  test.each([
    ['postgresql', Buffer.from('R\0\0\0\x17\0\0\0\nSCRAM-SHA-256\0\0'), 'up', 'asks for authentication'],
    ['postgresql', postgresError('57P03', 'the database system is starting up'), 'down', 'starting up'],
    ['postgresql', postgresError('53300', 'sorry, too many clients already'), 'degraded', 'too many clients'],
    ['postgresql', postgresError('28000', 'no pg_hba.conf entry'), 'up', 'refuses a login'],
    ['postgresql', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'down', 'not PostgreSQL'],
    ['postgresql', '', 'down', 'closed the connection'],
    ['postgresql', null, 'down', 'said nothing within 0.4 s'],
    ['redis', '+PONG\r\n', 'up', 'PONG'],
    ['redis', '-NOAUTH Authentication required.\r\n', 'up', 'wants a password'],
    ['redis', '-DENIED Redis is running in protected mode\r\n', 'up', 'wants a password'],
    ['redis', '-LOADING Redis is loading the dataset in memory\r\n', 'degraded', 'LOADING'],
    ['redis', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'down', 'not Redis'],
    ['mosquitto', '', 'up', 'accepts connections'],
  ])('%s %s: %s', async (name, answer, state, detail) => {
    const port = await socketServer(answer)
    const report = await health().check(target({ name, port }))
    expect(report).toMatchObject({ state, detail: expect.stringContaining(detail) })
  })

  test.each([
    [200, 200, 'up', 'HTTP 200'],
    [204, [200, 204], 'up', 'HTTP 204'],
    [401, 200, 'degraded', 'HTTP 401, expected 200'],
    [500, [500], 'up', 'HTTP 500'],
    [502, 200, 'down', 'HTTP 502'],
    [200, 'hello', 'up', 'holds "hello"'],
    [200, 'bye', 'degraded', 'without "bye"'],
    [500, 'bye', 'down', 'HTTP 500'],
  ])('%i where %j is expected: %s', async (status, expected, state, detail) => {
    const port = await web('/up', status, 'hello world')
    const service = { name: 'custom', port, health: { http: { path: '/up', expect: expected } } }
    expect(await health().check(target(service))).toMatchObject({
      state,
      detail: expect.stringContaining(detail),
    })
  })

  test('an answer that does not come', async () => {
    const port = await socketServer(null)
    const report = await health().check(target({ name: 'plex', port }))
    expect(report.state).toBe('down')
    expect(report.ms).toBeLessThan(2000)
  })
})

describe('where it asks', () => {
  test('a guest that is not running is down without a call', async () => {
    const { shells, calls } = inside({})
    const stopped = target({ name: 'plex', port: await web('/identity', 200, '') }, { status: 'stopped' })
    const report = await health({ shells }).check(stopped)
    expect(report).toEqual({ state: 'down', detail: 'plex is stopped', ms: 0 })
    expect(calls).toEqual([])
  })

  test('nothing known: none, and not worth waiting for', async () => {
    expect(await health().check(target({ name: 'mystery' }))).toMatchObject({ state: 'none' })
    expect(health().knows(target({ name: 'mystery' }))).toBe(false)
    expect(health().knows(target({ name: 'plex', health: 'none' }))).toBe(false)
    expect(health().knows(target({ name: 'plex' }))).toBe(true)
  })

  test('refused from outside: asked inside the container', async () => {
    const { shells, calls } = inside({ curl: { stdout: '<MediaContainer/>\nhttp_code=200' } })
    const report = await health({ shells }).check(target({ name: 'plex', port: await closedPort() }))
    expect(report).toMatchObject({ state: 'up', detail: expect.stringMatching(/^HTTP 200 in \d+ ms$/) })
    expect(calls[0]?.at(-1)).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/identity$/)
  })

  test('refused, and no SSH: down', async () => {
    const report = await health().check(target({ name: 'plex', port: await closedPort() }))
    expect(report).toMatchObject({ state: 'down', detail: expect.stringContaining('refused') })
  })

  test('an address given in the file is asked there only', async () => {
    const { shells, calls } = inside({ curl: { stdout: '\nhttp_code=200' } })
    const service = { name: 'plex', address: '127.0.0.1', port: await closedPort() }
    expect((await health({ shells }).check(target(service))).state).toBe('down')
    expect(calls).toEqual([])
  })

  test('no address known: inside, or unknown with the reason', async () => {
    const address = async () => undefined
    const { shells } = inside({ curl: { stdout: '\nhttp_code=503' } })
    expect((await health({ shells, address }).check(target({ name: 'plex' }))).state).toBe('down')
    expect(await health({ address }).check(target({ name: 'plex' }))).toMatchObject({
      state: 'unknown',
      detail: 'no address of plex is known; there is no SSH access to pve to ask inside plex',
    })
    expect(await health({ address, shells }).check(target({ name: 'plex' }, { type: 'qemu' }))).toMatchObject(
      {
        state: 'unknown',
        detail: expect.stringContaining('virtual machine'),
      },
    )
  })

  test('an address that cannot be asked for counts as none', async () => {
    const address = async () => {
      throw new HomelabError('unreachable', 'pve does not answer')
    }
    expect((await health({ address }).check(target({ name: 'plex' }))).state).toBe('unknown')
  })

  test('what listens on loopback is asked inside first, and without SSH not called down', async () => {
    const { shells, calls } = inside({ curl: { stdout: '{"readyConnections":4}\nhttp_code=200' } })
    expect((await health({ shells }).check(target({ name: 'cloudflared' }))).state).toBe('up')
    expect(calls).toHaveLength(1)
    expect((await health().check(target({ name: 'cloudflared' }))).state).toBe('unknown')
  })

  test('where there is no TCP port, PostgreSQL and Redis are asked inside', async () => {
    const { shells, calls } = inside({ pg_isready: { code: 0 }, 'redis-cli': { stdout: 'PONG\n' } })
    const http = createHttp()
    open.push(() => http.close())
    const n8n = createHealth({ http, shells, clock: systemClock, address: async () => '127.0.0.1' })
    expect((await n8n.check(target({ name: 'postgresql' }))).state).toBe('up')
    expect((await n8n.check(target({ name: 'redis' }))).state).toBe('up')
    expect(calls.map((argv) => argv.join(' '))).toEqual([
      'pg_isready -h 127.0.0.1 -p 5432 -t 5',
      'redis-cli -h 127.0.0.1 -p 6379 ping',
    ])
  })
})

describe('inside the container', () => {
  const closed = (name: string, answers: Parameters<typeof inside>[0], more: Partial<ServiceEntry> = {}) =>
    health({ shells: inside(answers).shells, address: async () => undefined }).check(
      target({ name, ...more }),
    )

  test.each([
    ['grafana', { curl: { stdout: '{"database":"failing"}\nhttp_code=503' } }, 'degraded', 'failing'],
    ['plex', { curl: { code: 7, stdout: '\nhttp_code=000', stderr: 'curl: (7) Failed' } }, 'down', 'refused'],
    ['plex', { curl: { code: 28, stdout: '\nhttp_code=000' } }, 'down', 'no answer'],
    ['plex', { curl: { code: 52, stderr: 'curl: (52) Empty reply from server' } }, 'down', 'Empty reply'],
    ['plex', { wget: { stdout: 'x', stderr: '  HTTP/1.1 200 OK\n' } }, 'up', 'HTTP 200'],
    ['plex', { wget: { code: 8, stderr: '  HTTP/1.1 503 Service Unavailable\n' } }, 'down', 'HTTP 503'],
    [
      'plex',
      { wget: { code: 1, stderr: 'wget: server returned error: HTTP/1.1 403 Forbidden' } },
      'up',
      'HTTP 403',
    ],
    ['plex', { wget: { code: 4, stderr: "wget: can't connect: Connection refused" } }, 'down', 'refused'],
    [
      'plex',
      { curl: { code: 255, stderr: 'lxc-attach: 110: Failed to exec "curl"' } },
      'unknown',
      'neither curl nor wget',
    ],
    [
      'postgresql',
      { pg_isready: { code: 1, stdout: '127.0.0.1:5432 - rejecting connections' } },
      'down',
      'starts or stops',
    ],
    [
      'postgresql',
      { pg_isready: { code: 2, stdout: '127.0.0.1:5432 - no response' } },
      'down',
      'no response',
    ],
    ['postgresql', {}, 'unknown', 'pg_isready is not installed'],
    ['redis', { 'redis-cli': { stdout: 'NOAUTH Authentication required.\n' } }, 'up', 'password'],
    [
      'redis',
      { 'redis-cli': { stdout: 'LOADING Redis is loading the dataset in memory\n' } },
      'degraded',
      'LOADING',
    ],
    [
      'redis',
      { 'redis-cli': { code: 1, stderr: 'Could not connect: Connection refused\n' } },
      'down',
      'closed',
    ],
    ['plex', { curl: new HomelabError('conflict', 'plex (CT 110) is not running') }, 'down', 'not running'],
    [
      'plex',
      { curl: new HomelabError('unauthorised', 'pve refused to let root in') },
      'unknown',
      'refused to let root in',
    ],
    ['plex', { curl: new HomelabError('timeout', 'too slow') }, 'down', 'no answer in 0.4 s'],
  ])('%s %j: %s', async (name, answers, state, detail) => {
    expect(await closed(name, answers)).toMatchObject({ state, detail: expect.stringContaining(detail) })
  })

  test.each([
    [{ code: 0 }, 'up', 'exit code 0'],
    [{ code: 3, stdout: 'inactive\n' }, 'down', 'inactive'],
    [{ code: 1 }, 'down', 'exit code 1'],
    [{ code: 127, stderr: 'not found' }, 'unknown', 'systemctl is not installed'],
  ])('a command of the file: %j is %s', async (result, state, detail) => {
    const report = await closed(
      'x',
      { systemctl: result },
      { health: { command: ['systemctl', 'is-active', 'x'] } },
    )
    expect(report).toMatchObject({ state, detail: expect.stringContaining(detail) })
  })
})

test('an aborted signal is the only thing that throws', async () => {
  const stop = new AbortController()
  const port = await socketServer(null)
  const checking = health({ timeoutMs: 5000 }).check(target({ name: 'redis', port }), { signal: stop.signal })
  stop.abort(new Error('enough'))
  await expect(checking).rejects.toThrow('enough')
  await expect(health().check(target({ name: 'redis', port }), { signal: stop.signal })).rejects.toThrow(
    'enough',
  )

  const broken = await health({ address: () => Promise.reject(new TypeError('a bug')) }).check(
    target({ name: 'plex' }),
  )
  expect(broken).toMatchObject({ state: 'unknown', detail: expect.stringContaining('a bug') })
})
