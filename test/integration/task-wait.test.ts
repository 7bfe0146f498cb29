/** Waiting for a task of Proxmox, and the cluster as records, on the simulated lab. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { createPve, type Pve } from '../support/pve.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

let simulator: Simulator
let desk: InlineDesk
let pve: Pve

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.05 })
  pve = createPve(simulator.lab)
})
afterAll(async () => await simulator?.stop())
beforeEach(async () => {
  await simulator.reset()
  desk = await inlineDesk(await sourceOf(simulator))
})
afterEach(() => desk[Symbol.asyncDispose]())

const type = async (text: string) => await desk.desk.settled(desk.submit(text, true).id, { asking: true })
const reboot = async () => String((await pve.post('/nodes/pve/lxc/106/status/reboot')).data)

describe('task wait', () => {
  it('resolves when the task has ended', async () => {
    const upid = await reboot()
    const posted = await type(`task wait ${upid}`)
    expect(posted.output).toMatchObject({ upid, finished: true, outcome: 'ok', exitStatus: 'OK' })
  })

  it('says at the end of its time that the task goes on, and leaves it alone', async () => {
    await simulator.fault({ taskMs: { vzreboot: 60_000 } })
    const upid = await reboot()
    const posted = await type(`task wait ${upid} timeout:1`)
    expect(posted.error).toBeUndefined()
    expect(posted.output).toMatchObject({ upid, finished: false, type: 'vzreboot', id: '106' })
    expect(posted.output).not.toHaveProperty('exitStatus')
    expect(JSON.stringify(posted.card)).toMatch(/still runs after 1\.\d s.*task log UPID/s)
    const { tasks } = await simulator.state()
    expect(tasks.find((task) => task.upid === upid)).toMatchObject({ status: 'running' })
    expect((await type(`task show ${upid}`)).output).toMatchObject({ upid, node: 'pve', type: 'vzreboot' })
  })

  it('fails with the last lines of the log when the task did', async () => {
    await simulator.fault({
      taskEnds: [{ type: 'vzreboot', status: 'exit code 1', log: ['lxc-start: no space left'] }],
    })
    const posted = await type(`task wait ${await reboot()}`)
    expect(posted.error).toBe('failed')
    expect(JSON.stringify(posted.card)).toContain('lxc-start: no space left')
  })

  it('counts warnings as a success, and shows them', async () => {
    await simulator.fault({ taskEnds: [{ type: 'vzreboot', status: 'WARNINGS: 1', log: ['WARN: old'] }] })
    expect((await type(`task wait ${await reboot()}`)).output).toMatchObject({
      finished: true,
      outcome: 'warnings',
      log: expect.arrayContaining(['WARN: old']),
    })
  })

  it('knows what is no task', async () => {
    expect((await type('task wait nonsense')).error).toBe('usage')
    const gone = 'UPID:pve:0003B2A1:12345678:65A1B2C3:vzreboot:106:homelab@pve!desk:'
    expect((await type(`task wait ${gone}`)).error).toBe('not-found')
  })
})

describe('cluster resources', () => {
  it('are records of one shape, by kind and node, from one call', async () => {
    const posted = await type('cluster resources')
    const { resources } = posted.output as { resources: { id: string; kind: string }[] }
    expect(resources).toHaveLength(1 + 18 + 3)
    expect(new Set(resources.map(({ id }) => id)).size).toBe(resources.length)
    expect(resources).toContainEqual(
      expect.objectContaining({ id: 'lxc/110', kind: 'guest', name: 'plex', node: 'pve', type: 'lxc' }),
    )
    expect((await type('cluster resources storage')).output).toMatchObject({
      resources: [
        { id: 'storage/pve/local', kind: 'storage', type: 'dir', content: ['backup', 'iso', 'vztmpl'] },
        { id: 'storage/pve/local-lvm' },
        { id: 'storage/pve/tesla', type: 'zfspool' },
      ],
    })
    expect((await type('cluster resources node:elsewhere')).output).toEqual({ resources: [] })
    expect((await simulator.counts()).requests['GET /cluster/resources']).toBe(1)
  })
})
