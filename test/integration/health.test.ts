import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chownSync, globSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer as createHttpServer } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { createHealth, type HealthDeps, waitUntilUp } from '../../core/src/health/index.ts'
import type { ServiceEntry } from '../../core/src/inventory/schema.ts'
import type { Target } from '../../core/src/inventory/types.ts'
import { systemClock } from '../../core/src/node/clock.ts'
import { createHttp } from '../../core/src/node/http.ts'
import { createSsh } from '../../core/src/node/ssh.ts'
import { createTcp } from '../../core/src/node/tcp.ts'
import { createShells } from '../../core/src/shell/index.ts'
import { installPct, startSshd } from '../support/sshd.ts'
import { requireTool } from '../support/tools.ts'

/** Against the real programs: a fake PostgreSQL or curl could agree with a wrong client. */
const open: (() => unknown)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

function target(service: Partial<ServiceEntry> & { readonly name: string }, vmid = 110): Target {
  const guest = { vmid, type: 'lxc', node: 'pve', name: service.name, status: 'running' }
  return { name: service.name, guest, service, dependents: [] } as unknown as Target
}

function health(deps: Partial<HealthDeps> = {}) {
  const http = createHttp({ anyCertificate: true })
  open.push(() => http.close())
  return createHealth({
    http,
    tcp: createTcp(),
    clock: systemClock,
    address: async () => '127.0.0.1',
    ...deps,
  })
}

/** A health that can only ask inside: through sshd, pct and the real curl, wget, pg_isready, redis-cli. */
async function insideOnly(programs: Readonly<Record<string, string>> = {}) {
  const sshd = await startSshd({ hostKeys: ['ed25519'] })
  installPct(sshd)
  for (const [name, script] of Object.entries(programs)) sshd.program(name, script)
  const ssh = createSsh({ hosts: { pve: sshd.host } })
  open.push(async () => {
    ssh.close()
    await sshd[Symbol.asyncDispose]()
  })
  return health({ address: async () => undefined, shells: createShells(ssh) })
}

function run(program: string, args: readonly string[], options: { readonly as?: string } = {}): ChildProcess {
  const [command = program, ...first] = options.as ? ['runuser', '-u', options.as, '--', program] : [program]
  const child = spawn(command, [...first, ...args], { stdio: 'ignore' })
  open.push(async () => {
    if (child.exitCode !== null) return
    const ended = new Promise((resolve) => child.once('exit', resolve))
    // PostgreSQL: stop without waiting for sessions.
    child.kill('SIGINT')
    await ended
  })
  return child
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function folder(owner?: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'homelab-health-'))
  open.push(() => rmSync(dir, { recursive: true, force: true }))
  if (owner)
    chownSync(dir, Number(execFileSync('id', ['-u', owner])), Number(execFileSync('id', ['-g', owner])))
  return dir
}

const wait = { clock: systemClock, timeoutMs: 20_000 }

describe.skipIf(!requireTool('redis-server', 'redis-cli', 'sshd'))('a real Redis', () => {
  test('up from outside and inside, with and without a password, then down', async () => {
    const port = await freePort()
    const dir = folder()
    const redis = target({ name: 'redis', port })
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', dir]
    const server = run('redis-server', [...args, '--requirepass', 'not a secret'])
    const outside = health()
    const inside = await insideOnly()

    expect(await waitUntilUp(outside, redis, wait)).toMatchObject({
      state: 'up',
      detail: expect.stringContaining('wants a password'),
    })
    expect(await inside.check(redis)).toMatchObject({
      state: 'up',
      detail: expect.stringContaining('wants a password'),
    })
    execFileSync(
      'redis-cli',
      ['-p', String(port), '-a', 'not a secret', 'config', 'set', 'requirepass', ''],
      {
        stdio: 'ignore',
      },
    )
    expect(await outside.check(redis)).toMatchObject({ state: 'up', detail: expect.stringContaining('PONG') })
    expect(await inside.check(redis)).toMatchObject({ state: 'up', detail: expect.stringContaining('PONG') })

    const ended = new Promise((resolve) => server.once('exit', resolve))
    server.kill('SIGTERM')
    await ended
    expect(await outside.check(redis)).toMatchObject({
      state: 'down',
      detail: expect.stringContaining('refused'),
    })
    expect((await inside.check(redis)).state).toBe('down')
  })
})

const initdb = globSync('/usr/lib/postgresql/*/bin/initdb')[0]
const hasPostgres = (initdb !== undefined || requireTool('initdb')) && requireTool('pg_isready', 'sshd')

