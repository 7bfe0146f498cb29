/** The watch over a simulated lab: failed tasks, a lab or a node that does not answer, the return of the bot. */
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openStore } from '../../bot/src/store/index.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { withoutFile } from '../support/source.ts'
import {
  commands,
  EVERY,
  eachTest,
  MINUTE,
  mary,
  open,
  somebody,
  time,
  titles,
  words,
} from './watch.fixture.ts'

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator.stop())
const state = eachTest(() => simulator)

const plex = 110
const stop = (vmid: number) => simulator.changeGuest(vmid, { state: 'stopped' })
const start = (vmid: number) => simulator.changeGuest(vmid, { state: 'running' })

describe('a task that failed', () => {
  const log = ['starting', "command 'lxc-start' failed: no space left on device"]

  it('is told with what, who, when, why and the end of its log, once', async () => {
    await using desk = await open(simulator, state.folder)
    await stop(plex)
    await simulator.fault({
      taskEnds: [{ type: 'vzstart', status: 'startup for container 110 failed', log }],
    })

    const upid = await somebody(desk, plex, 'start')
    await stop(plex)
    await desk.look(1)

    expect(titles(desk)).toEqual(['Start of plex failed (error, done)'])
    const [told] = desk.told
    expect(told?.finding).toMatchObject({
      state: 'firing',
      kind: 'task',
      once: true,
      about: { service: 'plex', vmid: plex, node: 'pve' },
    })
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
    await using desk = await open(simulator, state.folder)
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
      await using other = await open(simulator, await mkdtemp(join(state.folder, 'other-')))
      await simulator.fault({ taskEnds: [{ type: 'vzstart', status: 'old trouble' }] })
      await somebody(other, plex, 'start')
      await stop(plex)
    }
    {
      await using desk = await open(simulator, state.folder)
      await desk.look(2)
      expect(desk.told).toEqual([])
      await simulator.fault({ taskEnds: [{ type: 'vzstart', status: 'new trouble' }] })
      await somebody(desk, plex, 'start')
      await desk.look(1)
      expect(desk.told.map(words)).toEqual([expect.stringContaining('new trouble')])
    }
    await using desk = await open(simulator, state.folder)
    await desk.look(2)
    expect(desk.told).toEqual([])
  })

  it('one of while the bot was away is told; many at once are one card', async () => {
    await (await open(simulator, state.folder))[Symbol.asyncDispose]()
    const vmids = [110, 102, 103]
    {
      await using other = await open(simulator, await mkdtemp(join(state.folder, 'other-')))
      for (const vmid of vmids) {
        await simulator.fault({ taskEnds: [{ status: `trouble of ${vmid}` }] })
        await somebody(other, vmid, 'stop')
        await start(vmid)
      }
    }

    await using desk = await open(simulator, state.folder)
    await desk.look(2)

    expect(titles(desk)).toEqual(['3 tasks failed (error, done)'])
    for (const vmid of vmids) expect(desk.told.map(words)[0]).toContain(`trouble of ${vmid}`)
  })

  it('what fails again and again changes one card', async () => {
    await using desk = await open(simulator, state.folder)
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
    await using desk = await open(simulator, state.folder)
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
    await using desk = await open(simulator, state.folder)
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
    await using desk = await open(simulator, state.folder)
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
  await using desk = await open(simulator, state.folder)
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
  await using desk = await open(cluster, state.folder, withoutFile)
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
    await (await open(simulator, state.folder))[Symbol.asyncDispose]()
    time.ahead += MINUTE

    await using desk = await open(simulator, state.folder)

    expect(desk.told).toEqual([])
  })

  it('after an outage it tells since when, and that it had been ended in order', async () => {
    await (await open(simulator, state.folder))[Symbol.asyncDispose]()
    time.ahead += 10 * MINUTE

    await using desk = await open(simulator, state.folder)

    expect(titles(desk)).toEqual([`${back} (neutral, done)`])
    expect(desk.told[0]?.card.text).toMatch(/away for about 10 min.*had been ended in order/)
  })

  it('after a death it tells what it took up again, and the head of the audit log', async () => {
    const store = await openStore(join(state.folder, 'desk.db'))
    await store.audit.append({
      caller: mary,
      command: 'stop plex',
      operation: 'service.stop',
      decision: 'started',
    })
    const [{ hash } = {}] = await store.audit.list({ limit: 1 })
    await store.close()
    const dying = await open(simulator, state.folder)
    const after = await simulator.mark()
    await simulator.fault({ holdBefore: 1 })
    const run = await dying.run('service.restart', { services: ['plex'], wait: false })
    await simulator.waitFor({ kind: 'held' }, { after })
    await dying.kill()

    await using desk = await open(simulator, state.folder)

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
    await (await open(simulator, state.folder)).kill()
    for (let count = 0; count < 3; count++) {
      time.ahead += MINUTE / 2
      const desk = await open(simulator, state.folder)
      ids.push(desk.told[0]?.id)
      if (count === 2) expect(desk.told[0]?.card.text).toMatch(/It came back 3 times within 1 min 3\d s/)
      await desk.kill()
    }

    expect(ids[0]).toBeDefined()
    expect(new Set(ids).size).toBe(1)
  })
})
