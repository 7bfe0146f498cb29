/** Tasks of the simulated Proxmox: how they start, lock, log and end. Numbers in names are those of the traps. */
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

const UPID = /^UPID:pve:[0-9A-F]{8}:[0-9A-F]{8,9}:[0-9A-F]{8}:(\w+):(\d*):homelab@pve!desk:$/

async function start(path: string, form?: Readonly<Record<string, string>>): Promise<string> {
  const answer = await pve.post(path, form)
  expect(answer).toMatchObject({ status: 200, data: expect.stringMatching(UPID) })
  return String(answer.data)
}

/** How the task ended. */
async function end(upid: string): Promise<string> {
  const [event] = await simulator.waitFor({ kind: 'task', upid, status: '~^(?!running)' })
  return String(event?.status)
}

const status = async (upid: string) =>
  (await pve.get(`/nodes/pve/tasks/${encodeURIComponent(upid)}/status`)).data
const log = async (upid: string, query = '') =>
  await pve.get(`/nodes/pve/tasks/${encodeURIComponent(upid)}/log${query}`)
const stateOf = async (vmid: number) => (await simulator.state()).guests.find((guest) => guest.vmid === vmid)

describe('a task', () => {
  it('is named by hex numbers, runs, and ends with its status (2)', async () => {
    const upid = await start('/nodes/pve/lxc/110/status/reboot')
    expect(await status(upid)).toMatchObject({
      upid,
      status: 'running',
      type: 'vzreboot',
      id: '110',
      user: 'homelab@pve',
      tokenid: 'desk',
    })
    expect(await status(upid)).not.toHaveProperty('exitstatus')
    expect(await end(upid)).toBe('OK')
    expect(await status(upid)).toMatchObject({ status: 'stopped', exitstatus: 'OK' })
    const [, , , , starttime = ''] = upid.split(':')
    expect(await status(upid)).toMatchObject({ starttime: Number.parseInt(starttime, 16) })
  })

  it('that is unknown is a 400 (2)', async () => {
    const gone = '/nodes/pve/tasks/UPID:pve:00000001:00000001:00000001:vzreboot:110:homelab@pve!desk:/status'
    expect(await pve.get(gone)).toMatchObject({ status: 400, errors: { upid: 'no such task' } })
    expect(await pve.get('/nodes/pve/tasks/nonsense/status')).toMatchObject({
      status: 400,
      errors: { upid: 'unable to parse worker upid' },
    })
  })

  it('ends with warnings, an error, or as if killed (3)', async () => {
    await simulator.fault({
      taskEnds: [
        { status: 'WARNINGS: 2' },
        { type: 'vzstop', status: 'unexpected status' },
        { status: 'no space left', log: ['tar: write error'] },
      ],
    })
    const warned = await start('/nodes/pve/lxc/110/status/reboot')
    const failed = await start('/nodes/pve/lxc/111/status/reboot')
    const killed = await start('/nodes/pve/lxc/112/status/stop')
    expect([await end(warned), await end(failed), await end(killed)]).toEqual([
      'WARNINGS: 2',
      'no space left',
      'unexpected status',
    ])
    expect((await log(failed)).data).toEqual([
      { n: 1, t: 'tar: write error' },
      { n: 2, t: 'TASK ERROR: no space left' },
    ])
    expect((await log(killed)).data).toEqual([{ n: 1, t: 'no content' }])
  })

  it('shows fifty lines of its log, all with limit=0, and a line that is not there (4)', async () => {
    const lines = Array.from({ length: 60 }, (_, index) => `line ${index + 1}`)
    await simulator.fault({ taskEnds: [{ status: 'OK', log: lines }] })
    const upid = await start('/nodes/pve/lxc/110/status/reboot')
    expect(await log(upid)).toMatchObject({ data: [{ n: 1, t: 'no content' }], total: 1 })
    await end(upid)
    expect((await log(upid)).data).toHaveLength(50)
    expect(await log(upid, '?limit=0')).toMatchObject({ total: 61 })
    expect((await log(upid, '?limit=0')).data).toHaveLength(61)
    expect((await log(upid, '?start=59&limit=2')).data).toEqual([
      { n: 60, t: 'line 60' },
      { n: 61, t: 'TASK OK' },
    ])
  })

  it('can be stopped', async () => {
    await simulator.fault({ taskMs: { vzreboot: 60_000 } })
    const upid = await start('/nodes/pve/lxc/110/status/reboot')
    expect(await pve.call('DELETE', `/nodes/pve/tasks/${encodeURIComponent(upid)}`)).toMatchObject({
      status: 200,
      data: null,
    })
    expect(await end(upid)).toBe('interrupted by signal')
    expect(await stateOf(110)).toMatchObject({ state: 'running' })
  })

  it('reaches the archive some time after its end (18)', async () => {
    const upid = await start('/nodes/pve/lxc/110/status/stop')
    await end(upid)
    const listed = async (query: string) =>
      ((await pve.get(`/nodes/pve/tasks?${query}`)).data as { upid: string }[]).some(
        (task) => task.upid === upid,
      )
    expect([await listed('source=archive'), await listed('source=all'), await listed('')]).toEqual([
      false,
      true,
      false,
    ])
    // 20 s at a tenth.
    await expect.poll(() => listed('source=archive'), { timeout: 4_000 }).toBe(true)
    expect(await listed('source=active')).toBe(false)
  })

  it('is found by guest, type, time and outcome', async () => {
    await simulator.fault({ taskEnds: [{ type: 'vzshutdown', status: 'container did not stop' }] })
    const since = Math.floor(Date.now() / 1000)
    const upid = await start('/nodes/pve/lxc/113/status/shutdown')
    await end(upid)
    const list = async (query: string) => (await pve.get(`/nodes/pve/tasks?source=all&${query}`)).data
    const found = [
      expect.objectContaining({ upid, status: 'container did not stop', endtime: expect.any(Number) }),
    ]
    expect(await list(`vmid=113&typefilter=vzshutdown&errors=1&since=${since}`)).toEqual(found)
    expect(await list('vmid=113&statusfilter=error,warning')).toEqual(found)
    expect(await list(`vmid=113&since=${since + 3_600}`)).toEqual([])
    expect(await list('vmid=113&userfilter=root')).toEqual([])
    expect((await pve.get('/nodes/pve/tasks?source=all&limit=1')).data).toHaveLength(1)
    expect((await pve.get('/cluster/tasks')).data).toContainEqual(expect.objectContaining({ upid }))
  })
})

