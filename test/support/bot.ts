/** The bot and the terminal as processes, as their owner starts them. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Simulator } from './simulator.ts'

const file = (path: string) => fileURLToPath(new URL(`../../bot/src/${path}`, import.meta.url))
const READY_MS = 30_000

export interface Output {
  /** null when a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

export interface BotProcess extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  /** What it has printed so far. */
  output(): string
  /** Resolves when what it printed matches. */
  printed(pattern: RegExp): Promise<void>
  signal(signal: NodeJS.Signals): void
  readonly exited: Promise<Output>
}

/** A folder for homelab.yaml and the state, gone in the end. */
export async function homeFolder(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'homelab-test-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}

export interface FileOptions {
  /** Over what the simulator says. */
  readonly url?: string
  readonly fingerprint?: string
  /** More lines, such as `services:`. */
  readonly more?: string
}

/** Writes a homelab.yaml for this simulator; its token is in the environment that `environment` gives. */
export async function writeFileFor(
  { lab }: Simulator,
  folder: string,
  options: FileOptions = {},
): Promise<string> {
  const path = join(folder, 'homelab.yaml')
  const plex = lab.services.plex
  const text = `
proxmox:
  endpoints: ${options.url ?? lab.pve}
  token: { id: "${lab.token.id}", secret: env:TEST_TOKEN }
  fingerprint: "${options.fingerprint ?? lab.fingerprint}"
console: { port: 0, role: admin }
state: ${JSON.stringify(join(folder, 'state'))}
${options.more ?? `services:\n  plex: { guest: 110, address: ${plex?.host}, port: ${plex?.port} }\n`}`
  await writeFile(path, text)
  return path
}

export const environment = ({ lab }: Simulator, token = lab.token.secret): NodeJS.ProcessEnv => ({
  ...process.env,
  TEST_TOKEN: token,
  NO_COLOR: '1',
})

function launch(script: string, args: readonly string[], env: NodeJS.ProcessEnv, cwd: string) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', file(script), ...args], {
    cwd,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  const heard = new EventTarget()
  child.stdout.on('data', (data: Buffer) => {
    stdout += data.toString()
    heard.dispatchEvent(new Event('text'))
  })
  child.stderr.on('data', (data: Buffer) => {
    stderr += data.toString()
    heard.dispatchEvent(new Event('text'))
  })
  const exited = once(child, 'close').then(([code]): Output => ({ code, stdout, stderr }))
  return { child, exited, heard, text: () => stdout + stderr }
}

/** @throws Error with what it printed when it did not become ready */
export async function startBot(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  cwd: string,
): Promise<BotProcess> {
  const { child, exited, heard, text } = launch('main.ts', args, env, cwd)
  const printed = async (pattern: RegExp) => {
    const signal = AbortSignal.timeout(READY_MS)
    while (!pattern.test(text())) {
      const ended = await Promise.race([once(heard, 'text', { signal }), exited.then(() => 'ended')])
      if (ended === 'ended' && !pattern.test(text())) throw new Error(`no ${pattern} in: ${text()}`)
    }
  }
  await printed(/is ready: \S+\n/)
  const url = /is ready: (\S+)/.exec(text())?.[1] ?? ''
  return {
    url,
    pid: child.pid ?? 0,
    output: text,
    printed,
    signal: (signal) => void child.kill(signal),
    exited,
    async [Symbol.asyncDispose]() {
      child.kill('SIGTERM')
      const waited = new AbortController()
      await Promise.race([
        exited,
        delay(5_000, undefined, { signal: waited.signal }).then(
          () => child.kill('SIGKILL'),
          () => false,
        ),
      ])
      waited.abort()
      await exited
    },
  }
}

/** A bot that is expected not to start. */
export const failedBot = (args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<Output> =>
  launch('main.ts', args, env, cwd).exited

/** `homelab …` in a terminal that is none. */
export const terminal = (args: readonly string[], env: NodeJS.ProcessEnv, cwd: string): Promise<Output> =>
  launch('cli/main.ts', args, env, cwd).exited
