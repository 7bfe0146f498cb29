/** What can be made to go wrong in the simulated Proxmox, and what it looks like on the wire. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Pve } from '../support/pve.ts'
import { createPve } from '../support/pve.ts'
import type { Simulator } from '../support/simulator.ts'
import { startSimulator } from '../support/simulator.ts'

let simulator: Simulator
let pve: Pve
beforeAll(async () => {
  simulator = await startSimulator({ seed: 1 })
  pve = createPve(simulator.lab)
})
afterEach(async () => await simulator.reset())
afterAll(async () => await simulator?.stop())

describe('faults', () => {
  it('answers 596 to a change that was made', async () => {
    await simulator.fault({ answer596: 1 })
    expect(await pve.post('/nodes/pve/lxc/110/status/reboot')).toMatchObject({ status: 596, body: '' })
    expect((await simulator.counts()).changes).toEqual({ '110': { reboot: 1 } })
    expect(await pve.post('/nodes/pve/lxc/111/status/reboot')).toMatchObject({ status: 200 })
  })

  it('cuts the connection before or after a change', async () => {
    await simulator.fault({ cutBefore: 1 })
    await expect(pve.post('/nodes/pve/lxc/110/status/reboot')).rejects.toThrow(/socket hang up|ECONNRESET/)
    expect((await simulator.counts()).changes).toEqual({})
    await simulator.fault({ cutAfter: 1 })
    await expect(pve.post('/nodes/pve/lxc/110/status/reboot')).rejects.toThrow(/socket hang up|ECONNRESET/)
    expect((await simulator.counts()).changes).toEqual({ '110': { reboot: 1 } })
  })

  it('holds a change until it is released', async () => {
    await simulator.fault({ holdBefore: 1, holdAfter: 1 })
    const answer = pve.post('/nodes/pve/lxc/110/status/reboot')
    const [held] = await simulator.waitFor({ kind: 'held', phase: 'before' })
    expect((await simulator.counts()).changes).toEqual({})
    expect(await simulator.release()).toBe(1)
    await simulator.waitFor({ kind: 'held', phase: 'after' }, { after: held?.id ?? 0 })
    expect((await simulator.counts()).changes).toEqual({ '110': { reboot: 1 } })
    expect(await simulator.release()).toBe(1)
    expect((await answer).status).toBe(200)
  })

  it('answers everything with 401, and lists with nothing', async () => {
    await simulator.fault({ unauthorized: true })
    expect((await pve.get('/version')).status).toBe(401)
    await simulator.fault({ unauthorized: false, empty: true })
    expect((await pve.get('/cluster/resources?type=vm')).data).toEqual([])
    expect((await pve.get('/nodes/pve/lxc')).data).toEqual([])
  })

  it('hangs on a storage that does not answer, and only there', async () => {
    await simulator.fault({ hungStorage: ['tesla'] })
    const began = performance.now()
    const [list, one, other] = await Promise.all([
      pve.get('/nodes/pve/storage'),
      pve.get('/nodes/pve/storage/tesla/status'),
      pve
        .get('/nodes/pve/storage/local/status')
        .then((answer) => ({ ...answer, ms: performance.now() - began })),
    ])
    expect([list.status, one.status, other.status]).toEqual([596, 596, 200])
    // The proxy waits 30 s, here 3.
    expect(performance.now() - began).toBeGreaterThan(2_900)
    expect(other.ms).toBeLessThan(1_500)
    expect((await pve.get('/cluster/resources?type=storage')).data).toContainEqual(
      expect.objectContaining({ storage: 'tesla', status: 'unknown' }),
    )
  })

  it('are all gone after a reset, with the tasks that ran', async () => {
    await simulator.fault({ stubborn: [110], unauthorized: false, delayMs: 1 })
    const { data: upid } = await pve.post('/nodes/pve/lxc/110/status/shutdown', { timeout: '600' })
    await simulator.changeGuest(111, { state: 'stopped', lock: 'backup' })
    await simulator.reset()
    const { guests, tasks } = await simulator.state()
    expect(tasks).toContainEqual({ upid, type: 'vzshutdown', id: '110', status: 'interrupted by signal' })
    expect(guests.filter(({ vmid, state, lock }) => vmid !== 900 && (state !== 'running' || lock))).toEqual(
      [],
    )
    expect(await pve.post('/nodes/pve/lxc/110/status/reboot')).toMatchObject({ status: 200 })
    expect((await simulator.counts()).changes).toEqual({ '110': { reboot: 1 } })
  })

  it('refuses a fault that it does not know', async () => {
    const faults = { nodeDown: ['pve'] }
    await expect(simulator.fault(faults as object)).rejects.toThrow('no fault "nodeDown"')
  })
})
