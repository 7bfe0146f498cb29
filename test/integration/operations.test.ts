/** The operations on the simulated lab, through the desk of a terminal: end states first, calls after. */

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { createPve } from '../support/pve.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf, withoutFile } from '../support/source.ts'

let simulator: Simulator
let desk: InlineDesk

beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator.stop())
// A desk of its own for each test: what one remembers of the lab must not reach the next.
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
  await everyServiceUp()
  desk = await inlineDesk(await sourceOf(simulator))
})
afterEach(() => desk[Symbol.asyncDispose]())

/** A service comes up some time after its guest does. */
async function everyServiceUp(): Promise<void> {
  for (;;) {
    const { services, lastEvent } = await simulator.state()
    if (Object.values(services).every((up) => up)) return
    await simulator.waitFor({ kind: 'service', up: true }, { after: lastEvent })
  }
}

/** Types a command and waits for its end; `confirmed` answers yes beforehand. */
async function type(text: string, on = desk, confirmed = true): Promise<Posted> {
  return await on.desk.settled(on.submit(text, confirmed).id, { asking: true })
}
const output = <T>(posted: Posted): T => posted.output as T
const guest = async (vmid: number) => (await simulator.state()).guests.find((each) => each.vmid === vmid)

describe('restart', () => {
  it('ends when the service answers again, with one change and the calls it says', async () => {
    await type('status health:false')
    const before = await simulator.counts()
    const startedBefore = (await guest(110))?.startedAt ?? 0
    const posted = await type('restart plex')
    expect(posted.error).toBeUndefined()
    expect(output<{ results: object[] }>(posted).results).toMatchObject([
      { name: 'plex', vmid: 110, outcome: 'done', healthy: true },
    ])
    expect((await guest(110))?.startedAt).toBeGreaterThan(startedBefore)
    expect((await simulator.state()).services.plex).toBe(true)
    const after = await simulator.counts()
    expect(after.changes['110']).toEqual({ reboot: 1 })
    const calls = Object.entries(after.requests).filter(([path, count]) => count !== before.requests[path])
    expect(calls.map(([path]) => path.replace(/UPID[^/]*/, 'UPID')).sort()).toEqual([
      'GET /nodes/pve/tasks/UPID/status',
      'POST /nodes/pve/lxc/110/status/reboot',
    ])
  })

  it('takes several in the order of what they need', async () => {
    const posted = await type('restart radarr prowlarr qbittorrent')
    expect(posted.card.title).toBe('3 guests restarted')
    const { tasks } = await simulator.state()
    const order = tasks
      .filter((task) => task.type === 'vzreboot')
      .map((task) => Number(task.id))
      .slice(0, 3)
    // Newest first: radarr, which needs the two others, went last.
    expect(order[0]).toBe(112)
  })

  it('restarts a VM and waits until it runs again', async () => {
    const posted = await type('restart homeassistant')
    expect(output<{ results: object[] }>(posted).results).toMatchObject([{ type: 'qemu', outcome: 'done' }])
    expect(await guest(130)).toMatchObject({ state: 'running' })
    expect((await simulator.counts()).changes['130']).toMatchObject({ reboot: 1 })
  })

  it('says that a stopped guest cannot be restarted, and does nothing', async () => {
    await simulator.changeGuest(112, { state: 'stopped' })
    const posted = await type('restart radarr')
    expect(posted).toMatchObject({ error: 'conflict', card: { text: expect.stringContaining('is stopped') } })
    expect(posted.card.sections).toContainEqual({
      kind: 'text',
      title: 'Next step',
      text: 'Start it with `start radarr`.',
    })
    expect((await simulator.counts()).changes['112']).toBeUndefined()
  })

  it('names the lock that is in the way', async () => {
    await simulator.changeGuest(111, { lock: 'backup' })
    const posted = await type('restart jellyfin')
    expect(posted).toMatchObject({ error: 'locked', card: { text: expect.stringContaining('backup') } })
    expect((await simulator.counts()).changes['111']).toBeUndefined()
  })

  it('counts a task with warnings as done, and says so', async () => {
    await simulator.fault({ taskEnds: [{ type: 'vzreboot', status: 'WARNINGS: 1' }] })
    const posted = await type('restart plex')
    expect(posted.error).toBeUndefined()
    expect(posted.card.tone).toBe('warning')
    expect(output<{ results: object[] }>(posted).results).toMatchObject([
      { outcome: 'warnings', healthy: true },
    ])
  })

  it('does not repeat a change whose answer was lost, and finds it', async () => {
    await simulator.fault({ answer596: 1 })
    const posted = await type('restart plex')
    expect(posted.error).toBeUndefined()
    expect((await simulator.counts()).changes['110']).toEqual({ reboot: 1 })
  })

  it('finds a change after the connection was cut behind it, with the clock of the server far ahead', async () => {
    await simulator.fault({ cutAfter: 1, clockMs: 3_600_000 })
    const posted = await type('restart plex')
    expect(posted.error).toBeUndefined()
    expect((await simulator.counts()).changes['110']).toEqual({ reboot: 1 })
  })

  it('shows the end of the log when the task fails', async () => {
    await simulator.fault({
      taskEnds: [
        { type: 'vzreboot', status: 'command failed: exit code 1', log: ['lxc-start: no space left'] },
      ],
    })
    const posted = await type('restart plex')
    expect(posted.error).toBe('failed')
    expect(JSON.stringify(posted.card)).toContain('no space left')
  })

  it('names the privilege that is missing and the line that grants it', async () => {
    await simulator.setAcl([
      { path: '/', who: 'homelab@pve!desk', role: 'PVEAuditor' },
      { path: '/', who: 'homelab@pve', role: 'PVEAuditor' },
    ])
    const posted = await type('restart plex')
    expect(posted.error).toBe('unauthorised')
    expect(JSON.stringify(posted.card)).toMatch(/VM\.PowerMgmt.*pveum/s)
    expect((await simulator.counts()).changes['110']).toBeUndefined()
  })

  it('leaves out what needs a service that failed', async () => {
    await simulator.fault({ taskEnds: [{ type: 'vzreboot', status: 'it broke' }] })
    const posted = await type('restart prowlarr radarr')
    expect(posted.error).toBe('failed')
    expect(output<{ results: object[] }>(posted).results).toMatchObject([
      { name: 'prowlarr', outcome: 'failed' },
      { name: 'radarr', outcome: 'skipped', detail: 'needs prowlarr, which failed' },
    ])
    expect((await simulator.counts()).changes['112']).toBeUndefined()
  })
})

