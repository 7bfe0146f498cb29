/** What a restart costs in API calls, and how late the end of its task is noticed. */
import { setTimeout as sleep } from 'node:timers/promises'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'
import { type GuestName, type ProxmoxApiPeer, startProxmoxApi } from './support/proxmox-api.ts'
import type { Bench, Row } from './support/row.ts'
import { median, percentile, randomFrom } from './support/stats.ts'

/** Restarts of each client, spread over the time so that they do not wait for one another. */
const SAMPLES = 48
const SPREAD_MS = 20_000
/** Milliseconds of the task whose polls are counted. */
const COUNTED_MS = 3000

export const restart: Bench = {
  name: 'restart',
  title: 'Restart and wait',
  async run() {
    await using simulator = await startSimulator({ guests: 200, nodes: 4 })
    return [...(await calls(simulator)), ...(await lateness(simulator))]
  },
}

async function calls(simulator: Simulator): Promise<readonly Row[]> {
  await simulator.fault({ stale: false, taskMs: { vzreboot: COUNTED_MS } })
  await using desk = await inlineDesk(await sourceOf(simulator))
  await using peer = await startProxmoxApi(simulator.lab)
  const cold = await counted(simulator, () => done(desk, 'restart plex --wait'))
  const warm = await counted(simulator, () => done(desk, 'restart jellyfin --wait'))
  const confirmed = await counted(simulator, async () => {
    const asked = await desk.desk.settled(desk.submit('restart redis --force --wait', false).id, {
      asking: true,
    })
    const yes = asked.card.buttons?.[0]
    if (asked.state !== 'asking' || yes === undefined) throw new Error(`not asked: ${asked.card.title}`)
    await desk.press(asked.id, yes.action)
    const end = await desk.desk.settled(asked.id)
    if (end.error !== undefined) throw new Error(end.card.text)
  })
  const theirs = await counted(simulator, () => peer.restart({ node: 'pve', type: 'lxc', vmid: 112 }))
  const alternative = (of: Counted) => ({ name: 'proxmox-api, VMID known', value: of.calls - of.polls })
  return [
    {
      what: 'calls beside the polls, warm',
      value: warm.calls - warm.polls,
      unit: 'calls',
      atMost: { value: 2 },
      alternative: alternative(theirs),
    },
    {
      what: 'calls beside the polls, cold',
      value: cold.calls - cold.polls,
      unit: 'calls',
      atMost: { value: 3 },
      alternative: alternative(theirs),
      note: 'which looks no name up',
    },
    {
      what: 'calls beside the polls, warm, after a confirmation (stop and start: 4, and the recheck)',
      value: confirmed.calls - confirmed.polls,
      unit: 'calls',
      atMost: { value: 5 },
    },
    {
      what: `polls of a task of ${COUNTED_MS / 1000} s that found it running`,
      value: warm.polls,
      unit: 'calls',
      atMost: { value: Math.ceil(COUNTED_MS / 300) },
      alternative: { name: 'proxmox-api, every 1 s', value: theirs.polls },
      note: 'fewer, and later for it',
    },
  ]
}

interface Counted {
  /** Everything that Proxmox was asked. */
  readonly calls: number
  /** Looks at a task that ran still: all but the last of each task. */
  readonly polls: number
}

async function counted(simulator: Simulator, work: () => Promise<unknown>): Promise<Counted> {
  const before = (await simulator.counts()).requests
  await work()
  const after = (await simulator.counts()).requests
  const more = Object.entries(after).map(([path, count]) => [path, count - (before[path] ?? 0)] as const)
  const sum = (rows: typeof more) => rows.reduce((total, [, count]) => total + count, 0)
  const looks = more.filter(([path, count]) => count > 0 && /^GET .*\/tasks\/[^/]+\/status$/.test(path))
  return { calls: sum(more), polls: sum(looks) - looks.length }
}

async function done(desk: InlineDesk, text: string): Promise<void> {
  const posted = await desk.desk.settled(desk.submit(text, true).id)
  if (posted.error !== undefined) throw new Error(`${text}: ${posted.card.text}`)
}

async function lateness(simulator: Simulator): Promise<readonly Row[]> {
  const { guests } = await simulator.state()
  // No services of the file: what comes after the task is then one look at the guest, and nothing to wait for.
  const names = guests.filter(
    ({ vmid, type, state }) => vmid >= 1000 && type === 'lxc' && state === 'running',
  )
  await using desk = await inlineDesk(await sourceOf(simulator))
  await using peer = await startProxmoxApi(simulator.lab)
  await done(desk, 'status health:false')
  const sample = sampler(simulator)
  const pairs = Array.from({ length: SAMPLES }, (_, index) => names.slice(2 * index, 2 * index + 2))
  const ours: number[] = []
  const theirs: number[] = []
  const random = randomFrom(7)
  await Promise.all(
    pairs.map(async ([one, other], index) => {
      if (one === undefined || other === undefined) throw new Error('too few guests')
      // Every length from 1 to 8 s as often, and none a multiple of anybody's pause.
      const lengthMs = 1000 + (7000 * (index + random())) / SAMPLES
      await sleep(random() * SPREAD_MS)
      await Promise.all([
        sample(one, lengthMs, () => noticed(desk, one)).then((late) => ours.push(late)),
        sample(other, lengthMs, () => noticedByPeer(peer, other)).then((late) => theirs.push(late)),
      ])
    }),
  )
  const name = 'proxmox-api, 1 s loop'
  const row = (what: string, of: (values: readonly number[]) => number): Row => ({
    what: `end of a task of 1 to 8 s noticed after, ${what}`,
    value: of(ours),
    unit: 'ms',
    alternative: { name, value: of(theirs) },
  })
  return [
    { ...row('median', median), atMost: { value: 400 }, note: 'proxmoxer: 1,500 to 2,100 (cited)' },
    row('p95', (values) => percentile(values, 0.95)),
    row('worst', (values) => Math.max(...values)),
  ]
}

/** The length of a task is read when it starts, so one starts at a time. */
function sampler(simulator: Simulator) {
  let turn: Promise<unknown> = Promise.resolve()
  return async (guest: GuestName, lengthMs: number, work: () => Promise<number>): Promise<number> => {
    const target = String(guest.vmid)
    const before = turn
    const started = Promise.withResolvers<void>()
    turn = started.promise
    await before
    let after: number
    let knownAt: Promise<number>
    try {
      await simulator.fault({ taskMs: { vzreboot: lengthMs } })
      after = await simulator.mark()
      knownAt = work()
      await simulator.waitFor({ kind: 'task', target, status: 'running' }, { after })
    } finally {
      started.resolve()
    }
    const at = await knownAt
    const [end] = await simulator.waitFor({ kind: 'task', target, status: 'OK' }, { after })
    if (end === undefined) throw new Error(`the task of ${target} has no end`)
    return at - end.at
  }
}

/** When the card of the restart says that the task is over. */
function noticed({ desk, submit }: InlineDesk, { vmid }: GuestName): Promise<number> {
  return new Promise((resolve, reject) => {
    const { id } = submit(`restart ${vmid} --wait`, true)
    const stop = desk.board.subscribe('cli', (posted) => {
      if (posted.id !== id) return
      const after = posted.card.progress?.text?.startsWith('Waiting until') === true
      if (!after && posted.state !== 'done') return
      stop()
      if (posted.error === undefined) resolve(Date.now())
      else reject(new Error(posted.card.text))
    })
  })
}

const noticedByPeer = async (peer: ProxmoxApiPeer, guest: GuestName): Promise<number> =>
  (await peer.restart(guest)).at
