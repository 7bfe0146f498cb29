/** A Proxmox node as the bot reaches it: a stock sshd, in whose PATH a `pct` stands, and its containers. */
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { createSsh, type Ssh } from '../../core/src/node/ssh.ts'
import type { GuestRef } from '../../core/src/proxmox/types.ts'
import { createShells, type Shells } from '../../core/src/shell/index.ts'
import { type Kind, lxcConfig, pctScript } from './pct.ts'
import { resticBinary } from './restic.ts'
import { type Sshd, startSshd } from './sshd.ts'
import { requireTool } from './tools.ts'

const run = promisify(execFile)
const runtime = fileURLToPath(new URL('../../.runtime/', import.meta.url))
const guestRoot = join(runtime, 'guest')
const NODE = 'pve'

export interface Container {
  /** What `shells.guest` takes. */
  readonly ref: GuestRef
  /** Puts a script first on the PATH of its commands. */
  program(name: string, script: string): void
  /** Makes one restic the `restic` of its commands. @param version as for resticBinary */
  restic(version: string): void
  /** Resolves when it takes commands. */
  start(): Promise<void>
  /** Ends all that runs inside, at once. */
  stop(): Promise<void>
}

export interface BackupHost extends AsyncDisposable {
  readonly kind: Kind
  readonly node: string
  /** As the bot has them; more connections are made from `sshd.host`. */
  readonly shells: Shells
  readonly ssh: Ssh
  readonly sshd: Sshd
  program(name: string, script: string): void
  restic(version: string): void
  /** @throws Error when it was not asked for at the start */
  container(vmid: number): Container
}

export interface ContainerOptions {
  readonly vmid: number
  readonly name?: string
  /** Default true. */
  readonly running?: boolean
}

export interface BackupHostOptions {
  /** `lxc`: real containers with systemd. `plain` (default): the machine's own files, with processes of its own. */
  readonly kind?: Kind
  /** Default: 110, which runs. */
  readonly containers?: readonly ContainerOptions[]
  /** Folders of the machine that its LXC containers see too, at the same path. Plain ones see all of them. */
  readonly mounts?: readonly string[]
}

/**
 * The kinds of host that this machine can be, after a line about what it cannot. In CI a missing tool is an error;
 * that a machine lets nobody have containers is not.
 */
export function backupHostKinds(): readonly Kind[] {
  if (!requireTool('sshd', 'ssh-keygen', 'unshare', 'nsenter')) return []
  const isRoot = userInfo().uid === 0
  if (!isRoot || spawnSync('unshare', ['--mount', '--pid', '--fork', 'true']).status !== 0) {
    console.warn('SKIPPED: LXC, as whoever runs the tests may not have containers')
    return canUnshare(isRoot) ? ['plain'] : []
  }
  if (!requireTool('lxc-start', 'lxc-attach')) return ['plain']
  if (existsSync(guestRoot)) return ['plain', 'lxc']
  if (process.env.CI) throw new Error('no guest for LXC: scripts/peers.sh brings it')
  console.warn('SKIPPED: LXC, whose guest scripts/peers.sh brings')
  return ['plain']
}

const canUnshare = (isRoot: boolean): boolean =>
  !isRoot &&
  spawnSync('unshare', ['--user', '--map-root-user', '--mount', '--pid', '--fork', 'true']).status === 0