describe.skipIf(!hasPostgres)('a real PostgreSQL', () => {
  test('up from outside and inside, full, refusing us, then down', async () => {
    const as = userInfo().uid === 0 ? { as: 'postgres' } : {}
    const dir = folder(as.as)
    const data = join(dir, 'data')
    const bin = initdb === undefined ? '' : `${dirname(initdb)}/`
    const prefix = as.as ? ['runuser', '-u', as.as, '--'] : []
    const [command = '', ...args] = [
      ...prefix,
      `${bin}initdb`,
      '-N',
      '-A',
      'scram-sha-256',
      '-U',
      'owner',
      '-D',
      data,
    ]
    const password = join(dir, 'password')
    writeFileSync(password, 'not a secret\n', { mode: 0o644 })
    execFileSync(command, [...args, '--pwfile', password], { stdio: 'ignore' })

    const port = await freePort()
    const postgres = target({ name: 'postgresql', port })
    const server = run(
      `${bin}postgres`,
      ['-D', data, '-p', String(port), '-k', dir, '-h', '127.0.0.1', '-F'],
      as,
    )
    const outside = health()
    const inside = await insideOnly()
    expect(await waitUntilUp(outside, postgres, wait)).toMatchObject({
      state: 'up',
      detail: expect.stringContaining('asks for authentication'),
    })
    expect(await inside.check(postgres)).toMatchObject({
      state: 'up',
      detail: expect.stringContaining('accepts connections'),
    })

    const hba = execFileSync('cat', [join(data, 'pg_hba.conf')], { encoding: 'utf8' })
    writeFileSync(join(data, 'pg_hba.conf'), hba.replaceAll(/^host/gm, '#host'))
    execFileSync('kill', [
      '-HUP',
      execFileSync('head', ['-1', join(data, 'postmaster.pid')], { encoding: 'utf8' }).trim(),
    ])
    await expect
      .poll(async () => (await outside.check(postgres)).detail)
      .toContain('refuses a login without rights, as it should')

    const ended = new Promise((resolve) => server.once('exit', resolve))
    execFileSync('kill', [
      '-INT',
      execFileSync('head', ['-1', join(data, 'postmaster.pid')], { encoding: 'utf8' }).trim(),
    ])
    await ended
    expect(await outside.check(postgres)).toMatchObject({
      state: 'down',
      detail: expect.stringContaining('refused'),
    })
    expect(await inside.check(postgres)).toMatchObject({
      state: 'down',
      detail: expect.stringContaining('no response'),
    })
  })
})

describe.skipIf(!requireTool('sshd', 'curl', 'wget'))('a web page asked inside a container', () => {
  async function nextcloud(): Promise<{ port: number; say: (status: number, body: string) => void }> {
    let answer: readonly [number, string] = [200, '']
    const server = createHttpServer((_, response) => {
      response.writeHead(answer[0])
      response.end(answer[1])
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    open.push(() => {
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      return closed
    })
    return {
      port: (server.address() as AddressInfo).port,
      say: (...next) => {
        answer = next
      },
    }
  }
  const noCurl = { curl: '#!/bin/sh\necho "curl: not found" >&2\nexit 127\n' }

  test.each([
    ['curl', {}],
    ['wget', noCurl],
  ])('by %s', async (_, programs) => {
    const service = await nextcloud()
    const inside = await insideOnly(programs)
    const asked = target({ name: 'nextcloud', port: service.port })

    service.say(200, '{"installed":true,"maintenance":false}')
    expect((await inside.check(asked)).state).toBe('up')
    service.say(200, '{"installed":true,"maintenance":true}\n')
    expect(await inside.check(asked)).toMatchObject({ state: 'degraded', detail: 'maintenance mode is on' })
    service.say(503, 'oops')
    expect(await inside.check(asked)).toMatchObject({ state: 'down', detail: 'HTTP 503' })
    expect(await inside.check(target({ name: 'nextcloud', port: await freePort() }))).toMatchObject({
      state: 'down',
      detail: expect.stringContaining('refused'),
    })
  })

  test('a stopped container, and a command of the file', async () => {
    const inside = await insideOnly()
    expect(await inside.check(target({ name: 'plex' }, 111))).toMatchObject({
      state: 'down',
      detail: 'plex (CT 111) is not running',
    })
    const command = (...argv: string[]) => target({ name: 'x', health: { command: argv } })
    expect((await inside.check(command('true'))).state).toBe('up')
    expect(await inside.check(command('sh', '-c', 'echo broken; exit 1'))).toMatchObject({
      state: 'down',
      detail: 'broken',
    })
    expect((await inside.check(command('no-such-program'))).state).toBe('unknown')
  })
})
