/** The whole product, started as a newcomer does: `npm start`, with nothing configured. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'

const root = fileURLToPath(new URL('../../../', import.meta.url))
/** The first start may bring Node and the dependencies. */
const READY_MS = 600_000
const END_MS = 15_000

export interface Product extends AsyncDisposable {
  /** Of the console, from what it printed. */
  readonly url: string
  /** The guest as the simulated Proxmox has it, and how often each change was made to it. */
  guest(vmid: number): Promise<{ state: string; startedAt: number; changes: Record<string, number> }>
}

export async function startProduct(): Promise<Product> {
  const state = mkdtempSync(join(tmpdir(), 'homelab-e2e-'))
  const { HOMELAB_CONFIG: _, HOMELAB_STATE: __, PROXMOX_URL: ___, ...env } = process.env
  const child = spawn('npm', ['start', '--', '--simulate', '--port', '0', '--state', state], {
    cwd: root,
    env,
    // A group of its own, so that npm, its shell and the bot end together.
    detached: true,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const stop = async () => {
    await end(child)
    rmSync(state, { recursive: true, force: true })
  }
  try {
    const url = await printedUrl(child)
    const control = controlOf(state)
    return {
      url,
      async guest(vmid) {
        const { guests } = State.parse(await (await fetch(`${control}/state`)).json())
        const { changes } = Counts.parse(await (await fetch(`${control}/counts`)).json())
        const guest = guests.find((candidate) => candidate.vmid === vmid)
        if (guest === undefined) throw new Error(`the simulated lab has no guest ${vmid}`)
        return { ...guest, changes: changes[vmid] ?? {} }
      },
      [Symbol.asyncDispose]: stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

const State = z.object({
  guests: z.array(z.object({ vmid: z.int(), state: z.string(), startedAt: z.number() })),
})
const Counts = z.object({ changes: z.record(z.string(), z.record(z.string(), z.number())) })

const controlOf = (state: string): string =>
  z
    .object({ control: z.string() })
    .parse(JSON.parse(readFileSync(join(state, 'simulated', 'simulator.json'), 'utf8').split('\n')[0] ?? ''))
    .control

async function printedUrl(child: ChildProcess): Promise<string> {
  if (child.stdout === null) throw new Error('npm start has no output')
  const said: string[] = []
  const lines = createInterface(child.stdout)
  const late = setTimeout(() => lines.close(), READY_MS)
  for await (const line of lines) {
    said.push(line)
    const url = /http:\/\/\S+/.exec(line)?.[0]
    if (url === undefined) continue
    clearTimeout(late)
    // Nobody reads on: a full pipe must not stop the bot.
    child.stdout.resume()
    return url
  }
  clearTimeout(late)
  throw new Error(`npm start printed no address:\n${said.join('\n')}`)
}

/** SIGTERM, as Ctrl-C would; it takes its simulated lab with it. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  process.kill(-child.pid, 'SIGTERM')
  const late = setTimeout(() => {
    if (child.pid !== undefined) process.kill(-child.pid, 'SIGKILL')
  }, END_MS)
  await ended
  clearTimeout(late)
}