/** @throws Error with what was said when a container does not start */
export async function startBackupHost({
  kind = 'plain',
  containers = [{ vmid: 110 }],
  mounts = [],
}: BackupHostOptions = {}): Promise<BackupHost> {
  const dir = mkdtempSync(join(tmpdir(), 'homelab-pct-'))
  const pct = join(dir, 'pct')
  writeProgram(dir, 'pct', pctScript(kind, dir))
  const keeper = keep(dir, pct)
  let sshd: Sshd
  try {
    sshd = await startSshd()
  } catch (error) {
    await keeper.end()
    throw error
  }
  sshd.program('pct', pctScript(kind, dir))
  // The real one knows where a node's containers are.
  if (kind === 'lxc')
    sshd.program(
      'lxc-attach',
      `#!/bin/sh\n[ "$1" = -P ] || set -- -P '${dir}' "$@"\nexec /usr/bin/lxc-attach "$@"\n`,
    )
  const ssh = createSsh({ hosts: { [NODE]: sshd.host } })
  const made = new Map(
    containers.map(({ vmid, name = `ct${vmid}` }) => {
      const folder = join(dir, String(vmid))
      const bin = join(folder, 'bin')
      mkdirSync(bin, { recursive: true })
      const mounted = mounts.map((path, index) => `mp${index}: ${path},mp=${path}`)
      const shown = ['arch: amd64', `hostname: ${name}`, ...mounted, 'ostype: debian', '']
      writeFileSync(join(folder, 'conf'), shown.join('\n'))
      if (kind === 'lxc') {
        const seen = [...mounts, join(runtime, 'restic')].filter((path) => existsSync(path))
        writeFileSync(join(folder, 'config'), lxcConfig({ folder, name, root: guestRoot, mounts: seen }))
      }
      const container: Container = {
        ref: { vmid, type: 'lxc', node: NODE, name },
        program: (file, script) => writeProgram(bin, file, script),
        restic: (version) => writeProgram(bin, 'restic', wrapper(resticBinary(version))),
        async start() {
          await run(pct, ['start', String(vmid)])
          if (kind === 'lxc') await booted(pct, vmid)
        },
        stop: async () => {
          await run(pct, ['stop', String(vmid)])
        },
      }
      return [vmid, container] as const
    }),
  )

  async function close(): Promise<void> {
    ssh.close()
    await sshd[Symbol.asyncDispose]()
    await keeper.end()
  }
  try {
    for (const { vmid, running = true } of containers) if (running) await made.get(vmid)?.start()
  } catch (error) {
    await close()
    throw error
  }
  return {
    kind,
    node: NODE,
    shells: createShells(ssh),
    ssh,
    sshd,
    program: sshd.program,
    restic: (version) => sshd.program('restic', wrapper(resticBinary(version))),
    container(vmid) {
      const found = made.get(vmid)
      if (!found) throw new Error(`the host was started without container ${vmid}`)
      return found
    },
    [Symbol.asyncDispose]: close,
  }
}

/** Until its systemd has started all that it starts: at most 20 s. */
async function booted(pct: string, vmid: number): Promise<void> {
  let said = ''
  for (const until = Date.now() + 20_000; Date.now() < until; await delay(20)) {
    // Before it listens it cannot be waited for; with a failed unit it is `degraded`, and takes commands all the same.
    const state = await run(pct, [
      'exec',
      String(vmid),
      '--',
      'systemctl',
      'is-system-running',
      '--wait',
    ]).catch((error: { stdout: string; stderr: string }) => error)
    if (['running', 'degraded'].includes(state.stdout.trim())) return
    said = `${state.stdout}${state.stderr}`
  }
  throw new Error(`container ${vmid} does not boot: ${said}`)
}

/** Its own input ends with this process, however that ends; then it stops the containers and removes the folder. */
function keep(dir: string, pct: string): { end(): Promise<void> } {
  const script = [
    'cat >/dev/null',
    'for ct in "$1"/[0-9]*; do [ -e "$ct/conf" ] && "$2" stop "$(basename "$ct")"; done',
    'rm -rf "$1"',
  ]
  const child = spawn('sh', ['-c', script.join('\n'), 'sh', dir, pct], {
    stdio: ['pipe', 'ignore', 'ignore'],
    // Else a terminal's Ctrl-C would end it before it has cleaned up.
    detached: true,
  })
  const ended = once(child, 'exit')
  return {
    async end() {
      child.stdin.end()
      await ended
    },
  }
}

const wrapper = (binary: string): string => `#!/bin/sh\nexec '${binary.replaceAll("'", "'\\''")}' "$@"\n`

function writeProgram(folder: string, name: string, script: string): void {
  writeFileSync(join(folder, name), script)
  chmodSync(join(folder, name), 0o755)
}
