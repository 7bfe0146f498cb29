/** Guests that move between nodes, by hand and behind everybody's back, and what the cluster says of itself. */
import { describe, expect, it } from 'vitest'
import { changes, guest, output, simulator, type, useCluster, words } from './cluster.fixture.ts'

useCluster()

describe('cluster status', () => {
  it('counts votes and says which node is missing', async () => {
    expect(output(await type('cluster status'))).toMatchObject({
      quorate: true,
      votes: 3,
      expected: 3,
      needed: 2,
      qdevice: false,
      problems: [],
      nodes: [{ node: 'pve', version: '8.4.5', links: ['10.0.0.10'] }, {}, {}],
    })
    await simulator.fault({ nodesDown: ['pve3'] })
    const one = await type('cluster status')
    expect(one.output).toMatchObject({ quorate: true, votes: 2, problems: ['pve3 is offline.'] })
    expect(one.card.title).toBe('homelab: pve3 is offline')
    await simulator.fault({ nodesDown: ['pve2', 'pve3'] })
    expect((await type('cluster status')).card).toMatchObject({
      title: 'homelab has no quorum',
      tone: 'error',
    })
  })
})

describe('guest migrate', () => {
  it('stops a container, moves it, starts it there and waits for its service', async () => {
    const asked = await type('guest migrate vaultwarden pve2', false)
    expect(words(asked)).toContain('It is down from the shutdown to the start there')
    const done = output(await type('guest migrate vaultwarden pve2'))
    expect(await guest(123)).toMatchObject({ node: 'pve2', state: 'running', lock: null })
    expect(done).toMatchObject({
      from: 'pve',
      node: 'pve2',
      mode: 'restart',
      status: 'running',
      healthy: true,
    })
    expect(await changes(123)).toEqual({ migrate: 1 })
  })

  it('leaves a stopped one stopped, and a VM running', async () => {
    await simulator.changeGuest(103, { state: 'stopped' })
    expect(output(await type('guest migrate redis pve3'))).toMatchObject({
      mode: 'offline',
      status: 'stopped',
    })
    expect(await guest(103)).toMatchObject({ node: 'pve3', state: 'stopped' })
    const before = (await guest(130))?.startedAt
    expect(output(await type('guest migrate homeassistant pve2'))).toMatchObject({ mode: 'online' })
    expect(await guest(130)).toMatchObject({ node: 'pve2', state: 'running', startedAt: before })
  })

  it('explains why one with folders of the host stays', async () => {
    const posted = await type('guest migrate radarr pve2')
    expect(posted.error).toBe('conflict')
    expect(words(posted)).toContain(
      'its mp0 (/Apollo/Media) and mp1 (/Apollo/Downloads) are of pve, and would be missing on pve2',
    )
    expect(words(posted)).toContain("pct set 112 --mp0 '/Apollo/Media,mp=/apollo/media,shared=1'")
    expect(await changes(112)).toBeUndefined()
  })

  it('is refused before anything is done', async () => {
    await simulator.fault({ nodesDown: ['pve3'] })
    await simulator.changeGuest(106, { lock: 'backup' })
    const refusals: readonly [string, string, string][] = [
      ['guest migrate vaultwarden pve', 'conflict', 'is on pve already'],
      ['guest migrate vaultwarden pve9', 'not-found', 'There is no node'],
      ['guest migrate vaultwarden pve3', 'conflict', 'pve3 is offline'],
      ['guest migrate grafana pve2', 'locked', 'backup'],
      ['guest migrate vaultwarden pve2 storage:nowhere', 'not-found', 'has no storage'],
    ]
    for (const [command, error, text] of refusals) {
      const posted = await type(command)
      expect(posted.error, command).toBe(error)
      expect(words(posted)).toContain(text)
    }
    await simulator.fault({ nodesDown: ['pve2', 'pve3'] })
    expect(words(await type('guest migrate vaultwarden pve2'))).toMatch(/offline|quorum/)
    expect((await simulator.counts()).changes).toEqual({})
  })

  it('starts it again where it was when the copy fails, and says so', async () => {
    await simulator.fault({ fullStorage: ['tesla'] })
    const posted = await type('guest migrate vaultwarden pve2')
    expect(posted.error).toBe('failed')
    expect(words(posted)).toContain('out of space. It is on pve, stopped.')
    expect(await guest(123)).toMatchObject({ node: 'pve', state: 'running', lock: null })
  })

  it('is done once though its answer is lost', async () => {
    await simulator.fault({ cutAfter: 1 })
    expect(output(await type('guest migrate vaultwarden pve2'))).toMatchObject({ node: 'pve2' })
    expect(await changes(123)).toEqual({ migrate: 1 })
  })

  it('waits until HA has moved what HA looks after', async () => {
    await simulator.changeGuest(123, { ha: 'started' })
    expect(output(await type('guest migrate vaultwarden pve2'))).toMatchObject({
      ha: true,
      status: 'running',
    })
    expect(await guest(123)).toMatchObject({ node: 'pve2', state: 'running' })
    expect(await changes(123)).toEqual({ hamigrate: 1, migrate: 1 })
    await simulator.fault({ fullStorage: ['tesla'] })
    const posted = await type('guest migrate vaultwarden pve3')
    expect(posted.error).toBe('failed')
    expect(words(posted)).toContain('HA could not move vaultwarden to pve3')
  })
})

describe('a guest that somebody else moves', () => {
  it('is found between the plan and the run', async () => {
    const mark = await simulator.mark()
    await simulator.fault({ holdBefore: 1 })
    const running = type('restart vaultwarden')
    await simulator.waitFor({ kind: 'held' }, { after: mark })
    await simulator.changeGuest(123, { node: 'pve2' })
    await simulator.release()
    expect(output<{ results: unknown[] }>(await running).results).toMatchObject([
      { outcome: 'done', node: 'pve2', healthy: true },
    ])
    expect(await changes(123)).toEqual({ reboot: 1 })
  })

  it('is found when its old node is gone, and when the task of a VM is the first to look', async () => {
    await simulator.changeGuest(123, { node: 'pve2' })
    await simulator.changeGuest(130, { node: 'pve2' })
    await type('guest list')
    await simulator.changeGuest(123, { node: 'pve3' })
    await simulator.changeGuest(130, { node: 'pve3' })
    expect(output<{ results: unknown[] }>(await type('stop homeassistant force:true')).results).toMatchObject(
      [{ outcome: 'done', node: 'pve3' }],
    )
    expect(await guest(130)).toMatchObject({ state: 'stopped' })
    await simulator.fault({ nodesDown: ['pve2'] })
    const mark = await simulator.mark()
    const restarting = type('restart vaultwarden')
    await simulator.waitFor({ kind: 'task', type: 'vzreboot', status: 'OK' }, { after: mark })
    expect(output<{ results: unknown[] }>(await restarting).results).toMatchObject([
      { outcome: 'done', node: 'pve3' },
    ])
    expect(await changes(123)).toEqual({ reboot: 1 })
  })

  it('is found by reads and backups that remember it elsewhere', async () => {
    await type('guest list')
    await simulator.changeGuest(123, { node: 'pve2' })
    expect(words(await type('guest show vaultwarden'))).toContain('hostname: vaultwarden')
    await simulator.changeGuest(123, { node: 'pve3' })
    const saved = output<{ node: string }>(await type('guest backup vaultwarden'))
    expect(saved.node).toBe('pve3')
    expect(await changes(123)).toMatchObject({ vzdump: 1 })
  })
})