describe('power', () => {
  it('reboots a container within its one task', async () => {
    const mark = await simulator.mark()
    const upid = await start('/nodes/pve/lxc/111/status/reboot')
    await simulator.waitFor({ kind: 'guest', vmid: 111, status: 'stopped' }, { after: mark })
    expect(await status(upid)).toMatchObject({ status: 'running' })
    expect(await end(upid)).toBe('OK')
    expect(await stateOf(111)).toMatchObject({ state: 'running' })
    expect((await simulator.counts()).tasks).toEqual({ '111': { vzreboot: 1 } })
  })

  it('reboots a machine by a shutdown, after which root starts it again', async () => {
    const mark = await simulator.mark()
    const upid = await start('/nodes/pve/qemu/130/status/reboot')
    expect(await end(upid)).toBe('OK')
    expect(await stateOf(130)).toMatchObject({ state: 'stopped' })
    const [started] = await simulator.waitFor(
      { kind: 'task', type: 'qmstart', target: '130', status: 'OK' },
      { after: mark },
    )
    expect(started?.upid).toMatch(/:qmstart:130:root@pam:$/)
    expect(await stateOf(130)).toMatchObject({ state: 'running' })
  })

  it('finds out in the worker that a machine runs already', async () => {
    expect(await end(await start('/nodes/pve/qemu/130/status/start'))).toBe('VM 130 already running')
  })

  it('pauses and resumes a machine', async () => {
    expect(await end(await start('/nodes/pve/qemu/130/status/suspend'))).toBe('OK')
    expect((await pve.get('/nodes/pve/qemu/130/status/current')).data).toMatchObject({
      status: 'running',
      qmpstatus: 'paused',
    })
    expect(await pve.post('/nodes/pve/qemu/130/status/shutdown')).toMatchObject({
      status: 500,
      reason: 'VM is paused - cannot shutdown',
    })
    expect(await end(await start('/nodes/pve/qemu/130/status/resume'))).toBe('OK')
    expect((await pve.get('/nodes/pve/qemu/130/status/current')).data).toMatchObject({ qmpstatus: 'running' })
  })

  it('does not start a template', async () => {
    expect(await end(await start('/nodes/pve/lxc/900/status/start'))).toBe(
      "you can't start a CT if it's a template",
    )
  })

  it('waits for a guest that ignores the request, then gives up or pulls the plug', async () => {
    await simulator.fault({ stubborn: [110, 130] })
    expect(await end(await start('/nodes/pve/lxc/110/status/shutdown', { timeout: '2' }))).toBe(
      'container did not stop',
    )
    expect(await stateOf(110)).toMatchObject({ state: 'running' })
    expect(await end(await start('/nodes/pve/qemu/130/status/shutdown', { timeout: '2' }))).toBe(
      'VM quit/powerdown failed - got timeout',
    )
    expect(
      await end(await start('/nodes/pve/lxc/110/status/shutdown', { timeout: '2', forceStop: '1' })),
    ).toBe('OK')
    expect(await stateOf(110)).toMatchObject({ state: 'stopped' })
  })

  it('hands HA-managed guests to their manager, but for a reboot (6)', async () => {
    await simulator.changeGuest(123, { ha: 'started' })
    const mark = await simulator.mark()
    const upid = await start('/nodes/pve/lxc/123/status/stop')
    expect(upid).toMatch(/:hastop:123:/)
    expect(await end(upid)).toBe('OK')
    expect(await stateOf(123)).toMatchObject({ state: 'running' })
    const [stopped] = await simulator.waitFor(
      { kind: 'task', type: 'vzstop', target: '123', status: 'OK' },
      { after: mark },
    )
    expect(stopped?.upid).toMatch(/:root@pam:$/)
    expect(await stateOf(123)).toMatchObject({ state: 'stopped' })
    expect(await start('/nodes/pve/lxc/123/status/start')).toMatch(/:hastart:123:/)
    await simulator.waitFor({ kind: 'task', type: 'vzstart', target: '123', status: 'OK' }, { after: mark })
    expect(await start('/nodes/pve/lxc/123/status/reboot')).toMatch(/:vzreboot:123:/)
  })
})

