import { execFileSync } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createSsh, type Ssh, type SshHost, type SshOptions } from '../../core/src/node/ssh.ts'
import { Secret } from '../../core/src/secret.ts'
import { type Sshd, startSshd } from '../support/sshd.ts'
import { requireTool } from '../support/tools.ts'

const available = requireTool('sshd', 'ssh-keygen')

describe.skipIf(!available)('connecting to a stock sshd', () => {
  let sshd: Sshd
  let open: Ssh[] = []

  beforeAll(async () => {
    sshd = await startSshd()
  })
  afterEach(() => {
    for (const ssh of open) ssh.close()
    open = []
  })
  afterAll(() => sshd[Symbol.asyncDispose]())

  function connectTo(host: Partial<SshHost> = {}, options: Omit<SshOptions, 'hosts'> = {}): Ssh {
    const ssh = createSsh({ hosts: { pve: { ...sshd.host, ...host } }, ...options })
    open.push(ssh)
    return ssh
  }
  const shellOf = (...parameters: Parameters<typeof connectTo>) => connectTo(...parameters).shell('pve')

  /** The one connection of this test, once those of the tests before have gone. */
  async function onlySession(): Promise<number> {
    await expect.poll(() => sshd.sessionPids().length).toBe(1)
    return sshd.sessionPids()[0] ?? Number.NaN
  }

  describe('the connection', () => {
    test('is kept: one login for many commands, also at once', async () => {
      const before = sshd.logins()
      const shell = shellOf()
      const first = performance.now()
      await shell.exec(['true'])
      const fresh = performance.now() - first
      const then = performance.now()
      for (let n = 0; n < 20; n += 1) await shell.exec(['true'])
      const kept = (performance.now() - then) / 20
      const many = await Promise.all(
        Array.from({ length: 20 }, (_, n) => shell.exec(['sh', '-c', `sleep 0.1; echo ${n}`])),
      )
      expect(many.map(({ stdout }) => Number(stdout))).toEqual(Array.from({ length: 20 }, (_, n) => n))
      await expect.poll(() => sshd.logins() - before).toBe(1)
      console.info(`ssh exec: first ${fresh.toFixed(0)} ms, kept ${kept.toFixed(1)} ms`)
    })

    test('misses no exit code of quick commands, however busy the process is', async () => {
      const shell = shellOf()
      const busy = setInterval(() => {
        const until = performance.now() + 20
        while (performance.now() < until);
      }, 1)
      try {
        const many = await Promise.all(Array.from({ length: 100 }, () => shell.exec(['echo', 'x'])))
        expect(many.filter(({ code, stdout }) => code !== 0 || stdout !== 'x\n')).toEqual([])
      } finally {
        clearInterval(busy)
      }
    })

    test('that was lost is made again', async () => {
      const shell = shellOf()
      await shell.exec(['true'])
      const before = sshd.logins()
      process.kill(await onlySession(), 'SIGKILL')
      expect((await shell.exec(['echo', 'back'])).stdout).toBe('back\n')
      await expect.poll(() => sshd.logins() - before).toBe(1)
    })

    test('that went silent is given up and made again, and the command runs once', async () => {
      const shell = shellOf()
      await shell.exec(['true'])
      const silent = await onlySession()
      process.kill(silent, 'SIGSTOP')
      const file = join(sshd.dir, 'once')
      try {
        expect((await shell.exec(['sh', '-c', 'echo x >>"$1"', 'x', file])).code).toBe(0)
      } finally {
        process.kill(silent, 'SIGCONT')
      }
      await shell.exec(['true'])
      expect(readFileSync(file, 'utf8')).toBe('x\n')
    })

    test('lost while a command runs: unclear, and never run again', async () => {
      const shell = shellOf()
      const file = join(sshd.dir, 'ran')
      const started = Promise.withResolvers<number>()
      const running = shell.exec(['sh', '-c', 'echo x >>"$1"; echo $$; exec sleep 60', 'x', file], {
        onLine: (line) => started.resolve(Number(line)),
      })
      const pid = await Promise.race([started.promise, running.then(() => -1)])
      process.kill(await onlySession(), 'SIGKILL')
      await expect(running).rejects.toMatchObject({ code: 'unclear', sent: true })
      process.kill(pid, 'SIGKILL')
      expect((await shell.exec(['cat', file])).stdout).toBe('x\n')
    })

    test('is closed when it was idle', async () => {
      const shell = shellOf({}, { idleMs: 50 })
      const before = sshd.logins()
      await shell.exec(['true'])
      await expect.poll(() => sshd.sessionPids().length).toBe(0)
      await shell.exec(['true'])
      await expect.poll(() => sshd.logins() - before).toBe(2)
    })

    test('a server that takes fewer sessions is served at its own pace', async () => {
      await using small = await startSshd({ hostKeys: ['ed25519'], config: ['MaxSessions 2'] })
      const shell = shellOf(small.host)
      const many = await Promise.all(
        Array.from({ length: 12 }, (_, n) => shell.exec(['sh', '-c', `sleep 0.05; echo ${n}`])),
      )
      expect(many.map(({ stdout }) => Number(stdout))).toEqual(Array.from({ length: 12 }, (_, n) => n))
      await expect.poll(() => small.logins()).toBe(1)
    })

    test('a server that takes no session says so', async () => {
      await using none = await startSshd({ hostKeys: ['ed25519'], config: ['MaxSessions 0'] })
      await expect(shellOf(none.host).exec(['true'])).rejects.toMatchObject({
        code: 'failed',
        message: expect.stringContaining('refuses SSH sessions'),
      })
    })

    test('waiting for a turn ends with the time limit', async () => {
      const stop = new AbortController()
      const shell = shellOf({}, { maxChannels: 1 })
      const started = Promise.withResolvers<void>()
      const long = shell.exec(['sh', '-c', 'echo started; exec sleep 60'], {
        signal: stop.signal,
        onLine: () => started.resolve(),
      })
      await Promise.race([started.promise, long])
      await expect(shell.exec(['true'], { timeoutMs: 50 })).rejects.toMatchObject({
        code: 'timeout',
        data: { started: false },
      })
      stop.abort()
      await expect(long).rejects.toMatchObject({ code: 'cancelled' })
      expect((await shell.exec(['true'])).code).toBe(0)
    })

    test('nobody listens there: said without a guess', async () => {
      const gone = await startSshd({ hostKeys: ['ed25519'] })
      await gone[Symbol.asyncDispose]()
      await expect(shellOf(gone.host).exec(['true'])).rejects.toMatchObject({
        code: 'unreachable',
        sent: false,
        message: `pve (SSH 127.0.0.1:${gone.port}) refused the connection`,
      })
    })
  })

  describe('the host key', () => {
    const named = () => `[127.0.0.1]:${sshd.port}`
    const hashed = () => {
      const salt = randomBytes(20)
      const hash = createHmac('sha1', salt).update(named()).digest('base64')
      return `|1|${salt.toString('base64')}|${hash}`
    }
    const ok = async (knownHosts: string) =>
      (await shellOf({ hostKey: { knownHosts } }).exec(['echo', 'in'])).stdout

    test.each(['ed25519', 'ecdsa', 'rsa'] as const)(
      'pinned by the fingerprint of its %s key',
      async (type) => {
        const shell = shellOf({ hostKey: { fingerprint: sshd.hostKey(type).fingerprint } })
        expect((await shell.exec(['echo', 'in'])).stdout).toBe('in\n')
      },
    )

    test.each(['ed25519', 'ecdsa', 'rsa'] as const)('known_hosts with its %s key only', async (type) => {
      expect(
        await ok(`# comment\n\nother ssh-rsa AAAA\n${named()} ${sshd.hostKey(type).line} someone\n`),
      ).toBe('in\n')
    })

    test('known_hosts as ssh-keyscan and ssh-keygen -H write it', async () => {
      const file = join(sshd.dir, 'known_hosts')
      const scan = execFileSync('ssh-keyscan', ['-p', String(sshd.port), '127.0.0.1'], {
        stdio: ['ignore', 'pipe', 'ignore'],
      })
      writeFileSync(file, scan)
      execFileSync('ssh-keygen', ['-H', '-f', file], { stdio: 'ignore' })
      const text = readFileSync(file, 'utf8')
      expect(text).toContain('|1|')
      expect(await ok(text)).toBe('in\n')
    })

    test('a hashed name and a pattern', async () => {
      expect(await ok(`${hashed()} ${sshd.hostKey('ed25519').line}`)).toBe('in\n')
      expect(await ok(`[127.0.0.*]:${sshd.port},other ${sshd.hostKey('ed25519').line}`)).toBe('in\n')
    })

    test('another key than the pinned one is refused loudly, before any login', async () => {
      const before = sshd.logins()
      const fingerprint = `SHA256:${'A'.repeat(43)}`
      await expect(shellOf({ hostKey: { fingerprint } }).exec(['true'])).rejects.toMatchObject({
        code: 'untrusted',
        message: expect.stringContaining('IS NOT THE ONE EXPECTED'),
        hint: expect.stringContaining(`fingerprint: ${sshd.hostKey('ed25519').fingerprint}`),
        data: { fingerprint: sshd.hostKey('ed25519').fingerprint, trust: 'changed' },
      })
      expect(sshd.logins()).toBe(before)
    })

    test('another key than the known one is refused', async () => {
      await using other = await startSshd({ hostKeys: ['ed25519'] })
      const line = `${named()} ${other.hostKey('ed25519').line}`
      await expect(ok(line)).rejects.toMatchObject({ code: 'untrusted', data: { trust: 'changed' } })
    })

    test('an unknown host is refused, with the line that trusts it', async () => {
      const hint = expect.stringContaining(`fingerprint: ${sshd.hostKey('ed25519').fingerprint}`)
      for (const text of [
        '',
        `127.0.0.1 ${sshd.hostKey('ed25519').line}`,
        `!${named()},* ${sshd.hostKey('rsa').line}`,
      ]) {
        await expect(ok(text)).rejects.toMatchObject({ code: 'untrusted', hint, data: { trust: 'unknown' } })
      }
    })

    test('a revoked key is refused although it is also listed as good', async () => {
      const { line } = sshd.hostKey('ed25519')
      await expect(ok(`${named()} ${line}\n@revoked * ${line}`)).rejects.toMatchObject({
        code: 'untrusted',
        data: { trust: 'revoked' },
      })
    })
  })

  describe('logging in', () => {
    function makeKey(name: string, passphrase: string): Secret {
      const file = join(sshd.dir, name)
      execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', passphrase, '-f', file])
      return new Secret(readFileSync(file, 'utf8'))
    }

    test('a key that is not allowed', async () => {
      const privateKey = makeKey('stranger', '')
      await expect(shellOf({ auth: { privateKey } }).exec(['true'])).rejects.toMatchObject({
        code: 'unauthorised',
        message: expect.stringContaining(`refused to let ${sshd.host.user} in by key`),
        hint: expect.stringContaining('authorized_keys'),
      })
    })

    test('a key with a passphrase', async () => {
      const privateKey = makeKey('locked', 'open sesame')
      const authorized = join(sshd.dir, 'authorized_keys')
      writeFileSync(authorized, readFileSync(`${join(sshd.dir, 'locked')}.pub`), { flag: 'a' })
      const passphrase = new Secret('open sesame')
      expect((await shellOf({ auth: { privateKey, passphrase } }).exec(['true'])).code).toBe(0)
      for (const auth of [{ privateKey }, { privateKey, passphrase: new Secret('wrong') }]) {
        await expect(shellOf({ auth }).exec(['true'])).rejects.toMatchObject({
          code: 'config',
          hint: expect.stringContaining('passphrase'),
        })
      }
    })

    test('something that is no key, and nothing at all', async () => {
      await expect(
        shellOf({ auth: { privateKey: new Secret('hello') } }).exec(['true']),
      ).rejects.toMatchObject({
        code: 'config',
      })
      await expect(shellOf({ auth: {} }).exec(['true'])).rejects.toMatchObject({ code: 'config' })
    })

    test('an agent holds the key', async () => {
      const socket = join(sshd.dir, 'agent')
      const printed = execFileSync('ssh-agent', ['-a', socket, '-s'], { encoding: 'utf8' })
      const pid = Number(/SSH_AGENT_PID=(\d+)/.exec(printed)?.[1])
      try {
        const env = { ...process.env, SSH_AUTH_SOCK: socket }
        execFileSync('ssh-add', ['-q', join(sshd.dir, 'client')], { env, stdio: 'ignore' })
        expect((await shellOf({ auth: { agent: socket } }).exec(['true'])).code).toBe(0)
      } finally {
        process.kill(pid)
      }
      await expect(shellOf({ auth: { agent: socket } }).exec(['true'])).rejects.toMatchObject({
        code: 'unauthorised',
        hint: expect.stringContaining('agent failed'),
      })
    })

    test('a node without SSH access', () => {
      const ssh = connectTo()
      expect(ssh.has('pve')).toBe(true)
      expect(ssh.has('constructor')).toBe(false)
      expect(() => ssh.shell('other')).toThrow('there is no SSH access to other')
    })
  })
})
