/** The Proxmox VE node in n8n's engine: against n8n's own HTTP Request, in calls, and with a thousand of everything. */
import { items } from '../e2e/support/n8n/harness.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import {
  type Engine,
  hasOwnNodes,
  httpRequest,
  type Installed,
  installNodes,
  proxmoxVe,
  splitOut,
  startEngine,
} from './support/n8n-engine.ts'
import type { Bench, Row } from './support/row.ts'
import { median } from './support/stats.ts'

/** Executions of each node, after those that warm it up. */
const ROUNDS = 150
const WARM_UP = 30
/** Processes in which the package is loaded and used for the first time. */
const FRESH = 5
/** Times that the list is opened again in each of them. */
const AGAIN = 6
const ACTIONS = 10
const MANY = 1000
/** Times that a thousand items go through the node between the two looks at the heap. */
const REPEATS = 10

export const n8n: Bench = {
  name: 'n8n',
  title: 'n8n',
  async run() {
    using installed = installNodes()
    await using small = await startSimulator()
    await using large = await startSimulator({ guests: MANY, nodes: 20 })
    for (const simulator of [small, large]) await simulator.fault({ stale: false })
    const rows: Row[] = []
    {
      await using engine = await startEngine(installed)
      rows.push(...(await listing(engine, small)), ...(await listing(engine, large)))
      rows.push(...(await actions(engine, small)))
    }
    rows.push(...(await fresh(installed, large)))
    await using engine = await startEngine(installed)
    return [...rows, ...(await many(engine, large)), packed(installed)]
  },
}

/** The same call by both nodes, one execution after the other. */
async function listing(engine: Engine, { lab, state }: Simulator): Promise<readonly Row[]> {
  const list = { operation: 'list', returnAll: true }
  const ours = [[proxmoxVe(lab, list)], [proxmoxVe(lab, { ...list, simplify: false })]]
  const call = httpRequest(lab, '/cluster/resources?type=vm')
  const theirs = hasOwnNodes ? [[call], [call, splitOut]] : []
  const { length } = (await state()).guests
  const workflows = [...ours, ...theirs]
  await engine.inTurn(workflows, WARM_UP)
  const [short, full, http, split] = await engine.inTurn(workflows, ROUNDS)
  // Proxmox gives the pools with them, as records of another kind.
  if (short?.items !== length || full?.items !== length || (split !== undefined && split.items < length))
    throw new Error(`not every one of ${length} guests is an item`)
  const guests = `${length.toLocaleString('en')} guests`
  const row = (what: string, of: readonly number[] = [], name: string, other?: readonly number[]): Row => ({
    what: `${what}, ${guests}`,
    value: median(of),
    unit: 'ms',
    ...(other === undefined
      ? { note: 'alternative not measured: npm run test:e2e installs n8n' }
      : { alternative: { name, value: median(other) } }),
  })
  const target = { atMost: { ratio: 1.1 } }
  const one = 'HTTP Request, one item of all'
  return [
    { ...row('a list, simplified', short.ms, one, http?.ms), ...target },
    { ...row('a list, whole records', full.ms, one, http?.ms), ...target },
    row('a list, simplified', short.ms, 'HTTP Request and Split Out, as many items', split?.ms),
    row('processor time of it', short.cpuMs, one, http?.cpuMs),
  ]
}

/** One node, many guests: what Proxmox was asked. */
async function actions(engine: Engine, simulator: Simulator): Promise<readonly Row[]> {
  const { guests } = await simulator.state()
  const chosen = guests.filter(({ type, state }) => type === 'lxc' && state === 'running').slice(0, ACTIONS)
  const source = items(
    'Guests',
    chosen.map(({ vmid }) => ({ vmid })),
  )
  const guest = { __rl: true, mode: 'id', value: '={{ $json.vmid }}' }
  const rows: Row[] = []
  for (const operation of ['restart', 'shutdown', 'start']) {
    const node = proxmoxVe(simulator.lab, { operation, guest })
    const asked = await askedBy(simulator, () => engine.inTurn([[source, node]], 1))
    const of = (which: RegExp) => countOf(asked, which)
    const [tasks, states] = [of(/^GET .*\/tasks\/[^/]+\/status$/), of(/^GET .*\/\d+\/status\/current$/)]
    rows.push(
      {
        what: `${operation} of ${chosen.length} guests: calls to find them and to change them`,
        value: of(/./) - tasks - states,
        unit: 'calls',
        atMost: { value: 1 + chosen.length },
      },
      {
        what: `${operation} of ${chosen.length} guests: looks at their states when the tasks are over`,
        value: states,
        unit: 'calls',
      },
    )
  }
  return rows
}

