/** The watch over a simulated lab: what is told, what is not, and that nothing is told twice. Time passes as the tests say. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Caller,
  type Card,
  type Clock,
  createRegistry,
  HomelabError,
  type Json,
  type RunView,
} from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import { systemClock } from '@homelab/core/node'
import { operations } from '@homelab/core/operations'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectLab, type LabServices } from '../../bot/src/lab/connect.ts'
import { openRuns, type Runs } from '../../bot/src/runs/index.ts'
import { openStore } from '../../bot/src/store/index.ts'
import { startWatch, type Watch } from '../../bot/src/watch/index.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf, withoutFile } from '../support/source.ts'

const registry = createRegistry(operations)
const mary: Caller = { id: 'console:mary', name: 'mary', role: 'admin', surface: 'chat' }
const MINUTE = 60_000

interface Told {
  readonly id: string
  readonly card: Card
  readonly state: 'live' | 'done'
}

interface Pause {
  readonly ms: number
  readonly wake: () => void
}

/** Milliseconds between two signs of life. */
const BEAT = 30_000
const EVERY = 20_000

/** The parts of a bot that the watch needs, on a state folder that outlives it. */
interface Desk extends AsyncDisposable {
  readonly watch: Watch
  readonly runs: Runs
  readonly lab: LabServices
  /** Everything that was told, in order. */
  readonly told: readonly Told[]
  readonly bugs: readonly object[]
  /** Looks so often. */
  look(times: number): Promise<void>
  /** Time passes, for the watch. */
  pass(ms: number): void
  run(operation: string, input: Json): Promise<RunView>
  /** The next pause that it makes between two looks, and the way to end it. */
  pause(): Promise<Pause>
  /** As a process ends that is killed. */
  kill(): Promise<void>
}

let offset = 0

async function open(
  simulator: Simulator,
  folder: string,
  change: (inventory: Inventory) => Inventory = (same) => same,
): Promise<Desk> {
  const source = await sourceOf(simulator, { change })
  const lab = await connectLab(source.inventory, source.secrets)
  const runs = await openRuns({
    file: join(folder, 'runs.db'),
    clock: systemClock,
    async execute({ operation: id, input, caller }, verbs) {
      const operation = registry.byId(id)
      if (operation === undefined) throw new HomelabError('bug', id)
      return operation.output.parse(await operation.run(input, { ...lab, caller }, verbs)) as Json
    },
  })
  const store = await openStore(join(folder, 'desk.db'))
  const told: Told[] = []
  const bugs: object[] = []
  const pauses: Pause[] = []
  let paused = Promise.withResolvers<void>()
  const clock: Clock = {
    now: () => new Date(Date.now() + offset),
    monotonic: () => performance.now() + offset,
    // It looks when it is told to, and not by itself.
    sleep: (ms, signal) =>
      new Promise((wake, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason))
        if (ms !== BEAT) pauses.push({ ms, wake })
        paused.resolve()
      }),
  }
  const watch = startWatch({
    lab: lab.lab,
    proxmox: lab.proxmox,
    runs,
    registry,
    facts: store.facts,
    audit: store.audit,
    clock,
    inventory: source.inventory,
    everyMs: EVERY,
    notify: (id, card, state) => told.push({ id, card, state }),
    log: { warn: () => {}, error: (facts) => bugs.push(facts) },
  })
  await watch.look()
  const close = async () => {
    await runs.close()
    await store.close()
    await lab[Symbol.asyncDispose]()
  }
  return {
    watch,
    runs,
    lab,
    told,
    bugs,
    async look(times) {
      for (let count = 0; count < times; count++) await watch.look()
    },
    async pause() {
      for (;;) {
        const pause = pauses.shift()
        if (pause !== undefined) return pause
        await paused.promise
        paused = Promise.withResolvers()
      }
    },
    pass: (ms) => {
      offset += ms
    },
    async run(id, input) {
      const operation = registry.byId(id)
      const parsed = operation?.input.parse(input) as Json
      const { run } = await runs.start({
        operation: id,
        title: id,
        input: parsed,
        caller: mary,
        key: crypto.randomUUID(),
        locks: [],
      })
      return run
    },
    kill: close,
    async [Symbol.asyncDispose]() {
      await watch.stop()
      await close()
      expect(bugs).toEqual([])
    },
  }
}

