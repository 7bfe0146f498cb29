/** The bot as `npm start` runs it: a process of its own, on a simulator that runs already. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { Secret } from '@homelab/core'
import { type ApiClient, createApiClient } from '../../../bot/src/api/client.ts'
import type { Simulator } from '../../support/simulator.ts'

const main = fileURLToPath(new URL('../../../bot/src/main.ts', import.meta.url))

export interface BotProcess extends AsyncDisposable {
  readonly pid: number
  readonly url: string
  readonly token: Secret
  readonly client: ApiClient
  /** Milliseconds from the start of the process to its ready line. */
  readonly readyMs: number
}

export async function startBot(simulator: Simulator): Promise<BotProcess> {
  const state = await mkdtemp(join(tmpdir(), 'homelab-bench-'))
  await mkdir(join(state, 'simulated'))
  // The bot finds the simulator of its state folder and starts none of its own.
  await writeFile(join(state, 'simulated', 'simulator.json'), `${JSON.stringify(simulator.lab)}\n`)
  const started = await startAndWait([main, '--simulate', '--state', state, '--port', '0'])
  const url = /http:\S+/.exec(started.line)?.[0] ?? ''
  const token = new Secret((await readFile(join(state, 'simulated', 'api-token'), 'utf8')).trim())
  return {
    pid: started.pid,
    readyMs: started.readyMs,
    url,
    token,
    client: createApiClient({ url, token }),
    async [Symbol.asyncDispose]() {
      await started[Symbol.asyncDispose]()
      await rm(state, { recursive: true, force: true })
    },
  }
}

export interface Started extends AsyncDisposable {
  readonly pid: number
  readonly readyMs: number
  /** Its first line. */
  readonly line: string
}

const READY_MS = 30_000

/** A Node process up to the first line that it prints. It is killed in the end, so that it takes nothing else along. */
export async function startAndWait(
  args: readonly string[],
  options: { readonly cwd?: string } = {},
): Promise<Started> {
  const began = performance.now()
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    ...options,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const late = setTimeout(() => child.kill('SIGKILL'), READY_MS)
  const line = await Promise.race([
    once(createInterface(child.stdout), 'line').then(([text]) => String(text)),
    once(child, 'exit').then(([code]) => {
      throw new Error(`${args[0]} ended with ${code} before it was ready`)
    }),
  ])
  clearTimeout(late)
  return {
    pid: child.pid ?? 0,
    readyMs: performance.now() - began,
    line,
    [Symbol.asyncDispose]: () => kill(child),
  }
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGKILL')
  await ended
}
