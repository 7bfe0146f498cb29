/**
 * Many provisionings, each with a fault at a random step: each has to end complete, or gone from every system. Then many at
 * once on three nodes: no VMID twice, nothing left, memory flat.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Posted } from '../../../bot/src/chat/types.ts'
import { randomFrom } from '../../bench/support/stats.ts'
import { openProvisionLab, type ProvisionLab } from '../../integration/provision.fixture.ts'
import { host, nothing, placesOf } from '../../integration/tunnel.fixture.ts'
import { requirePostgres } from '../../support/postgres.ts'
import { createPve } from '../../support/pve.ts'
import { type Faults, type Simulator, startSimulator } from '../../support/simulator.ts'

export interface SoakReport {
  readonly runs: number
  /** By fault: how many ended complete, and how many gone. */
  readonly faults: Readonly<Record<string, { complete: number; gone: number }>>
  /** What was neither. */
  readonly wrong: readonly string[]
}

export interface SoakOptions {
  readonly runs: number
  readonly seed: number
  readonly say: (text: string) => void
  /** Only these faults. After some it is long waited until nothing can come any more. */
  readonly only?: readonly string[]
}

type Below = (limit: number) => number
const paths = ['/access/apps', '/configurations', '/dns_records']

/** What goes wrong, and where: the numbers count commands, changes or calls from the start of the run. */
const plans: Readonly<Record<string, (below: Below) => Faults>> = {
  'answer 596': () => ({ answer596: 1 }),
  'cut after': () => ({ cutAfter: 1 }),
  'cut before': () => ({ cutBefore: 1 }),
  'task ends badly': (below) => ({
    taskEnds: [{ type: ['vzcreate', 'vzstart'][below(2)] ?? '', status: 'planted' }],
  }),
  'task breaks': (below) => ({
    taskBreaks: [
      {
        type: ['vzcreate', 'vzstart'][below(2)] ?? '',
        status: ['planted', 'unexpected status'][below(2)] ?? '',
      },
    ],
  }),
  'installation breaks': (below) => ({
    installBreaks: Array.from({ length: 1 + below(4) }, () => 'apt-get install'),
  }),
  'command cut after': (below) => ({ execCut: 1 + below(30) }),
  'command cut before': (below) => ({ execCutBefore: 1 + below(30) }),
  'Cloudflare refuses': (below) => ({
    cloudflareAnswers: [{ path: paths[below(3)] ?? '', status: 400, code: 1004, message: 'planted' }],
  }),
  'Cloudflare 502 after': (below) => ({
    cloudflareAnswers: [{ path: paths[below(3)] ?? '', status: 502, html: true, after: below(2) === 0 }],
  }),
  'Cloudflare cut': (below) => (below(2) === 0 ? { cloudflareCutAfter: 1 } : { cloudflareCutBefore: 1 }),
  'Traefik API down': () => ({ traefikApiDown: true }),
}

const blueprint = (database: boolean): string => `title: Notes
stack: apps
create: { by: template, template: debian-12 }
memory: 512
disk: 4
mounts:
  - { source: /Apollo/Notes, target: /data, owner: { uid: 1000, gid: 1000 } }
${database ? 'database: { name: notes, role: notes }' : ''}
install:
  - run: [apt-get, install, -y, jellyfin]
  - { file: /etc/notes.env, text: "${database ? '{database.url}' : '{url}'}", mode: '0600' }
unit: jellyfin
port: 8096
health: { http: { path: /health, port: 8096 } }
start: 10
expose: {}
`