const titles = ({ told }: Desk) => told.map(({ card, state }) => `${card.title} (${card.tone}, ${state})`)
const words = ({ card }: Told): string => JSON.stringify(card)
const commands = ({ card }: Told): readonly string[] =>
  (card.buttons ?? []).flatMap(({ action }) => (action.kind === 'command' ? [action.text] : []))

let simulator: Simulator
let folder: string

beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator.stop())
beforeEach(async () => {
  offset = 0
  folder = await mkdtemp(join(tmpdir(), 'homelab-watch-'))
  await simulator.reset()
  // /cluster/resources is then as things are, not as they were up to 10 s ago.
  await simulator.fault({ stale: false })
})
afterEach(() => rm(folder, { recursive: true, force: true }))

// The list of tasks outlives a reset: what is stopped by a task in one test is not used by another.
const [plex, radarr, sonarr, prowlarr] = [110, 112, 113, 114] as const
const stop = (vmid: number) => simulator.changeGuest(vmid, { state: 'stopped' })
const start = (vmid: number) => simulator.changeGuest(vmid, { state: 'running' })

/** Somebody in the web interface does this; resolves when its task has ended. */
async function somebody(desk: Desk, vmid: number, action: 'start' | 'shutdown' | 'stop'): Promise<string> {
  const [target] = await desk.lab.lab.resolve([String(vmid)], { fresh: true })
  if (target === undefined) throw new Error(`no guest ${vmid}`)
  const upid = await desk.lab.proxmox.power(target.guest, action)
  await desk.lab.proxmox.tasks.wait(upid).catch(() => undefined)
  return upid
}

describe('a guest that should run and does not', () => {
  it('is told after two looks, and its card turns green with how long it was down', async () => {
    await using desk = await open(simulator, folder)
    await stop(plex)
    await desk.look(1)
    expect(desk.told).toEqual([])

    await desk.look(3)
    desk.pass(5 * MINUTE)
    await start(plex)
    await desk.look(2)

    expect(titles(desk)).toEqual(['plex is down (error, live)', 'plex runs again (ok, done)'])
    const [down, up] = desk.told
    expect(up?.id).toBe(down?.id)
    expect(down && words(down)).toMatch(/CT 110 on pve is stopped since \d\d:\d\d UTC, and nobody stopped it/)
    expect(down && commands(down)).toEqual(['start 110', 'status', 'task list 110'])
    expect(up?.card.text).toMatch(/^It was down for 5 min/)
  })

  it('a first start tells nothing that was so before', async () => {
    await stop(plex)
    await using desk = await open(simulator, folder)
    await desk.look(3)
    expect(desk.told).toEqual([])

    await start(plex)
    await desk.look(1)
    await stop(plex)
    await desk.look(2)

    expect(titles(desk)).toEqual(['plex is down (error, live)'])
  })

  it('many at once are one card with the list, and each comes back on it', async () => {
    await using desk = await open(simulator, folder)
    const { guests } = await simulator.state()
    const some = guests
      .filter(({ state }) => state === 'running')
      .slice(0, 5)
      .map(({ vmid }) => vmid)
    for (const vmid of some) await stop(vmid)
    await desk.look(3)

    for (const vmid of some.slice(0, 3)) await start(vmid)
    await desk.look(1)
    for (const vmid of some) await start(vmid)
    await desk.look(1)

    expect(titles(desk)).toEqual([
      '5 guests are down (error, live)',
      '2 of 5 guests are still down (error, live)',
      '5 guests are settled again (ok, done)',
    ])
    expect(new Set(desk.told.map(({ id }) => id)).size).toBe(1)
    expect(desk.told.map(commands)[0]).toContain(`start ${some.join(' ')}`)
  })

  it('one that flaps has one card that counts', async () => {
    await using desk = await open(simulator, folder)
    for (let count = 0; count < 3; count++) {
      await stop(plex)
      await desk.look(2)
      desk.pass(MINUTE)
      await start(plex)
      await desk.look(1)
    }

    expect(desk.told).toHaveLength(6)
    expect(new Set(desk.told.map(({ id }) => id)).size).toBe(1)
    expect(desk.told.at(-1)?.card.text).toMatch(/It went down 3 times since/)
  })

  it('without a file it is every guest that ran before', async () => {
    await using desk = await open(simulator, folder, withoutFile)
    await stop(plex)

    await desk.look(2)

    expect(titles(desk)).toEqual(['plex is down (error, live)'])
  })

  it('after a restart of the bot it is not told again, and its card still turns green', async () => {
    let id: string | undefined
    {
      await using desk = await open(simulator, folder)
      await stop(plex)
      await desk.look(2)
      id = desk.told[0]?.id
    }
    await using desk = await open(simulator, folder)
    await desk.look(3)
    expect(desk.told).toEqual([])

    await start(plex)
    await desk.look(1)

    expect(titles(desk)).toEqual(['plex runs again (ok, done)'])
    expect(desk.told[0]?.id).toBe(id)
  })

  it('one that went down while the bot was away is told', async () => {
    await (await open(simulator, folder))[Symbol.asyncDispose]()
    await stop(plex)

    await using desk = await open(simulator, folder)
    await desk.look(1)

    expect(titles(desk)).toEqual(['plex is down (error, live)'])
  })
})

