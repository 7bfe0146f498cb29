/** What HA and replication are told, and what the guests then are. */
import { describe, expect, it } from 'vitest'
import { createPve } from '../support/pve.ts'
import { changes, guest, output, simulator, type, useCluster, words } from './cluster.fixture.ts'

useCluster()

describe('ha', () => {
  it('looks after a guest, shuts it down and starts it, and forgets it', async () => {
    const asked = await type('ha add vaultwarden', false)
    expect(words(asked)).toContain('Its disks are on pve alone')
    expect(output(await type('ha add vaultwarden restarts:2'))).toMatchObject({
      wanted: 'started',
      status: 'running',
    })
    expect((await type('ha add vaultwarden')).error).toBe('conflict')
    expect(output(await type('ha status'))).toMatchObject({
      quorate: true,
      resources: [{ sid: 'ct:123', name: 'vaultwarden', wanted: 'started', state: 'started', maxRestart: 2 }],
    })
    expect(output(await type('ha set vaultwarden disabled'))).toMatchObject({ status: 'stopped' })
    expect(await guest(123)).toMatchObject({ state: 'stopped', ha: 'disabled' })
    expect(output(await type('ha set vaultwarden started'))).toMatchObject({ status: 'running' })
    await simulator.fault({ cutAfter: 1 })
    expect(output(await type('ha remove vaultwarden'))).toMatchObject({ status: 'running' })
    expect(await guest(123)).toMatchObject({ state: 'running', ha: null })
    expect(await changes(123)).toEqual({ haadd: 1, haset: 2, haremove: 1 })
    expect((await type('ha set vaultwarden stopped')).error).toBe('conflict')
  })

  it('shows the groups that say where', async () => {
    await createPve(simulator.lab).post('/cluster/ha/groups', {
      group: 'fast',
      nodes: 'pve:2,pve2',
      restricted: '1',
    })
    expect(words(await type('ha status'))).toContain('fast only on pve:2, pve2')
  })

  it('says which right is missing', async () => {
    await simulator.setAcl(
      ['homelab@pve', 'homelab@pve!desk'].map((who) => ({ path: '/', who, role: 'PVEAuditor' })),
    )
    const posted = await type('ha add vaultwarden')
    expect(posted.error).toBe('unauthorised')
    expect(words(posted)).toContain('lacks Sys.Console on /')
  })
})

describe('replication', () => {
  it('is added, copied now, used by a migration, and ended with its copy', async () => {
    expect(output(await type('replication add vaultwarden pve2'))).toMatchObject({
      id: '123-0',
      target: 'pve2',
      schedule: '*/15',
      state: 'waiting',
    })
    expect((await type('replication add vaultwarden pve2')).error).toBe('conflict')
    expect(output(await type('replication run vaultwarden'))).toMatchObject({ state: 'ok', failures: 0 })
    expect(words(await type('guest migrate vaultwarden pve2', false))).toContain('since the last replication')
    await type('guest migrate vaultwarden pve2')
    expect(output(await type('replication status'))).toMatchObject({
      jobs: [{ vmid: 123, name: 'vaultwarden', source: 'pve2', target: 'pve', state: 'ok' }],
    })
    await type('replication remove vaultwarden')
    expect(output(await type('replication status'))).toMatchObject({ jobs: [] })
    expect(await changes(123)).toEqual({ replicate: 1, migrate: 1, unreplicate: 1 })
  })

  it('explains what cannot be copied, and why a copy failed', async () => {
    const mounted = await type('replication add plex pve2')
    expect(mounted.error).toBe('conflict')
    expect(words(mounted)).toContain('replicate=0')
    await type('replication add vaultwarden pve2')
    await simulator.fault({ fullStorage: ['tesla'] })
    const posted = await type('replication run vaultwarden')
    expect(posted.error).toBe('failed')
    expect(words(posted)).toContain('out of space')
    expect((await type('replication status')).card.tone).toBe('error')
  })
})

describe('node show', () => {
  it('shows the graphics and who is given them, and leaves them out without the right', async () => {
    await simulator.changeGuest(110, { config: { dev0: '/dev/dri/renderD128,gid=104' } })
    try {
      expect(output(await type('node show pve'))).toMatchObject({
        gpus: [{ id: '0000:00:02.0', name: 'Intel Corporation HD Graphics 530' }],
        gpuUsers: ['plex (dev0: /dev/dri/renderD128)'],
      })
      expect(output(await type('node show pve2'))).toMatchObject({ gpus: [] })
      await simulator.setAcl(
        ['homelab@pve', 'homelab@pve!desk'].flatMap((who) => [
          { path: '/nodes', who, privs: ['Sys.Audit'] },
          { path: '/vms', who, privs: ['VM.Audit'] },
        ]),
      )
      expect(output<object>(await type('node show pve'))).not.toHaveProperty('gpus')
    } finally {
      await simulator.changeGuest(110, { config: { dev0: null } })
    }
  })
})