describe('stop, shutdown and start', () => {
  it('stops cleanly, and start brings it back', async () => {
    expect((await type('stop jellyfin')).error).toBeUndefined()
    expect(await guest(111)).toMatchObject({ state: 'stopped' })
    expect((await simulator.counts()).changes['111']).toEqual({ shutdown: 1 })
    expect((await type('start jellyfin')).error).toBeUndefined()
    expect((await simulator.state()).services.jellyfin).toBe(true)
  })

  it('pulls the plug only when told to', async () => {
    expect((await type('stop jellyfin --force')).error).toBeUndefined()
    expect((await simulator.counts()).changes['111']).toEqual({ stop: 1 })
  })

  it('says when there was nothing to do', async () => {
    const posted = await type('start plex')
    expect(output<{ results: object[] }>(posted).results).toMatchObject([{ outcome: 'unchanged' }])
    expect((await simulator.counts()).changes['110']).toBeUndefined()
  })

  it('does nothing on a dry run', async () => {
    const posted = await type('stop @media --dry-run')
    expect(posted.card.title).toMatch(/^Dry run: Stop 6 guests/)
    expect((await simulator.counts()).changes).toEqual({})
  })
})

describe('a question before a change', () => {
  it('is about how the guest is, and not about an overview of seconds ago', async () => {
    // For as long as the overview is that of before: the guest has been stopped, and it says that it runs.
    await simulator.fault({ stale: true })
    await type('status health:false')
    const { lastEvent } = await simulator.state()
    await createPve(simulator.lab).post('/nodes/pve/lxc/110/status/stop')
    await simulator.waitFor({ kind: 'guest', vmid: 110, status: 'stopped' }, { after: lastEvent })
    const asked = await type('stop plex --force', desk, false)
    expect(asked.state).toBe('asking')
    await simulator.fault({ stale: false })
    const confirm = asked.card.buttons?.find(({ action }) => action.kind === 'confirm')
    const { caller } = asked
    if (confirm === undefined || caller === undefined) throw new Error('it asks nobody')
    desk.desk.press(asked.id, confirm.action, caller, 'press')
    const ended = await desk.desk.settled(asked.id, { asking: true })
    expect([ended.state, JSON.stringify(ended.card)]).toEqual([
      'done',
      expect.not.stringContaining('Things changed'),
    ])
  })

  it('is asked for what the file marks, and names what depends on it', async () => {
    const asked = await type('restart postgresql', desk, false)
    expect(asked.state).toBe('asking')
    expect(JSON.stringify(asked.card)).toMatch(/immich.*nextcloud.*n8n/s)
    const yes = asked.card.buttons?.[0]
    if (yes?.action.kind !== 'confirm') throw new Error('no button to confirm')
    await desk.press(asked.id, yes.action)
    expect((await desk.desk.settled(asked.id)).error).toBeUndefined()
    desk.desk.press(asked.id, yes.action, desk.caller, 'again')
    expect((await simulator.counts()).changes['102']).toEqual({ reboot: 1 })
  })

  it('is void when the state changed meanwhile', async () => {
    const asked = await type('restart postgresql', desk, false)
    await simulator.changeGuest(102, { lock: 'backup' })
    const yes = asked.card.buttons?.[0]
    if (yes === undefined) throw new Error('no button')
    await desk.press(asked.id, yes.action)
    expect((await desk.desk.settled(asked.id)).error).toMatch(/conflict|locked/)
    expect((await simulator.counts()).changes['102']).toBeUndefined()
  })

  it('takes no for an answer', async () => {
    const asked = await type('restart postgresql', desk, false)
    const no = asked.card.buttons?.[1]
    if (no === undefined) throw new Error('no button')
    await desk.press(asked.id, no.action)
    expect((await desk.desk.settled(asked.id)).card.title).toMatch(/^Not done/)
    expect((await simulator.counts()).changes).toEqual({})
  })
})