describe('what is no outage', () => {
  it('a guest that a run of ours stopped, also after the next start of the bot', async () => {
    {
      await using desk = await open(simulator, folder)
      const run = await desk.run('service.stop', { services: ['sonarr'] })
      expect((await desk.runs.finished(run.id)).state).toBe('succeeded')
      await desk.look(3)
      expect(desk.told).toEqual([])
    }
    await using desk = await open(simulator, folder)
    await desk.look(3)
    expect(desk.told).toEqual([])

    // When it runs again it is missed again.
    desk.pass(2 * MINUTE)
    const run = await desk.run('service.start', { services: ['sonarr'], wait: false })
    await desk.runs.finished(run.id)
    await desk.look(1)
    await stop(sonarr)
    await desk.look(2)
    expect(titles(desk)).toEqual(['sonarr is down (error, live)'])
  })

  it('a guest that somebody shut down in Proxmox', async () => {
    await using desk = await open(simulator, folder)

    await somebody(desk, radarr, 'shutdown')
    await desk.look(4)

    expect((await simulator.state()).guests.find(({ vmid }) => vmid === radarr)?.state).toBe('stopped')
    expect(desk.told).toEqual([])
  })

  it('one that somebody shut down while the bot was away, long ago in the list of tasks', async () => {
    await (await open(simulator, folder))[Symbol.asyncDispose]()
    {
      await using other = await open(simulator, await mkdtemp(join(folder, 'other-')))
      await somebody(other, prowlarr, 'shutdown')
      // The cluster's list has room for 25 of a node.
      for (let count = 0; count < 13; count++) {
        await somebody(other, 102, 'stop')
        await somebody(other, 102, 'start')
      }
      const listed = await other.lab.proxmox.tasks.list({ limit: 1_000 })
      expect(listed.filter(({ id }) => id === String(prowlarr))).toEqual([])
    }
    await using desk = await open(simulator, folder)

    await desk.look(3)

    expect(desk.told).toEqual([])
  })

  it('a guest that a run of ours is at, as long as it is', async () => {
    await using desk = await open(simulator, folder)
    const after = await simulator.mark()
    await simulator.fault({ holdBefore: 1 })
    const run = await desk.run('service.restart', { services: ['plex'], wait: false })
    await simulator.waitFor({ kind: 'held' }, { after })
    await stop(plex)
    await desk.look(3)
    expect(desk.told).toEqual([])

    await simulator.release()
    await desk.runs.finished(run.id)
    await desk.look(2)

    expect(titles(desk)).toEqual(['plex is down (error, live)'])
  })

  it('a guest that is locked, by its backup for example', async () => {
    await using desk = await open(simulator, folder)
    await simulator.changeGuest(plex, { state: 'stopped', lock: 'backup' })
    await desk.look(3)
    expect(desk.told).toEqual([])

    await simulator.changeGuest(plex, { lock: null })
    await desk.look(2)
    expect(titles(desk)).toEqual(['plex is down (error, live)'])
  })

  it('a restart between two looks', async () => {
    await using desk = await open(simulator, folder)
    for (let count = 0; count < 3; count++) {
      await stop(plex)
      await desk.look(1)
      await start(plex)
      await desk.look(1)
    }

    expect(desk.told).toEqual([])
  })
})