describe('locks (7)', () => {
  it('end a task, and refuse a change of the configuration at once', async () => {
    await simulator.changeGuest(110, { lock: 'backup' })
    expect(await end(await start('/nodes/pve/lxc/110/status/reboot'))).toBe('CT is locked (backup)')
    expect(await end(await start('/nodes/pve/lxc/110/status/stop'))).toBe('CT is locked (backup)')
    expect(await pve.put('/nodes/pve/lxc/110/config', { description: 'x' })).toMatchObject({
      status: 500,
      reason: 'CT is locked (backup)',
    })
    expect(await stateOf(110)).toMatchObject({ state: 'running' })
    expect((await pve.get('/cluster/resources?type=vm')).data).toContainEqual(
      expect.objectContaining({ vmid: 110, lock: 'backup' }),
    )
  })

  it('are held by a running shutdown, which overrule-shutdown ends', async () => {
    await simulator.fault({ stubborn: [110] })
    const shutdown = await start('/nodes/pve/lxc/110/status/shutdown')
    const began = performance.now()
    expect(await pve.post('/nodes/pve/lxc/110/status/stop')).toMatchObject({
      status: 500,
      reason: "can't lock file '/run/lock/lxc/pve-config-110.lock' - got timeout",
    })
    // 10 s at a tenth.
    expect(performance.now() - began).toBeGreaterThan(950)
    const stop = await start('/nodes/pve/lxc/110/status/stop', { 'overrule-shutdown': '1' })
    expect([await end(shutdown), await end(stop)]).toEqual(['interrupted by signal', 'OK'])
    expect(await stateOf(110)).toMatchObject({ state: 'stopped' })
  })

  it('keep two reboots of one guest apart', async () => {
    const [first, second] = await Promise.all([
      start('/nodes/pve/lxc/110/status/reboot'),
      start('/nodes/pve/lxc/110/status/reboot'),
    ])
    expect([await end(first), await end(second)]).toEqual(['OK', 'OK'])
    expect((await simulator.counts()).changes).toEqual({ '110': { reboot: 2 } })
  })

  it('go with the digest of the configuration', async () => {
    const path = '/nodes/pve/lxc/110/config'
    const digest = String(Object((await pve.get(path)).data).digest)
    expect((await pve.put(path, { description: 'one', digest })).status).toBe(200)
    const again = await pve.put(path, { description: 'two', digest })
    expect(again).toMatchObject({
      status: 500,
      reason: expect.stringContaining('detected modified configuration'),
    })
    expect((await pve.get(path)).data).toMatchObject({ description: 'one' })
  })
})

describe('the overview', () => {
  it('is as old as the last collection, while one guest is asked live (18)', async () => {
    await using slow = await startSimulator({ speed: 0.3 })
    const api = createPve(slow.lab)
    const overview = async () =>
      ((await api.get('/cluster/resources?type=vm')).data as { vmid: number; status: string }[]).find(
        ({ vmid }) => vmid === 104,
      )?.status
    // Begin right after a collection, every 3 s here.
    const phase = 3_000 - (Date.now() % 3_000)
    await new Promise((resolve) => setTimeout(resolve, phase + 50))
    await slow.changeGuest(104, { state: 'stopped' })
    expect((await api.get('/nodes/pve/lxc/104/status/current')).data).toMatchObject({ status: 'stopped' })
    expect(await overview()).toBe('running')
    await expect.poll(overview, { timeout: 5_000 }).toBe('stopped')
    await slow.fault({ stale: false })
    await slow.changeGuest(104, { state: 'running' })
    expect(await overview()).toBe('running')
  })

  it('leaves out what was not collected (19)', async () => {
    const { data } = await pve.get('/nodes/pve/lxc/110/rrddata?timeframe=hour')
    const rows = data as Readonly<Record<string, number>>[]
    expect(rows.at(-1)).toEqual({ time: expect.any(Number) })
    expect(rows.at(-2)).toMatchObject({ cpu: expect.any(Number), mem: expect.any(Number) })
    expect((await pve.get('/nodes/pve/rrddata?timeframe=hour')).data).not.toContainEqual(
      expect.objectContaining({ memavailable: expect.anything() }),
    )
  })
})