describe('status', () => {
  it('says first what is wrong', async () => {
    expect(await type('status')).toMatchObject({ card: { title: 'All is well', tone: 'ok' } })
    await simulator.changeGuest(110, { state: 'stopped' })
    await simulator.fault({
      stale: false,
      raidDegraded: true,
      smartFailing: ['sdb'],
      broken: { n8n: 'error' },
    })
    await using fresh = await inlineDesk(await sourceOf(simulator))
    const posted = await type('status', fresh)
    const problems = output<{ problems: { what: string; text: string }[] }>(posted).problems.map(
      ({ what, text }) => `${what}: ${text}`,
    )
    expect(problems).toContainEqual(expect.stringMatching(/^plex: stopped/))
    expect(problems).toContainEqual(expect.stringMatching(/^n8n: /))
    expect(problems).toContainEqual(expect.stringMatching(/^apollo: .*degraded/))
    expect(problems).toContainEqual(expect.stringMatching(/^apollo: \/dev\/sdb is failing/))
    expect(posted.card.tone).toBe('error')
    expect(posted.card.sections?.[0]).toMatchObject({ title: 'What is wrong' })
  })

  it('tells an empty lab from one that the token may not see', async () => {
    await simulator.setAcl([])
    await using fresh = await inlineDesk(await sourceOf(simulator))
    const posted = await type('status', fresh)
    expect(posted.error).toBe('unauthorised')
    expect(JSON.stringify(posted.card)).toMatch(/VM\.Audit.*pveum acl modify .*homelab@pve!desk/s)
  })
})