describe('a task that failed', () => {
  const log = ['starting', "command 'lxc-start' failed: no space left on device"]

  it('is told with what, who, when, why and the end of its log, once', async () => {
    await using desk = await open(simulator, folder)
    await stop(plex)
    await simulator.fault({
      taskEnds: [{ type: 'vzstart', status: 'startup for container 110 failed', log }],
    })

    const upid = await somebody(desk, plex, 'start')
    await stop(plex)
    await desk.look(1)

    expect(titles(desk)).toEqual(['Start of plex failed (error, done)'])
    const [told] = desk.told
    const text = told === undefined ? '' : words(told)
    for (const part of [
      'startup for container 110 failed',
      'no space left on device',
      'CT 110 on pve',
      'vzstart on pve',
    ])
      expect(text).toContain(part)
    expect(told && commands(told)).toEqual([`task log ${upid}`, 'start 110'])
    // Then its guest, which should run, and not the task again.
    await desk.look(4)
    expect(titles(desk).slice(1)).toEqual(['plex is down (error, live)'])
  })

  it('is not told when a run of ours has it on its card', async () => {
    await using desk = await open(simulator, folder)
    const stopping = await desk.run('service.stop', { services: ['qbittorrent'] })
    await desk.runs.finished(stopping.id)
    await simulator.fault({ taskEnds: [{ type: 'vzstart', status: 'startup failed', log }] })
    const run = await desk.run('service.start', { services: ['qbittorrent'], wait: false })
    expect((await desk.runs.finished(run.id)).state).toBe('failed')
    expect((await desk.lab.proxmox.tasks.list({ errors: true }))[0]?.type).toBe('vzstart')

    await desk.look(3)

    expect(desk.told).toEqual([])
  })

  it('an old one is not told by a first start, nor any again by the next', async () => {
    await stop(plex)
    {
      await using other = await open(simulator, await mkdtemp(join(folder, 'other-')))
      await simulator.fault({ taskEnds: [{ type: 'vzstart', status: 'old trouble' }] })
      await somebody(other, plex, 'start')
      await stop(plex)
    }
    {
      await using desk = await open(simulator, folder)
      await desk.look(2)
      expect(desk.told).toEqual([])
      await simulator.fault({ taskEnds: [{ type: 'vzstart', status: 'new trouble' }] })
      await somebody(desk, plex, 'start')
      await desk.look(1)
      expect(desk.told.map(words)).toEqual([expect.stringContaining('new trouble')])
    }
    await using desk = await open(simulator, folder)
    await desk.look(2)
    expect(desk.told).toEqual([])
  })

  it('one of while the bot was away is told; many at once are one card', async () => {
    await (await open(simulator, folder))[Symbol.asyncDispose]()
    const vmids = [110, 102, 103]
    {
      await using other = await open(simulator, await mkdtemp(join(folder, 'other-')))
      for (const vmid of vmids) {
        await simulator.fault({ taskEnds: [{ status: `trouble of ${vmid}` }] })
        await somebody(other, vmid, 'stop')
        await start(vmid)
      }
    }

    await using desk = await open(simulator, folder)
    await desk.look(2)

    expect(titles(desk)).toEqual(['3 tasks failed (error, done)'])
    for (const vmid of vmids) expect(desk.told.map(words)[0]).toContain(`trouble of ${vmid}`)
  })

  it('what fails again and again changes one card', async () => {
    await using desk = await open(simulator, folder)
    for (let count = 1; count <= 3; count++) {
      await stop(plex)
      await simulator.fault({ taskEnds: [{ type: 'vzstart', status: `trouble ${count}` }] })
      await somebody(desk, plex, 'start')
      await desk.look(1)
      desk.pass(MINUTE)
    }

    const tasks = desk.told.filter(({ card }) => card.title === 'Start of plex failed')
    expect(tasks).toHaveLength(3)
    expect(new Set(tasks.map(({ id }) => id)).size).toBe(1)
    expect(tasks.at(-1)?.card.text).toMatch(/It failed 3 times since/)
  })
})

describe('a lab that does not answer', () => {
  it('is told when it lasts three minutes, and turns green when it answers', async () => {
    await using desk = await open(simulator, folder)
    await simulator.fault({ unauthorized: true })
    await desk.look(1)
    desk.pass(2 * MINUTE)
    await desk.look(1)
    expect(desk.told).toEqual([])

    desk.pass(2 * MINUTE)
    await desk.look(3)
    await simulator.fault({ unauthorized: false })
    await desk.look(2)

    expect(titles(desk)).toEqual([
      'Proxmox does not answer (error, live)',
      'Proxmox answers again (ok, done)',
    ])
    expect(desk.told[1]?.id).toBe(desk.told[0]?.id)
    expect(desk.told[1]?.card.text).toMatch(/^It was down for 4 min/)
  })

  it('is asked less and less often, and at the old pace when it answers', async () => {
    await using desk = await open(simulator, folder)
    await simulator.fault({ unauthorized: true })
    const pauses: number[] = []
    for (let count = 0; count < 6; count++) {
      const { ms, wake } = await desk.pause()
      pauses.push(ms)
      if (count === 4) await simulator.fault({ unauthorized: false })
      wake()
    }

    expect(pauses).toEqual([EVERY, EVERY, 2 * EVERY, 4 * EVERY, 120_000, EVERY])
  })

  it('takes no guest for down, nor one that shows an empty list', async () => {
    await using desk = await open(simulator, folder)
    await simulator.fault({ empty: true })
    await desk.look(4)
    await simulator.fault({ empty: false })
    await desk.look(2)
    expect(desk.told).toEqual([])

    await stop(plex)
    await desk.look(2)
    expect(titles(desk)).toEqual(['plex is down (error, live)'])
  })
})