export async function soakProvisioning({ runs, seed, say, only }: SoakOptions): Promise<SoakReport> {
  const kinds = only ?? Object.keys(plans)
  const random = randomFrom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  const folder = mkdtempSync(join(tmpdir(), 'homelab-soak-'))
  const real = requirePostgres()
  const simulator = await startSimulator({ speed: 0.02, ...(real ? { real: join(folder, 'lab') } : {}) })
  const faults: Record<string, { complete: number; gone: number }> = {}
  const wrong: string[] = []
  try {
    const first = await vmids(simulator)
    for (let round = 0; round < runs; round += 1) {
      const kind = kinds[round % kinds.length] ?? ''
      await clear(simulator, first)
      await using lab = await openLab(simulator, real)
      const before = await seen(simulator, lab)
      const fault = plans[kind]?.(below) ?? {}
      await simulator.fault(fault)
      const posted = await lab.type('provision notes')
      // What was planted and not met must not meet who looks.
      await simulator.fault({ execCut: 0, execCutBefore: 0, traefikApiDown: false })
      const after = await seen(simulator, lab)
      const good = posted.error === undefined
      const found = good ? incomplete(after, posted) : different(before, after)
      const had = faults[kind] ?? { complete: 0, gone: 0 }
      faults[kind] = {
        complete: had.complete + (good ? 1 : 0),
        gone: had.gone + (good ? 0 : 1),
      }
      const what = `run ${round} (${kind}, ${JSON.stringify(fault)}): ${posted.error ?? 'complete'}`
      say(what)
      if (found.length === 0) continue
      wrong.push(`${what}: ${found.join('; ')} | ${JSON.stringify(posted.card)}`)
      say(`WRONG ${wrong.at(-1)}`)
    }
  } finally {
    await simulator.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  return { runs, faults, wrong }
}

const vmids = async (simulator: Simulator): Promise<readonly number[]> =>
  (await simulator.state()).guests.map(({ vmid }) => vmid).toSorted((a, b) => a - b)

const psql = ({ lab }: Simulator, sql: string): string => {
  if (lab.real === undefined) return ''
  const { host: socket, user } = lab.real.postgres
  const args = ['-XqAtw', '-h', socket, '-U', user, '-d', 'postgres']
  return execFileSync('psql', args, { input: sql, encoding: 'utf8', stdio: 'pipe' }).trim()
}

async function clear(simulator: Simulator, first: readonly number[]): Promise<void> {
  await simulator.reset()
  await simulator.fault({ stale: false })
  for (const vmid of await vmids(simulator))
    if (!first.includes(vmid)) await simulator.changeGuest(vmid, { remove: true })
}

async function openLab(simulator: Simulator, real: boolean): Promise<ProvisionLab> {
  const at = simulator.lab.real?.postgres
  const { services } = simulator.lab
  const postgresql = at === undefined ? undefined : { host: at.address, port: at.port }
  const own =
    postgresql === undefined ? simulator.lab : { ...simulator.lab, services: { ...services, postgresql } }
  const lab = await openProvisionLab({ ...simulator, lab: own })
  writeFileSync(join(dirname(lab.path), 'blueprints', 'notes.yaml'), blueprint(real))
  if (real) {
    await lab.onNode('pct exec 102 -- psql -XAtc "SELECT 1" postgres')
    psql(simulator, 'DROP DATABASE IF EXISTS notes;\nDROP ROLE IF EXISTS notes;')
  }
  return lab
}

/** Of guests on all storages, whether a configuration names them or not. */
async function disksOf(simulator: Simulator): Promise<readonly string[]> {
  const pve = createPve(simulator.lab)
  const lists = ['tesla', 'local-lvm'].map(async (storage) => {
    const { data } = await pve.get(`/nodes/pve/storage/${storage}/content`)
    return (data as { volid: string }[]).map(({ volid }) => volid)
  })
  return (await Promise.all(lists)).flat().toSorted()
}

/** Every system, not asked through homelab. */
async function seen(simulator: Simulator, lab: ProvisionLab) {
  const { guests } = await simulator.state()
  return {
    guests: guests.map(({ vmid, name, state }) => `${vmid} ${name} ${state}`).toSorted(),
    disks: await disksOf(simulator),
    places: await placesOf(simulator, host('notes')),
    text: await lab.text(),
    node: await lab.onNode('stat -c folder /Apollo/Notes 2>/dev/null; cat /etc/subuid /etc/subgid'),
    database: psql(
      simulator,
      "SELECT (SELECT count(*) FROM pg_database WHERE datname = 'notes') || ' ' || (SELECT count(*) FROM pg_roles WHERE rolname = 'notes')",
    ),
  }
}
type Seen = Awaited<ReturnType<typeof seen>>

const different = (before: Seen, after: Seen): readonly string[] =>
  (Object.keys(before) as (keyof Seen)[]).flatMap((key) =>
    JSON.stringify(before[key]) === JSON.stringify(after[key])
      ? []
      : [`${key} is ${JSON.stringify(after[key]).slice(0, 400)}`],
  )

function incomplete(
  { guests, disks, places, text, node, database }: Seen,
  posted: Posted,
): readonly string[] {
  const { vmid } = posted.output as { readonly vmid: number }
  return [
    ...(guests.includes(`${vmid} notes running`) ? [] : [`guests ${guests.join(', ')}`]),
    ...(disks.filter((each) => each.includes(`-${vmid}-`)).length === 1 ? [] : [`disks ${disks.join(', ')}`]),
    ...(Object.entries(places).some(([key, value]) => value === nothing[key as keyof typeof nothing])
      ? [`places ${JSON.stringify(places)}`]
      : []),
    ...(text.includes(`guest: ${vmid}`) && text.includes(host('notes')) ? [] : ['its lines']),
    ...(node.includes('folder') && node.includes(':1000:1') ? [] : [`node ${node}`]),
    ...(['', '1 1'].includes(database) ? [] : [`database ${database}`]),
  ]
}

export interface CrowdReport {
  readonly made: number
  readonly failed: readonly string[]
  readonly wrong: readonly string[]
  readonly seconds: number
  /** Bytes of heap in use after a collection: before, and after each round. */
  readonly heap: readonly number[]
}

/** Rounds of as many at once, on three nodes; what one round has made is removed behind everybody's back before the next. */
export async function crowdProvisioning({
  count,
  rounds,
}: {
  readonly count: number
  readonly rounds: number
}): Promise<CrowdReport> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  const heap: number[] = []
  const weigh = (): void => {
    collect()
    heap.push(process.memoryUsage().heapUsed)
  }
  const simulator = await startSimulator({ speed: 0.02, nodes: 3, guests: 12 })
  const failed: string[] = []
  const wrong: string[] = []
  let made = 0
  const began = performance.now()
  try {
    await simulator.fault({ stale: false })
    const first = await vmids(simulator)
    await using lab = await openProvisionLab(simulator, '', (text) => {
      const { ssh } = simulator.lab
      const hosts = Object.entries(ssh.ports).map(
        ([node, port]) =>
          `    ${node}: { host: ${ssh.host}, port: ${port}, user: ${ssh.user}, key: env:SIMULATED_KEY, fingerprint: "${ssh.hostKey}" }`,
      )
      const head = text.slice(0, text.indexOf('    pve: {'))
      return `${head}${hosts.join('\n')}\nrepositories:\n  local: { storage: local }\n`
    })
    writeFileSync(
      join(dirname(lab.path), 'blueprints', 'small.yaml'),
      'title: Small\nstack: apps\ncreate: { by: template, template: debian-12 }\nmemory: 64\nswap: 0\ndisk: 1\n',
    )
    const nodes = Object.keys(simulator.lab.ssh.ports)
    for (const node of nodes) {
      const { error, card } = await lab.type(`template download debian-12-standard node:${node}`)
      if (error !== undefined) wrong.push(JSON.stringify(card))
    }
    weigh()
    for (let round = 0; round < rounds; round += 1) {
      const names = Array.from({ length: count }, (_, index) => `small-${round}-${index}`)
      const all = await Promise.all(
        names.map((name, index) =>
          lab.type(`provision small name:${name} node:${nodes[index % nodes.length]}`),
        ),
      )
      const good = all.flatMap(({ error, output }) =>
        error === undefined ? [(output as { readonly vmid: number }).vmid] : [],
      )
      for (const { error, card } of all) if (error !== undefined) failed.push(JSON.stringify(card))
      made += good.length
      const now = (await vmids(simulator)).filter((vmid) => !first.includes(vmid))
      if (new Set(good).size !== good.length) wrong.push(`a VMID twice: ${good.join(', ')}`)
      if (JSON.stringify(now) !== JSON.stringify(good.toSorted((a, b) => a - b)))
        wrong.push(`there are ${now.join(', ')}, and made were ${good.join(', ')}`)
      const text = await lab.text()
      for (const vmid of good)
        if (!text.includes(`guest: ${vmid}\n`)) wrong.push(`${vmid} is not in the file`)
      for (const vmid of now) await simulator.changeGuest(vmid, { remove: true })
      weigh()
    }
  } finally {
    await simulator.stop()
  }
  return { made, failed, wrong, seconds: Math.round((performance.now() - began) / 1000), heap }
}
