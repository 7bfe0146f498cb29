import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import type { SshHost } from '../../core/src/node/ssh.ts'
import { Secret } from '../../core/src/secret.ts'

type KeyType = 'ed25519' | 'ecdsa' | 'rsa'

export interface Sshd extends AsyncDisposable {
  readonly port: number
  readonly dir: string
  /** What createSsh needs for it, trusted by the fingerprint of its ed25519 key. */
  readonly host: SshHost
  /** The public line of a host key, `ssh-ed25519 AAAA…`, and its fingerprint. */
  hostKey(type: KeyType): { readonly line: string; readonly fingerprint: string }
  /** How often somebody logged in. */
  logins(): number
  /** The sshd processes that hold the connections. */
  sessionPids(): readonly number[]
  /** Puts a script first on the PATH of every command. */
  program(name: string, script: string): void
}

export interface SshdOptions {
  readonly hostKeys?: readonly KeyType[]
  /** Lines added to the configuration. */
  readonly config?: readonly string[]
  /** Of every command, besides a HOME of its own; the folder of `program` goes before its PATH. */
  readonly env?: Readonly<Record<string, string>>
}

/** A stock OpenSSH server of our own on a loopback port: its defaults, only paths and log are set. */
export async function startSshd({
  hostKeys = ['ed25519', 'ecdsa', 'rsa'],
  config = [],
  env = {},
}: SshdOptions = {}): Promise<Sshd> {
  const dir = mkdtempSync(join(tmpdir(), 'homelab-sshd-'))
  const bin = join(dir, 'bin')
  mkdirSync(bin)
  const keyFile = (type: KeyType) => join(dir, `host_${type}`)
  for (const type of hostKeys) makeKey(keyFile(type), type)
  makeKey(join(dir, 'client'), 'ed25519')
  writeFileSync(join(dir, 'authorized_keys'), readFileSync(join(dir, 'client.pub')), { mode: 0o600 })
  // sshd that starts as root insists on its empty directory, which only its service unit makes.
  if (userInfo().uid === 0) mkdirSync('/run/sshd', { recursive: true })

  const port = await freePort()
  const file = join(dir, 'sshd_config')
  writeFileSync(
    file,
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      ...hostKeys.map((type) => `HostKey ${keyFile(type)}`),
      `AuthorizedKeysFile ${join(dir, 'authorized_keys')}`,
      `PidFile ${join(dir, 'pid')}`,
      // A home of its own: the tester's .bashrc would be run for every command.
      `SetEnv ${Object.entries({
        HOME: dir,
        ...env,
        PATH: `${bin}:${env.PATH ?? '/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin'}`,
      })
        .map(([name, value]) => `${name}=${value}`)
        .join(' ')}`,
      // The folder lies under a world-writable one, and PAM needs root.
      'StrictModes no',
      'UsePAM no',
      'LogLevel VERBOSE',
      ...config,
      '',
    ].join('\n'),
  )
  const path = execFileSync('sh', ['-c', 'PATH="$PATH:/usr/sbin:/sbin"; command -v sshd'], {
    encoding: 'utf8',
  }).trim()
  // A file, not a pipe: a login stands in it before the client hears of it.
  const logFile = join(dir, 'log')
  const server = spawn(path, ['-D', '-E', logFile, '-f', file], { stdio: 'ignore' })
  const log = () => readFileSync(logFile, 'utf8')
  await listening(server, port, log)

  return {
    port,
    dir,
    host: {
      host: '127.0.0.1',
      port,
      user: userInfo().username,
      auth: { privateKey: new Secret(readFileSync(join(dir, 'client'), 'utf8')) },
      hostKey: { fingerprint: fingerprint(keyFile(hostKeys[0] ?? 'ed25519')) },
    },
    hostKey: (type) => ({
      line: readFileSync(`${keyFile(type)}.pub`, 'utf8')
        .trim()
        .split(' ')
        .slice(0, 2)
        .join(' '),
      fingerprint: fingerprint(keyFile(type)),
    }),
    logins: () => log().split('Accepted publickey').length - 1,
    sessionPids: () => children(server.pid),
    program(name, script) {
      writeFileSync(join(bin, name), script)
      chmodSync(join(bin, name), 0o755)
    },
    async [Symbol.asyncDispose]() {
      const sessions = children(server.pid)
      const ended = new Promise((resolve) => server.once('exit', resolve))
      server.kill('SIGTERM')
      for (const pid of sessions) kill(pid)
      await ended
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

/**
 * A `pct` whose containers are the machine itself with a cleared environment. It takes its options and
 * fails as PVE::CLI::pct does: 110 runs, 111 is stopped, others do not exist.
 */
export function installPct(sshd: Sshd): void {
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
}

function makeKey(file: string, type: KeyType): void {
  const bits = type === 'rsa' ? ['-b', '2048'] : []
  execFileSync('ssh-keygen', ['-q', '-t', type, ...bits, '-N', '', '-f', file])
}

const fingerprint = (file: string): string =>
  execFileSync('ssh-keygen', ['-lf', `${file}.pub`], { encoding: 'utf8' }).split(' ')[1] ?? ''

function children(pid: number | undefined): readonly number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8')
    .trim()
    .split(' ')
    .filter(Boolean)
    .map(Number)
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Already gone.
  }
}

/** A port on loopback that was free a moment ago, for servers that cannot take port 0. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

/** Until it takes connections, at most 10 s. */
async function listening(server: ChildProcess, port: number, log: () => string): Promise<void> {
  for (let attempt = 0; attempt < 500; attempt += 1) {
    if (server.exitCode !== null) throw new Error(`sshd ended with ${server.exitCode}:\n${log()}`)
    const open = await new Promise<boolean>((resolve) => {
      const socket = connect(port, '127.0.0.1')
      socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
      socket.once('connect', () => socket.destroy())
    })
    if (open) return
    await delay(20)
  }
  throw new Error(`sshd does not listen:\n${log()}`)
}
