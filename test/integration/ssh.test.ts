import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createSsh, type Ssh, type SshHost, type SshOptions } from '../../core/src/node/ssh.ts'
import { Secret } from '../../core/src/secret.ts'
import { createShells } from '../../core/src/shell/index.ts'
import { installPct, type Sshd, startSshd } from '../support/sshd.ts'
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
      // Its arguments cannot be read for the moment in which the shell becomes the sleep.
      await expect.poll(() => commandLine(pid)).toContain('sleep')
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

    test('a command that is stopped while the login shell still starts never runs on', async () => {
      const shell = shellOf()
      await shell.exec(['true'])
      writeFileSync(join(sshd.dir, '.bashrc'), 'sleep 0.3\n')
      try {
        await expect(shell.exec(['sleep', '623.5'], { timeoutMs: 20 })).rejects.toMatchObject({
          code: 'timeout',
        })
        await expect.poll(() => runningCommands().filter((line) => line.includes('623.5'))).toEqual([])
      } finally {
        rmSync(join(sshd.dir, '.bashrc'))
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

  describe('a container by pct', () => {
    const guest = (vmid: number) => ({ vmid, type: 'lxc', node: 'pve', name: 'plex' }) as const

    beforeAll(() => {
      installPct(sshd)
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

const runningCommands = (): readonly string[] =>
  readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((pid) => commandLine(Number(pid)))

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}