type Asked = readonly (readonly [path: string, count: number])[]

async function askedBy({ counts }: Simulator, work: () => Promise<unknown>): Promise<Asked> {
  const before = (await counts()).requests
  await work()
  const after = (await counts()).requests
  return Object.entries(after).map(([path, count]) => [path, count - (before[path] ?? 0)])
}

const countOf = (asked: Asked, which: RegExp): number =>
  asked.filter(([path]) => which.test(path)).reduce((sum, [, count]) => sum + count, 0)

/** What a person waits for when n8n has just started, and after that. */
async function fresh(installed: Installed, { lab }: Simulator): Promise<readonly Row[]> {
  const node = proxmoxVe(lab, { operation: 'show' })
  const opened = async (engine: Engine): Promise<number> => {
    const { entries, ms } = await engine.pages(node, 'searchGuests')
    if (entries < MANY) throw new Error(`the locator lists ${entries} guests`)
    return ms
  }
  const loads: number[] = []
  const first: number[] = []
  const afterRequest: number[] = []
  const again: number[] = []
  const request: number[] = []
  for (let round = 0; round < FRESH; round += 1) {
    await using engine = await startEngine(installed)
    loads.push(await engine.loadMs())
    first.push(await opened(engine))
    for (let time = 0; time < AGAIN; time += 1) again.push(await opened(engine))
    if (!hasOwnNodes) continue
    await using other = await startEngine(installed)
    const [timed] = await other.inTurn([[httpRequest(lab, '/cluster/resources?type=vm')]], 1)
    request.push(...(timed?.ms ?? []))
    afterRequest.push(await opened(other))
  }
  const row = (what: string, values: readonly number[], most = 300): Row => ({
    what,
    value: median(values),
    unit: 'ms',
    atMost: { value: most },
  })
  const locator = `the locator, ${MANY.toLocaleString('en')} guests, all pages`
  return [
    row('the package is loaded when n8n starts', loads, 100),
    {
      ...row(`${locator}, and n8n has made no request yet`, first),
      ...(hasOwnNodes
        ? { alternative: { name: 'the first HTTP Request of an n8n', value: median(request) } }
        : {}),
    },
    ...(hasOwnNodes ? [row(`${locator}, the first time after a request`, afterRequest)] : []),
    row(`${locator}, again`, again),
  ]
}

/** A thousand items in one execution, again and again. */
async function many(engine: Engine, simulator: Simulator): Promise<readonly Row[]> {
  const { guests } = await simulator.state()
  const chosen = guests.slice(0, MANY)
  const source = items(
    'Guests',
    chosen.map(({ vmid, name }) => ({ vmid, name })),
  )
  const list = proxmoxVe(simulator.lab, { operation: 'list', filters: { name: '={{ $json.name }}' } })
  const execution = [source, list]
  await engine.inTurn([execution], 3)
  const before = await engine.heap()
  let timed: Awaited<ReturnType<Engine['inTurn']>> = []
  const asked = await askedBy(simulator, async () => {
    timed = await engine.inTurn([execution], REPEATS)
  })
  const after = await engine.heap()
  const mega = (bytes: number) => bytes / 1e6
  return [
    {
      what: `live objects after ${REPEATS} executions of ${MANY} items`,
      value: mega(after),
      unit: 'MB',
      atMost: { ratio: 1.1 },
      alternative: { name: 'before them', value: mega(before) },
    },
    {
      what: `calls of an execution of ${MANY} items, each a list with another filter`,
      value: countOf(asked, /./) / REPEATS,
      unit: 'calls',
      atMost: { value: 1 },
    },
    {
      what: `an execution of ${MANY} items, median`,
      value: median(timed[0]?.ms ?? []),
      unit: 'ms',
    },
  ]
}

const packed = ({ packedBytes }: Installed): Row => ({
  what: 'the package, packed',
  value: packedBytes / 1e6,
  unit: 'MB',
  atMost: { value: 1 },
})
