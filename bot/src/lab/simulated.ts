/** The built-in simulated lab: the example file, with a simulator where its Proxmox would be. */
import { spawn } from 'node:child_process'
import { open, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HomelabError } from '@homelab/core'
import { type Inventory, parseInventory } from '@homelab/core/inventory'
import { type OpenInventory, openInventory } from '@homelab/core/node'
import { z } from 'zod'
import { makeStateDir } from '../state.ts'
import { backupsText, RealPart, withRealBackups } from './simulated-backups.ts'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const example = join(root, 'homelab.example.yaml')

/** The line that the simulator prints when it is ready. */
const Ready = z.object({
  pve: z.string(),
  fingerprint: z.string(),
  token: z.object({ id: z.string(), secret: z.string() }),
  ssh: z.object({
    host: z.string(),
    port: z.int(),
    user: z.string(),
    privateKey: z.string(),
    hostKey: z.string(),
  }),
  control: z.string(),
  services: z.record(z.string(), z.object({ host: z.string(), port: z.int() })),
  cloudflare: z.object({
    api: z.string(),
    edge: z.string(),
    token: z.string(),
    account: z.string(),
    tunnel: z.string(),
    domain: z.string(),
    team: z.string(),
  }),
  /** Absent where the lab has none. */
  traefik: z.object({ api: z.string(), web: z.string(), directory: z.string() }).optional(),
  /** Absent of one that was started without. */
  real: RealPart.optional(),
  pid: z.int(),
})
type Ready = z.infer<typeof Ready>

export interface SimulatedLab {
  readonly inventory: () => Inventory
  /** The example file, as what is made in this lab changes it. */
  readonly file: OpenInventory
  /** Where the references in the inventory lead. */
  readonly env: Readonly<Record<string, string>>
  /** Whether this process started it, or found it: one that was found may have other users. */
  readonly startedHere: boolean
  /** For who starts it. */
  readonly about?: string
  stop(): Promise<void>
}

const START_MS = 30_000

/**
 * Starts the simulator as a process of its own, or finds the one of this state folder: it outlives a killed bot,
 * as a real server would.
 */
export async function simulatedLab(stateDir: string): Promise<SimulatedLab> {
  await makeStateDir(stateDir)
  const file = join(stateDir, 'simulator.json')
  const found = await runningOne(file)
  const ready = found ?? (await start(file, join(stateDir, 'real')))
  const about = backupsText(ready.real)
  const homelab = join(stateDir, 'homelab.yaml')
  // A new lab begins with the example; one that is found has the file that goes with it.
  if (found === undefined) await writeFile(homelab, await readFile(example, 'utf8'))
  const opened = await openInventory(homelab)
  let last: { readonly of: Inventory; readonly simulated: Inventory } | undefined
  return {
    file: opened,
    inventory: () => {
      const of = opened.current()
      // One object for each state of the file: what is made of an inventory is kept for as long as it is the same one.
      if (last?.of !== of) last = { of, simulated: simulatedInventory(of, ready) }
      return last.simulated
    },
    env: secretsOf(ready),
    startedHere: found === undefined,
    ...(about === undefined ? {} : { about }),
    async stop() {
      await rm(file, { force: true })
      end(ready.pid)
    },
  }
}

/** The example file, whole, but for how to reach what is in it. */
export async function inventoryOf(ready: Simulated): Promise<Inventory> {
  const text = await readFile(example, 'utf8')
  return simulatedInventory(parseInventory(text, { file: 'homelab.example.yaml' }), ready)
}

type Simulated = Pick<Ready, 'pve' | 'fingerprint' | 'token' | 'ssh' | 'services' | 'cloudflare'> & {
  readonly traefik?: Ready['traefik'] | undefined
  readonly real?: RealPart | undefined
}

