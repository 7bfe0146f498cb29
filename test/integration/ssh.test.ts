import { execFileSync } from 'node:child_process'
import { createHmac, randomBytes } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createSsh, type Ssh, type SshHost, type SshOptions } from '../../core/src/node/ssh.ts'
import { Secret } from '../../core/src/secret.ts'
import { createShells } from '../../core/src/shell/index.ts'
import { type Sshd, startSshd } from '../support/sshd.ts'
import { requireTool } from '../support/tools.ts'

const available = requireTool('sshd', 'ssh-keygen')

describe.skipIf(!available)('SSH to a stock sshd', () => {
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

  describe('a command', () => {
    test('its arguments, output and exit code', async () => {
      const argv = [
        'sh',
        '-c',
        'printf "%s|" "$@"; echo oops >&2; exit 7',
        'x',
        'a b',
        '',
        "it's",
        '$HOME',
        '*',
        'ü',
      ]
      expect(await shellOf().exec(argv)).toEqual({
        code: 7,
        stdout: "a b||it's|$HOME|*|ü|",
        stderr: 'oops\n',
        truncated: false,
      })
    })

    test('a signal that ends it leaves no exit code', async () => {
      expect((await shellOf().exec(['sh', '-c', 'kill -9 $$'])).code).toBe(null)
    })

    test('reads its input to the end, binary and large', async () => {
      const stdin = randomBytes(3 * 1024 * 1024)
      const { stdout } = await shellOf().exec(['sha256sum'], { stdin })
      const sum = execFileSync('sha256sum', { input: stdin, encoding: 'utf8' })
      expect(stdout).toBe(sum)
    })

    test('without input it reads an empty one and does not hang', async () => {
      expect(await shellOf().exec(['cat'])).toMatchObject({ code: 0, stdout: '' })
    })

    test('one that does not read its input is no error', async () => {
      expect(await shellOf().exec(['true'], { stdin: 'x'.repeat(1024 * 1024) })).toMatchObject({ code: 0 })
    })

    test('has no terminal', async () => {
      expect(await shellOf().exec(['tty'])).toMatchObject({ code: 1, stdout: 'not a tty\n' })
    })

    test('megabytes of both streams arrive whole', async () => {
      const script = 'head -c 5000000 /dev/zero | tr "\\0" a; head -c 3000000 /dev/zero | tr "\\0" b >&2'
      const result = await shellOf().exec(['sh', '-c', script], { maxOutputBytes: 6_000_000 })
      expect(result.stdout).toBe('a'.repeat(5_000_000))
      expect(result.stderr).toBe('b'.repeat(3_000_000))
      expect(result.truncated).toBe(false)
    })

    test('of too much output the last bytes are kept', async () => {
      const result = await shellOf().exec(['seq', '200000'], { maxOutputBytes: 20 })
      expect(result).toEqual({
        code: 0,
        stdout: '\n199998\n199999\n200000\n'.slice(-20),
        stderr: '',
        truncated: true,
      })
    })

    test('hands lines on while it runs', async () => {
      const lines: string[] = []
      const seen = Promise.withResolvers<void>()
      const stop = new AbortController()
      const running = shellOf().exec(['sh', '-c', 'echo one; printf "t\\303\\266o\\r\\n" >&2; sleep 60'], {
        signal: stop.signal,
        onLine: (line, stream) => {
          lines.push(`${stream} ${line}`)
          if (lines.length === 2) seen.resolve()
        },
      })
      await Promise.race([seen.promise, running])
      expect(lines.sort()).toEqual(['stderr töo', 'stdout one'])
      stop.abort()
      await expect(running).rejects.toMatchObject({ code: 'cancelled' })
    })

    test('a listener that throws ends the command and is what the caller gets', async () => {
      const broken = new Error('listener broke')
      const onLine = () => {
        throw broken
      }
      await expect(shellOf().exec(['sh', '-c', 'echo a; sleep 60'], { onLine })).rejects.toBe(broken)
    })
  })

  describe('environment and secrets', () => {
    const secret = new Secret('correct horse\nbattery "staple" $HOME')

    test('sshd itself drops the environment, the launcher brings it', async () => {
      const { stdout } = await shellOf().exec(
        ['sh', '-c', 'printf "%s|%s" "$RESTIC_PASSWORD" "$PLAIN"; cat'],
        {
          env: { PLAIN: 'p l ä i n' },
          secrets: { RESTIC_PASSWORD: new Secret('abc'), OTHER: secret },
          stdin: '|and its own input',
        },
      )
      // Too short to be hidden, so that what arrived can be seen.
      expect(stdout).toBe('abc|p l ä i n|and its own input')
    })

    test('arrive byte by byte', async () => {
      const { stdout } = await shellOf().exec(['sh', '-c', 'printf %s "$KEY" | sha256sum'], {
        secrets: { KEY: secret },
      })
      expect(stdout).toBe(execFileSync('sha256sum', { input: secret.reveal(), encoding: 'utf8' }))
    })

    test('no process shows the secret in its arguments while the command runs', async () => {
      const script = 'cat /proc/[0-9]*/cmdline | tr "\\0" "\\n"; ps -eo args 2>/dev/null; true'
      const ours = new Secret('only-in-the-environment')
      const { stdout } = await shellOf().exec(['sh', '-c', script], {
        secrets: { KEY: ours },
        maxOutputBytes: 8_000_000,
      })
      expect(stdout).toContain('sshd')
      // A secret in the output would be hidden there: neither it nor its cover may be seen.
      expect(stdout).not.toContain('[secret]')
      expect(stdout).not.toContain(ours.reveal())
    })

    test('are hidden in output and lines', async () => {
      const lines: string[] = []
      const result = await shellOf().exec(['sh', '-c', 'echo "is $KEY"; echo "$KEY" >&2'], {
        secrets: { KEY: new Secret('hunter22') },
        onLine: (line) => lines.push(line),
      })
      expect(result).toMatchObject({ stdout: 'is [secret]\n', stderr: '[secret]\n' })
      expect(lines.sort()).toEqual(['[secret]', 'is [secret]'])
    })
  })

  describe('ending early', () => {
    /** The command writes its pid first; whether it still runs is then looked up on the same machine. */
    async function runUntil(
      stop: (shell: ReturnType<Ssh['shell']>, argv: string[], pid: (pid: number) => void) => Promise<unknown>,
    ) {
      const pid = Promise.withResolvers<number>()
      const outcome = stop(shellOf(), ['sh', '-c', 'echo $$; exec sleep 600'], pid.resolve)
      return { pid: await Promise.race([pid.promise, outcome.then(() => -1)]), outcome }
    }

    test('an abort ends the command on the host and rejects', async () => {
      const stop = new AbortController()
      const { pid, outcome } = await runUntil((shell, argv, seen) =>
        shell.exec(argv, { signal: stop.signal, onLine: (line) => seen(Number(line)) }),
      )
      expect(commandLine(pid)).toContain('sleep')
      stop.abort(new Error('changed my mind'))
      await expect(outcome).rejects.toMatchObject({ code: 'cancelled', cause: stop.signal.reason })
      expect(commandLine(pid)).toBe('')
    })

    test('the time limit ends the command on the host', async () => {
      const { pid, outcome } = await runUntil((shell, argv, seen) =>
        shell.exec(argv, { timeoutMs: 700, onLine: (line) => seen(Number(line)) }),
      )
      await expect(outcome).rejects.toMatchObject({
        code: 'timeout',
        message: 'sh on pve did not end within 0.7 s and was stopped',
        data: { started: true },
      })
      expect(commandLine(pid)).toBe('')
    })

    test('a command that ignores the signal holds up neither its caller nor any other command', async () => {
      const stop = new AbortController()
      const stubborn = Promise.withResolvers<number>()
      const neighbour = Promise.withResolvers<void>()
      const shell = shellOf({}, { maxChannels: 2 })
      const gate = join(sshd.dir, 'gate')
      const beside = shell.exec(
        ['sh', '-c', 'echo here; until [ -e "$1" ]; do sleep 0.05; done', 'x', gate],
        {
          onLine: () => neighbour.resolve(),
        },
      )
      const outcome = shell.exec(['sh', '-c', 'trap "" TERM; echo $$; while :; do sleep 1; done'], {
        signal: stop.signal,
        onLine: (line) => stubborn.resolve(Number(line)),
      })
      const pid = await Promise.race([stubborn.promise, outcome.then(() => -1)])
      await Promise.race([neighbour.promise, beside])
      stop.abort()
      await expect(outcome).rejects.toMatchObject({ code: 'cancelled' })
      try {
        expect(commandLine(pid)).toContain('trap')
        expect((await shell.exec(['touch', gate])).code).toBe(0)
        expect((await beside).code).toBe(0)
      } finally {
        process.kill(pid, 'SIGKILL')
      }
    })

    test('what a command detached lives on when the command is stopped', async () => {
      const stop = new AbortController()
      const detached = Promise.withResolvers<number>()
      const script = 'setsid sh -c "echo \\$\\$; exec sleep 600 >/dev/null 2>&1" & sleep 600'
      const outcome = shellOf().exec(['sh', '-c', script], {
        signal: stop.signal,
        onLine: (line) => detached.resolve(Number(line)),
      })
      const pid = await Promise.race([detached.promise, outcome.then(() => -1)])
      await expect.poll(() => commandLine(pid)).toContain('sleep')
      stop.abort()
      await expect(outcome).rejects.toMatchObject({ code: 'cancelled' })
      expect(commandLine(pid)).toContain('sleep')
      process.kill(pid, 'SIGKILL')
    })

    test('a signal that is already aborted runs nothing', async () => {
      const file = join(sshd.dir, 'never')
      await expect(shellOf().exec(['touch', file], { signal: AbortSignal.abort() })).rejects.toMatchObject({
        code: 'cancelled',
      })
      expect(() => readFileSync(file)).toThrow()
    })
  })

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
      expect(sshd.logins() - before).toBe(1)
      console.info(`ssh exec: first ${fresh.toFixed(0)} ms, kept ${kept.toFixed(1)} ms`)
    })

    test('that was lost is made again', async () => {
      const shell = shellOf()
      await shell.exec(['true'])
      const before = sshd.logins()
      const [session] = sshd.sessionPids()
      process.kill(session ?? -1, 'SIGKILL')
      expect((await shell.exec(['echo', 'back'])).stdout).toBe('back\n')
      expect(sshd.logins() - before).toBe(1)
    })

    test('that went silent is given up and made again, and the command runs once', async () => {
      const shell = shellOf()
      await shell.exec(['true'])
      const [silent] = sshd.sessionPids()
      process.kill(silent ?? -1, 'SIGSTOP')
      const file = join(sshd.dir, 'once')
      try {
        expect((await shell.exec(['sh', '-c', 'echo x >>"$1"', 'x', file])).code).toBe(0)
      } finally {
        process.kill(silent ?? -1, 'SIGCONT')
      }
      await shell.exec(['true'])
      expect(readFileSync(file, 'utf8')).toBe('x\n')
    })

    test('lost while a command runs: unclear, and never run again', async () => {
      const shell = shellOf()
      const file = join(sshd.dir, 'ran')
      const started = Promise.withResolvers<void>()
      const running = shell.exec(['sh', '-c', 'echo x >>"$1"; echo started; sleep 60', 'x', file], {
        onLine: () => started.resolve(),
      })
      await Promise.race([started.promise, running])
      for (const pid of sshd.sessionPids()) process.kill(pid, 'SIGKILL')
      await expect(running).rejects.toMatchObject({ code: 'unclear', sent: true })
      expect((await shell.exec(['cat', file])).stdout).toBe('x\n')
    })

    test('is closed when it was idle', async () => {
      const shell = shellOf({}, { idleMs: 50 })
      const before = sshd.logins()
      await shell.exec(['true'])
      await expect.poll(() => sshd.sessionPids().length).toBe(0)
      await shell.exec(['true'])
      expect(sshd.logins() - before).toBe(2)
    })

    test('a server that takes fewer sessions is served at its own pace', async () => {
      await using small = await startSshd({ hostKeys: ['ed25519'], config: ['MaxSessions 2'] })
      const shell = shellOf(small.host)
      const many = await Promise.all(
        Array.from({ length: 12 }, (_, n) => shell.exec(['sh', '-c', `sleep 0.05; echo ${n}`])),
      )
      expect(many.map(({ stdout }) => Number(stdout))).toEqual(Array.from({ length: 12 }, (_, n) => n))
      expect(small.logins()).toBe(1)
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

  describe('a container by pct', () => {
    const guest = (vmid: number) => ({ vmid, type: 'lxc', node: 'pve', name: 'plex' }) as const

    beforeAll(() => {
      // As PVE::CLI::pct does it: the options, `--`, then the command with a cleared environment.
      sshd.program(
        'pct',
        `#!/bin/sh
[ "$1" = exec ] && [ "$3 $4 $5" = "--keep-env 0 --" ] || { echo "unexpected: $*" >&2; exit 2; }
case $2 in
  110) shift 5; exec env -i PATH="$PATH" container=lxc "$@";;
  111) echo "container '111' not running!" >&2; exit 255;;
  *) echo "Configuration file 'nodes/pve/lxc/$2.conf' does not exist" >&2; exit 2;;
esac
`,
      )
    })

    test('takes argv, environment, secrets and input through both hops', async () => {
      const shells = createShells(connectTo())
      const script = 'printf "%s|" "$container" "$PLAIN" "$KEY" "$@"; cat; exit 3'
      const result = await shells.guest(guest(110)).exec(['sh', '-c', script, 'x', "it's", '$HOME', ''], {
        env: { PLAIN: 'two\nlines' },
        secrets: { KEY: new Secret('abc') },
        stdin: 'input',
      })
      expect(result).toEqual({
        code: 3,
        stdout: "lxc|two\nlines|abc|it's|$HOME||input",
        stderr: '',
        truncated: false,
      })
    })

    test('the secret is on the host in no argument, and hidden in the answer', async () => {
      const shells = createShells(connectTo())
      const script = 'cat /proc/[0-9]*/cmdline | tr "\\0" "\\n"; echo "key=$KEY"'
      const { stdout } = await shells.guest(guest(110)).exec(['sh', '-c', script], {
        secrets: { KEY: new Secret('only-in-the-container') },
        maxOutputBytes: 8_000_000,
      })
      expect(stdout.endsWith('key=[secret]\n')).toBe(true)
      expect(stdout.split('[secret]')).toHaveLength(2)
    })

    test('stopped, and gone', async () => {
      const shells = createShells(connectTo())
      await expect(shells.guest(guest(111)).exec(['true'])).rejects.toMatchObject({ code: 'conflict' })
      await expect(shells.guest(guest(999)).exec(['true'])).rejects.toMatchObject({ code: 'not-found' })
    })
  })
})

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
