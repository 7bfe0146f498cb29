/** The overview of a lab of any size: one call, and what is left to do with its answer. */
import { inlineDesk } from '../../bot/src/cli/inline.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'
import { startProxmoxApi } from './support/proxmox-api.ts'
import type { Bench, Row } from './support/row.ts'
import { median } from './support/stats.ts'

const ROUNDS = 7
/** Calls of the alternative at once: as many as one home server answers well. */
const AT_ONCE = 8

const sizes = [
  { guests: 10, nodes: 1 },
  { guests: 1000, nodes: 20 },
  { guests: 10_000, nodes: 20 },
] as const

export const status: Bench = {
  name: 'status',
  title: 'Status',
  async run() {
    const rows: Row[] = []
    for (const size of sizes) {
      await using simulator = await startSimulator(size)
      await simulator.fault({ stale: false })
      if (size.guests === 10) await tenGuests(simulator)
      rows.push(...(await measured(simulator, size.guests)))
    }
    return rows
  },
}

/** The home lab has a few more than ten. */
async function tenGuests(simulator: Simulator): Promise<void> {
  const { guests } = await simulator.state()
  for (const { vmid } of guests.toSorted((a, b) => a.vmid - b.vmid).slice(10))
    await simulator.changeGuest(vmid, { remove: true })
}

async function measured(simulator: Simulator, size: number): Promise<readonly Row[]> {
  const source = await sourceOf(simulator)
  const calls: number[] = []
  const cpu: number[] = []
  const ms: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    // Nothing remembered: each round has a desk of its own, and its call is part of what is measured.
    await using desk = await inlineDesk(source)
    const before = total((await simulator.counts()).requests)
    const began = performance.now()
    const used = process.cpuUsage()
    const posted = await desk.desk.settled(desk.submit('status', true).id)
    const { user, system } = process.cpuUsage(used)
    ms.push(performance.now() - began)
    cpu.push((user + system) / 1000)
    calls.push(total((await simulator.counts()).requests) - before)
    if (posted.error !== undefined) throw new Error(posted.card.text)
  }
  const each = size > 1000 ? undefined : await oneCallEach(simulator)
  const guests = `${size.toLocaleString('en')} guests`
  const name = 'proxmox-api, one call a guest'
  const unmeasured = { note: 'alternative not measured at this size' }
  const with_ = (value: number | undefined) =>
    value === undefined ? unmeasured : { alternative: { name, value } }
  return [
    {
      what: `calls to Proxmox, ${guests}`,
      value: Math.max(...calls),
      unit: 'calls',
      atMost: { value: 1 },
      ...with_(each?.calls),
    },
    {
      what: `own work (processor time of the whole command), ${guests}`,
      value: median(cpu),
      unit: 'ms',
      ...(size === 10_000 ? { atMost: { value: 100 } } : {}),
      ...with_(each?.cpuMs),
    },
    {
      what: `until the card is there, with health checks and the disks by SSH, ${guests}`,
      value: median(ms),
      unit: 'ms',
      ...with_(each?.ms),
      ...(each === undefined ? {} : { note: 'which asks for neither' }),
    },
  ]
}

async function oneCallEach(simulator: Simulator) {
  const { guests } = await simulator.state()
  await using peer = await startProxmoxApi(simulator.lab)
  await peer.status(guests.slice(0, AT_ONCE), AT_ONCE)
  const before = total((await simulator.counts()).requests)
  const { ms, cpuMs } = await peer.status(guests, AT_ONCE)
  return { ms, cpuMs, calls: total((await simulator.counts()).requests) - before }
}

const total = (requests: Readonly<Record<string, number>>): number =>
  Object.values(requests).reduce((sum, count) => sum + count, 0)