function simulatedInventory(file: Inventory, ready: Simulated): Inventory {
  // Its platforms and channels are a real family's, and this bot runs on none of its guests.
  const { discord: _, slack: __, ...lab } = file
  const { host, port, user, hostKey } = ready.ssh
  const name = lab.ssh[0]?.name ?? 'pve'
  const simulated: Inventory = {
    ...lab,
    name: 'simulated lab',
    channels: [],
    approve: [],
    bot: { needs: [] },
    proxmox: {
      endpoints: [ready.pve],
      fingerprint: [ready.fingerprint],
      token: { id: ready.token.id, secret: { from: 'env', name: 'SIMULATED_TOKEN' } },
    },
    network: networkOf(lab, ready),
    ssh: [{ name, host, port, user, key: { from: 'env', name: 'SIMULATED_KEY' }, fingerprint: hostKey }],
    services: lab.services.map((service) => {
      const at = ready.services[service.name]
      if (at === undefined) return service
      // The file's ports are a real lab's: the catalogue's check of the same service goes where the simulator listens.
      const { health: _, ...rest } = service
      return { ...rest, address: at.host, port: at.port }
    }),
  }
  return ready.real === undefined ? simulated : withRealBackups(simulated, ready.real)
}

/** As the example has it, but for where the simulated Cloudflare and Traefik listen. */
function networkOf(
  { network }: Inventory,
  { cloudflare, traefik }: Pick<Ready, 'cloudflare'> & { readonly traefik?: Ready['traefik'] | undefined },
): Inventory['network'] {
  const { api, edge, account, tunnel: id, domain, team } = cloudflare
  return {
    ...network,
    domain,
    tunnel: {
      ...network.tunnel,
      api,
      edge,
      account,
      id,
      token: { from: 'env', name: 'SIMULATED_CLOUDFLARE' },
      // Where Traefik is for the simulated cloudflared.
      origin: 'http://192.168.1.101:80',
    },
    traefik: {
      ...network.traefik,
      ...(traefik === undefined
        ? {}
        : { api: traefik.api, probe: traefik.web, directory: traefik.directory }),
    },
    access: { ...network.access, team },
  }
}

/** Where the references of `inventoryOf` lead. */
export const secretsOf = (
  ready: Pick<Ready, 'token' | 'ssh' | 'cloudflare'>,
): Readonly<Record<string, string>> => ({
  SIMULATED_TOKEN: ready.token.secret,
  SIMULATED_KEY: ready.ssh.privateKey,
  SIMULATED_CLOUDFLARE: ready.cloudflare.token,
})

async function runningOne(file: string): Promise<Ready | undefined> {
  const text = await readFile(file, 'utf8').catch(() => '')
  const line = text.split('\n')[0] ?? ''
  if (line === '') return undefined
  const ready = Ready.safeParse(parsed(line))
  if (!ready.success) return undefined
  const alive = await fetch(`${ready.data.control}/state`, { signal: AbortSignal.timeout(2000) }).then(
    (r) => r.ok,
    () => false,
  )
  return alive ? ready.data : undefined
}

/** undefined for a line that was cut off. */
function parsed(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}

/** @param real folder of what its backups are made of */
async function start(file: string, real: string): Promise<Ready> {
  await rm(file, { force: true })
  // Its ready line goes to the file, so that the next bot finds it; nothing ties it to this process.
  const out = await open(file, 'w', 0o600)
  const child = spawn(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', join(root, 'simulator/src/main.ts'), '--real', real],
    {
      detached: true,
      stdio: ['ignore', out.fd, 'inherit'],
    },
  )
  child.unref()
  await out.close()
  let exited: number | null | undefined
  child.once('exit', (code) => {
    exited = code
  })
  const end = Date.now() + START_MS
  while (Date.now() < end && exited === undefined) {
    const line = (await readFile(file, 'utf8')).split('\n')[0] ?? ''
    if (line.endsWith('}')) return Ready.parse(JSON.parse(line))
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new HomelabError(
    'failed',
    `The simulated lab did not start${exited === undefined ? '' : ` (exit code ${exited})`}.`,
  )
}

function end(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM')
  } catch {
    // Gone already.
  }
}