it('two calls are a look, whatever stands in the lab', async () => {
  await using desk = await open(simulator, folder)
  const before = (await simulator.counts()).requests

  await desk.look(10)

  const after = (await simulator.counts()).requests
  const made = Object.entries(after).flatMap(([call, count]) => {
    const more = count - (before[call] ?? 0)
    return more === 0 ? [] : [[call, more]]
  })
  expect(Object.fromEntries(made)).toEqual({ 'GET /cluster/resources': 10, 'GET /cluster/tasks': 10 })
})

it('a node that is offline is one card with its guests, and nothing is told of them', async () => {
  await using cluster = await startSimulator({ guests: 60, nodes: 3 })
  await cluster.fault({ stale: false })
  await using desk = await open(cluster, folder, withoutFile)
  const { guests } = await cluster.state()
  const [node = ''] = [...new Set(guests.map((guest) => guest.node))].slice(-1)
  await cluster.fault({ nodesDown: [node] })
  await desk.look(4)
  expect(titles(desk)).toEqual([`Node ${node} is offline (error, live)`])
  expect(desk.told.map(words)[0]).toContain('Down with it')

  await cluster.fault({ nodesDown: [] })
  await desk.look(3)

  expect(titles(desk).slice(1)).toEqual([`Node ${node} is back (ok, done)`])
}, 60_000)

describe('the bot itself', () => {
  const back = 'homelab is back'

  it('an orderly restart is nothing to tell, nor is a first start', async () => {
    await (await open(simulator, folder))[Symbol.asyncDispose]()
    offset += MINUTE

    await using desk = await open(simulator, folder)

    expect(desk.told).toEqual([])
  })

  it('after an outage it tells since when, and that it had been ended in order', async () => {
    await (await open(simulator, folder))[Symbol.asyncDispose]()
    offset += 10 * MINUTE

    await using desk = await open(simulator, folder)

    expect(titles(desk)).toEqual([`${back} (neutral, done)`])
    expect(desk.told[0]?.card.text).toMatch(/away for about 10 min.*had been ended in order/)
  })

  it('after a death it tells what it took up again, and the head of the audit log', async () => {
    const store = await openStore(join(folder, 'desk.db'))
    await store.audit.append({
      caller: mary,
      command: 'stop plex',
      operation: 'service.stop',
      decision: 'started',
    })
    const [{ hash } = {}] = await store.audit.list({ limit: 1 })
    await store.close()
    const dying = await open(simulator, folder)
    const after = await simulator.mark()
    await simulator.fault({ holdBefore: 1 })
    const run = await dying.run('service.restart', { services: ['plex'], wait: false })
    await simulator.waitFor({ kind: 'held' }, { after })
    await dying.kill()

    await using desk = await open(simulator, folder)

    const [told] = desk.told
    expect(told?.card).toMatchObject({ title: back, tone: 'warning' })
    expect(told?.card.text).toMatch(/away for a moment.*did not end in order/)
    expect(told && words(told)).toContain(`service.restart (run ${run.id})`)
    expect(told && words(told)).toContain(hash)
    await simulator.release()
    await desk.runs.finished(run.id)
  })

  it('a loop of deaths is one card that counts', async () => {
    const ids: (string | undefined)[] = []
    await (await open(simulator, folder)).kill()
    for (let count = 0; count < 3; count++) {
      offset += MINUTE / 2
      const desk = await open(simulator, folder)
      ids.push(desk.told[0]?.id)
      if (count === 2) expect(desk.told[0]?.card.text).toMatch(/It came back 3 times within 1 min 3\d s/)
      await desk.kill()
    }

    expect(ids[0]).toBeDefined()
    expect(new Set(ids).size).toBe(1)
  })
})
