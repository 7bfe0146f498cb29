/** The watch over a simulated lab: which guests are missed, and which are not. */
import { mkdtemp } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { withoutFile } from '../support/source.ts'
import { commands, eachTest, MINUTE, open, somebody, titles, words } from './watch.fixture.ts'

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator.stop())
const state = eachTest(() => simulator)

// The list of tasks outlives a reset: what is stopped by a task in one test is not used by another.
const [plex, radarr, sonarr, prowlarr] = [110, 112, 113, 114] as const
const stop = (vmid: number) => simulator.changeGuest(vmid, { state: 'stopped' })
const start = (vmid: number) => simulator.changeGuest(vmid, { state: 'running' })

describe('a guest that should run and does not', () => {
  it('is told after two looks, and its card turns green with how long it was down', async () => {
    await using desk = await open(simulator, state.folder)
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
    expect(desk.told.map(({ finding }) => finding)).toMatchObject([
      {
        key: 'guest/110',
        state: 'firing',
        kind: 'down',
        title: 'plex is down',
        about: { service: 'plex', vmid: 110, guest: 'plex', node: 'pve' },
      },
      { key: 'guest/110', state: 'resolved', kind: 'down', about: { service: 'plex', vmid: 110 } },
    ])
    expect(down && words(down)).toMatch(/CT 110 on pve is stopped since \d\d:\d\d UTC, and nobody stopped it/)
    expect(down && commands(down)).toEqual(['start 110', 'status', 'task list 110'])
    expect(up?.card.text).toMatch(/^It was down for 5 min/)
  })

  it('a first start tells nothing that was so before', async () => {
    await stop(plex)
    await using desk = await open(simulator, state.folder)
    await desk.look(3)
    expect(desk.told).toEqual([])

    await start(plex)
    await desk.look(1)
    await stop(plex)
    await desk.look(2)

    expect(titles(desk)).toEqual(['plex is down (error, live)'])
  })

  it('many at once are one card with the list, and each comes back on it', async () => {
    await using desk = await open(simulator, state.folder)
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
    expect(new Set(desk.told.map(({ finding }) => finding?.key))).toEqual(new Set([desk.told[0]?.id]))
    expect(desk.told.map(({ finding }) => finding?.state)).toEqual(['firing', 'firing', 'resolved'])
    const names = guests.filter(({ vmid }) => some.includes(vmid)).map(({ name }) => name)
    for (const name of names) expect(desk.told[0]?.finding?.title).toContain(name)
    expect(desk.told.map(commands)[0]).toContain(`start ${some.join(' ')}`)
  })

  it('one that flaps has one card that counts', async () => {
    await using desk = await open(simulator, state.folder)
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
    await using desk = await open(simulator, state.folder, withoutFile)
    await stop(plex)

    await desk.look(2)

    expect(titles(desk)).toEqual(['plex is down (error, live)'])
  })

  it('after a restart of the bot it is not told again, and its card still turns green', async () => {
    let id: string | undefined
    {
      await using desk = await open(simulator, state.folder)
      await stop(plex)
      await desk.look(2)
      id = desk.told[0]?.id
    }
    await using desk = await open(simulator, state.folder)
    await desk.look(3)
    expect(desk.told).toEqual([])

    await start(plex)
    await desk.look(1)

    expect(titles(desk)).toEqual(['plex runs again (ok, done)'])
    expect(desk.told[0]?.id).toBe(id)
  })

  it('one that went down while the bot was away is told', async () => {
    await (await open(simulator, state.folder))[Symbol.asyncDispose]()
    await stop(plex)

    await using desk = await open(simulator, state.folder)
    await desk.look(1)

    expect(titles(desk)).toEqual(['plex is down (error, live)'])
  })
})

describe('what is no outage', () => {
  it('a guest that a run of ours stopped, also after the next start of the bot', async () => {
    {
      await using desk = await open(simulator, state.folder)
      const run = await desk.run('service.stop', { services: ['sonarr'] })
      expect((await desk.runs.finished(run.id)).state).toBe('succeeded')
      await desk.look(3)
      expect(desk.told).toEqual([])
    }
    await using desk = await open(simulator, state.folder)
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
    await using desk = await open(simulator, state.folder)

    await somebody(desk, radarr, 'shutdown')
    await desk.look(4)

    expect((await simulator.state()).guests.find(({ vmid }) => vmid === radarr)?.state).toBe('stopped')
    expect(desk.told).toEqual([])
  })

  it('one that somebody shut down while the bot was away, long ago in the list of tasks', async () => {
    await (await open(simulator, state.folder))[Symbol.asyncDispose]()
    {
      await using other = await open(simulator, await mkdtemp(join(state.folder, 'other-')))
      await somebody(other, prowlarr, 'shutdown')
      // The cluster's list has room for 25 of a node.
      for (let count = 0; count < 13; count++) {
        await somebody(other, 102, 'stop')
        await somebody(other, 102, 'start')
      }
      const listed = await other.lab.proxmox.tasks.list({ limit: 1_000 })
      expect(listed.filter(({ id }) => id === String(prowlarr))).toEqual([])
    }
    await using desk = await open(simulator, state.folder)

    await desk.look(3)

    expect(desk.told).toEqual([])
  })

  it('a guest that a run of ours is at, as long as it is', async () => {
    await using desk = await open(simulator, state.folder)
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
    await using desk = await open(simulator, state.folder)
    await simulator.changeGuest(plex, { state: 'stopped', lock: 'backup' })
    await desk.look(3)
    expect(desk.told).toEqual([])

    await simulator.changeGuest(plex, { lock: null })
    await desk.look(2)
    expect(titles(desk)).toEqual(['plex is down (error, live)'])
  })

  it('a restart between two looks', async () => {
    await using desk = await open(simulator, state.folder)
    for (let count = 0; count < 3; count++) {
      await stop(plex)
      await desk.look(1)
      await start(plex)
      await desk.look(1)
    }

    expect(desk.told).toEqual([])
  })
})