describe('a token that may see guests and nothing else', () => {
  it('is told so, instead of nodes without memory and a lab without storages', async () => {
    await simulator.setAcl(
      ['homelab@pve', 'homelab@pve!desk'].map((who) => ({ path: '/', who, privs: ['VM.Audit'] })),
    )
    await using fresh = await inlineDesk(await sourceOf(simulator, { change: withoutFile }))
    expect((await type('node list', fresh)).card.text).toContain('Sys.Audit')
    expect((await type('storage list', fresh)).card.text).toContain('Datastore.Audit')
    const posted = await type('status health:false', fresh)
    expect(posted.card.title).not.toBe('All is well')
    expect(JSON.stringify(posted.card)).toMatch(/Sys\.Audit.*Datastore\.Audit/s)
  })
})

describe('reading', () => {
  it.each([
    [
      'guest list state:stopped',
      (o: { guests: object[] }) => expect(o.guests).toMatchObject([{ vmid: 900, template: true }]),
    ],
    [
      'guest show plex',
      (o: object) =>
        expect(o).toMatchObject({
          guest: { vmid: 110 },
          health: { state: 'up' },
          addresses: ['192.168.1.110'],
        }),
    ],
    [
      'node list',
      (o: object) => expect(o).toMatchObject({ nodes: [{ node: 'pve', status: 'online', guests: 17 }] }),
    ],
    ['node show', (o: object) => expect(o).toMatchObject({ node: 'pve', cores: 8 })],
    [
      'storage show apollo',
      (o: object) =>
        expect(o).toMatchObject({
          name: 'apollo',
          problems: [],
          layout: expect.arrayContaining([{ path: '/Apollo/Photos', purpose: 'Immich originals' }]),
        }),
    ],
    [
      'logs plex lines:3',
      (o: object) =>
        expect(o).toMatchObject({
          service: 'plex',
          unit: 'plexmediaserver',
          lines: expect.arrayContaining([expect.stringContaining('plex')]),
        }),
    ],
    ['version', (o: object) => expect(o).toMatchObject({ mode: 'inline', proxmox: '8.4.5' })],
    ['whoami', (o: object) => expect(o).toMatchObject({ role: 'admin', surface: 'cli' })],
  ])('%s', async (text, check) => {
    const posted = await type(text)
    expect(posted.error).toBeUndefined()
    check(output(posted))
  })

  it('follows a task from the list to its log', async () => {
    await type('restart plex')
    const { tasks } = output<{ tasks: { upid: string; type: string }[] }>(
      await type('task list plex limit:1'),
    )
    expect(tasks).toMatchObject([{ type: 'vzreboot', exitStatus: 'OK' }])
    const log = await type(`task log ${tasks[0]?.upid}`)
    expect(log.card.tone).toBe('ok')
  })

  it('says where a command works that does not work here', async () => {
    expect(await type('run list')).toMatchObject({
      error: 'usage',
      card: { text: '"run list" does not work here.' },
    })
  })

  it('names the nearest', async () => {
    expect(await type('restart plx')).toMatchObject({
      error: 'not-found',
      card: { text: expect.stringContaining('plex') },
    })
    expect(await type('status stack:nope')).toMatchObject({
      error: 'not-found',
      card: { text: 'There is no stack "nope".' },
    })
    expect(await type('restrt plex')).toMatchObject({
      error: 'usage',
      card: { text: 'No command "restrt". Did you mean restart?' },
    })
  })
})

describe('with nothing but a token', () => {
  it('works on the names of the live guests', async () => {
    await using bare = await inlineDesk(await sourceOf(simulator, { change: withoutFile }))
    // Without a file its health would be asked at the guest's own address, which is no loopback address.
    const posted = await type('restart plex wait:false', bare)
    expect(posted.error).toBeUndefined()
    expect((await simulator.counts()).changes['110']).toEqual({ reboot: 1 })
    expect((await type('status health:false', bare)).error).toBeUndefined()
    expect(await type('logs plex', bare)).toMatchObject({
      error: 'config',
      card: { text: expect.stringContaining('SSH') },
    })
  })
})
