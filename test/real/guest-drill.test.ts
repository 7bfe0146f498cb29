/** Restore drills of guests on the simulated lab: what is left of the scratch guest and of the original comes first. */
import type { Verbs } from '@homelab/core'
import { HomelabError, TransportError } from '@homelab/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectLab, type LabServices } from '../../bot/src/lab/connect.ts'
import { clock, crashCopy, mary, openTestRuns, stateFile } from '../../bot/src/runs/runs.fixture.ts'
import type { Point } from '../../bot/src/runs/types.ts'
import { drillGuest, type GuestDrillRequest } from '../../core/src/backup/guest-drill.ts'
import { tryArchive } from '../../core/src/backup/guest-proof.ts'
import { destroyScratch } from '../../core/src/backup/scratch.ts'
import { createPve } from '../support/pve.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

let simulator: Simulator
let lab: LabServices
const archiveOf = new Map<number, string>()

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.02 })
  const source = await sourceOf(simulator)
  lab = await connectLab(source.inventory, source.secrets)
  await simulator.changeGuest(110, { config: { dev0: '/dev/dri/renderD128,gid=104' } })
  await simulator.changeGuest(120, {
    config: { mp1: 'tesla:subvol-120-disk-1,mp=/data,backup=1,size=512M', protection: '1' },
  })
  for (const vmid of [104, 110, 120, 130]) archiveOf.set(vmid, await backUp(vmid))
})
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]()
  await simulator?.stop()
})
beforeEach(async () => {
  const { guests } = await simulator.state()
  for (const { vmid } of guests.filter((each) => each.vmid >= 9_900))
    await simulator.changeGuest(vmid, { remove: true })
  await simulator.reset()
  await simulator.fault({ stale: false })
})

async function backUp(vmid: number): Promise<string> {
  const { backups } = lab.proxmox
  const upid = await backups.start({
    node: 'pve',
    vmids: [vmid],
    storage: 'local',
    mode: 'snapshot',
    compress: 'zstd',
  })
  await backups.wait(upid, { pace: 'interactive' })
  return (await backups.archives({ node: 'pve', storage: 'local', vmid }))[0]?.volid ?? ''
}

const request = (vmid: number, more: Partial<GuestDrillRequest> = {}): GuestDrillRequest => ({
  run: 'run-1',
  node: 'pve',
  archive: archiveOf.get(vmid) ?? '',
  storage: 'tesla',
  ...more,
})
/** The backup's own pace is 5 s. */
const services = () => ({
  ...lab,
  proxmox: {
    ...lab.proxmox,
    backups: {
      ...lab.proxmox.backups,
      wait: (upid: string, options = {}) =>
        lab.proxmox.backups.wait(upid, { ...options, pace: 'interactive' as const }),
    },
  },
})
const drill =
  (asked: GuestDrillRequest, use = services()) =>
  async (verbs: Verbs) => ({ ...(await drillGuest(asked, use, verbs)) })
const timing = {
  settleMs: 30,
  unclearMs: 3_000,
  patienceMs: 2_000,
  graceMs: 200,
  undoMs: 60_000,
  stableMs: 60_000,
}

/** Runs a body as the bot does, to its end. */
async function run(
  body: (verbs: Verbs) => Promise<object>,
  more: { file?: string; probe?: (point: Point, name: string) => void } = {},
) {
  const { file = stateFile() } = more
  const runs = await openTestRuns(
    file,
    { drill: async (verbs) => JSON.parse(JSON.stringify(await body(verbs))) },
    { timing, probe: (point, _run, name) => more.probe?.(point, name) },
  )
  const { run: started } = await runs.start({
    operation: 'drill',
    title: 'drill',
    input: {},
    caller: mary,
    key: 'drill',
    locks: [],
  })
  return { runs, id: started.id, ended: () => runs.finished(started.id) }
}
const scratch = async () => (await simulator.state()).guests.filter(({ vmid }) => vmid >= 9_900)
const configOf = async (vmid: number, type = 'lxc') =>
  (await createPve(simulator.lab).get(`/nodes/pve/${type}/${vmid}/config`)).data as Record<string, unknown>

describe('a drill of a guest', () => {
  it('runs a copy that is alone, asks it, and leaves nothing behind', async () => {
    let seen: Record<string, unknown> = {}
    const check: GuestDrillRequest['check'] = async (shell) => {
      seen = await configOf(9_900)
      return (await shell.exec(['hostname'])).stdout.trim()
    }
    const { ended } = await run(drill(request(120, { check })))
    const end = await ended()
    expect(end).toMatchObject({
      state: 'succeeded',
      result: { vmid: 9_900, check: 'drill-9900', leftOut: ['/apollo/photos'] },
    })
    expect(await scratch()).toEqual([])
    expect((await simulator.state()).guests.find(({ vmid }) => vmid === 120)).toMatchObject({
      state: 'running',
    })
    expect(seen).toMatchObject({
      tags: 'homelab-drill',
      onboot: 0,
      protection: 0,
      rootfs: expect.stringMatching(/^tesla:subvol-9900-disk-\d,size=30G$/),
      mp1: expect.stringMatching(/^tesla:subvol-9900-disk-\d,mp=\/data,backup=1,size=512M$/),
      net0: expect.stringContaining('link_down=1'),
      description: expect.stringContaining('homelab-drill run=run-1'),
    })
    expect(seen.mp0).toBeUndefined()
    expect(seen.net0).not.toContain('hwaddr')
    expect((await simulator.counts()).changes['9900']).toMatchObject({
      restore: 1,
      start: 1,
      stop: 1,
      destroy: 1,
    })
    expect((await simulator.counts()).changes['120']).toBeUndefined()
  })

  it('takes devices of the host from the copy before it starts', async () => {
    let seen: Record<string, unknown> = {}
    const check = async () => {
      seen = await configOf(9_900)
      return null
    }
    expect(await (await run(drill(request(110, { check })))).ended()).toMatchObject({ state: 'succeeded' })
    expect(seen.dev0).toBeUndefined()
    expect(seen.hostname).toBe('drill-9900')
    expect(await configOf(110)).toMatchObject({ dev0: '/dev/dri/renderD128,gid=104' })
  })

  it('starts a VM with its cable out', async () => {
    const mark = await simulator.mark()
    expect(await (await run(drill(request(130)))).ended()).toMatchObject({ state: 'succeeded' })
    await simulator.waitFor({ kind: 'task', type: 'qmstart', target: '9900', status: 'OK' }, { after: mark })
    expect(await scratch()).toEqual([])
  })

  it('that finds it broken is a failure, and leaves nothing behind either', async () => {
    const check = () => Promise.reject(new HomelabError('failed', 'No table in it.'))
    expect(await (await run(drill(request(104, { check })))).ended()).toMatchObject({
      state: 'failed',
      error: { message: 'No table in it.' },
    })
    expect(await scratch()).toEqual([])
  })

  it('of a truncated archive fails', async () => {
    await simulator.fault({ truncateArchives: 1 })
    const archive = await backUp(101)
    expect(await (await run(drill(request(101, { archive })))).ended()).toMatchObject({
      state: 'failed',
      error: { message: expect.stringContaining('ends in the middle or is damaged') },
    })
    expect(await scratch()).toEqual([])
  })

  it('takes another VMID when somebody was faster', async () => {
    const use = services()
    const { restore } = use.proxmox.backups
    let first = true
    use.proxmox.backups.restore = async (order) => {
      if (first) {
        first = false
        // Between the look-up and ours.
        await use.proxmox.backups.wait(
          await restore({ ...order, config: { rootfs: 'tesla:2', net0: 'name=eth0' } }),
        )
      }
      return await restore(order)
    }
    expect(await (await run(drill(request(104), use))).ended()).toMatchObject({
      state: 'succeeded',
      result: { vmid: 9_901 },
    })
    // Theirs is still there.
    expect(await scratch()).toMatchObject([{ vmid: 9_900, state: 'stopped' }])
  })

  it('never destroys what does not carry its mark', async () => {
    const theirs = { vmid: 104, type: 'lxc', node: 'pve', name: 'x' } as const
    const lines = (description: string, tags: string) =>
      simulator.changeGuest(104, { config: { description, tags } })
    for (const [description, tags] of [
      ['homelab-drill run=run-1', 'core'],
      ['homelab-drill run=run-12', 'homelab-drill'],
      ['not homelab-drill run=run-1', 'homelab-drill'],
      ['', 'homelab-drill'],
    ] as const) {
      await lines(description, tags)
      expect(await destroyScratch(theirs, 'run-1', services())).toBe(false)
    }
    expect((await simulator.state()).guests.find(({ vmid }) => vmid === 104)).toMatchObject({
      state: 'running',
    })
    expect((await simulator.counts()).changes['104']).toBeUndefined()
    await simulator.changeGuest(104, { config: { description: null, tags: 'core' } })
  })

  it('does not start a copy that somebody plugged in, and destroys it', async () => {
    const use = services()
    const { wait } = use.proxmox.backups
    use.proxmox.backups.wait = async (upid, options) => {
      const end = await wait(upid, options)
      await simulator.changeGuest(9_900, { config: { mp5: '/Apollo/Photos,mp=/photos' } })
      return end
    }
    expect(await (await run(drill(request(104), use))).ended()).toMatchObject({
      state: 'failed',
      error: { code: 'conflict', message: expect.stringContaining('mp5 is /Apollo/Photos of the host') },
    })
    expect((await simulator.counts()).changes['9900']?.start).toBeUndefined()
    expect(await scratch()).toEqual([])
  })

  it('whose answers are lost makes each change once', async () => {
    const use = services()
    const { restore } = use.proxmox.backups
    const { destroy, power } = use.proxmox
    const cut = async <T>(work: () => Promise<T>): Promise<T> => {
      await simulator.fault({ cutAfter: 1 })
      return await work()
    }
    use.proxmox.backups.restore = (order) => cut(() => restore(order))
    use.proxmox.destroy = (guest) => cut(() => destroy(guest))
    use.proxmox.power = (guest, action, options) => cut(() => power(guest, action, options))
    expect(await (await run(drill(request(104), use))).ended()).toMatchObject({ state: 'succeeded' })
    expect(await scratch()).toEqual([])
    expect((await simulator.counts()).changes['9900']).toEqual({ restore: 1, start: 1, stop: 1, destroy: 1 })
  })

  const proveArchive = (vmid: number, use: ReturnType<typeof services>) => async (verbs: Verbs) => ({
    ...(await tryArchive(
      { run: 'run-1', node: 'pve', volid: archiveOf.get(vmid) ?? '', storage: 'tesla' },
      use,
      verbs,
    )),
  })
  const notesOf = async (vmid: number) =>
    await lab.proxmox.backups.notes({ node: 'pve', archive: archiveOf.get(vmid) ?? '' })

  it('whose copy dies right after its start is noted as failed', async () => {
    const use = services()
    const shells = {
      ...use.shells,
      guest: (guest: Parameters<typeof use.shells.guest>[0]) => ({
        exec: async (...given: Parameters<ReturnType<typeof use.shells.guest>['exec']>) => {
          await simulator.changeGuest(guest.vmid, { state: 'stopped' })
          return await use.shells.guest(guest).exec(...given)
        },
      }),
    }
    expect(await (await run(proveArchive(120, { ...use, shells }))).ended()).toMatchObject({
      state: 'failed',
      error: {
        code: 'failed',
        message: expect.stringMatching(/The copy 9900 started, and stopped .*not running/),
      },
    })
    expect(await notesOf(120)).toMatch(/drill failed \S+Z$/)
    expect(await scratch()).toEqual([])
  })

  it.each([
    ['unauthorised', new HomelabError('unauthorised', 'no')],
    ['full', new HomelabError('failed', 'The storage tesla is full.', { data: { full: true } })],
  ])(
    'that cannot be restored where it is tried (%s) has been tried, and the archive has not failed',
    async (_, error) => {
      const use = services()
      use.proxmox.backups.restore = () => Promise.reject(error)
      await lab.proxmox.backups.update({ node: 'pve', archive: archiveOf.get(104) ?? '' }, { notes: 'x' })
      expect(await (await run(proveArchive(104, use))).ended()).toMatchObject({ state: 'failed' })
      expect(await notesOf(104)).toMatch(/^x, tried \S+Z$/)
    },
  )

  it('whose copy never runs is noted as failed', async () => {
    const use = services()
    await lab.proxmox.backups.update({ node: 'pve', archive: archiveOf.get(104) ?? '' }, { notes: 'x' })
    let looks = 0
    const { guestStatus } = use.proxmox
    use.proxmox.guestStatus = async (guest, signal) => {
      looks += 1
      const now = await guestStatus(guest, signal)
      return looks > 2 ? now : { ...now, status: 'stopped' }
    }
    // The second that it waits is more than it may.
    const quick = { ...clock, monotonic: () => clock.monotonic() * 1_000 }
    expect(await (await run(proveArchive(104, { ...use, clock: quick }))).ended()).toMatchObject({
      state: 'failed',
      error: { code: 'timeout', message: expect.stringContaining('is stopped and not running after 120 s') },
    })
    expect(await notesOf(104)).toMatch(/^x, drill failed \S+Z$/)
    expect(await scratch()).toEqual([])
  })

  it('that no answer came to in time has been tried, and the archive has not failed', async () => {
    const use = services()
    const place = { node: 'pve', archive: archiveOf.get(104) ?? '' }
    await lab.proxmox.backups.update(place, { notes: 'x' })
    const slow = () => Promise.reject(new TransportError('no answer within 30 s', true, { code: 'timeout' }))
    use.proxmox.backups.config = slow
    expect(await (await run(proveArchive(104, use))).ended()).toMatchObject({
      state: 'failed',
      error: { code: 'timeout' },
    })
    expect(await notesOf(104)).toMatch(/^x, tried \S+Z$/)
  })

  it('whose restore is stopped by somebody has been tried, and the archive has not failed', async () => {
    await lab.proxmox.backups.update({ node: 'pve', archive: archiveOf.get(104) ?? '' }, { notes: 'x' })
    await simulator.fault({ taskBreaks: [{ type: 'vzrestore', status: 'interrupted by signal' }] })
    expect(await (await run(proveArchive(104, services()))).ended()).toMatchObject({ state: 'failed' })
    expect(await notesOf(104)).toMatch(/^x, tried \S+Z$/)
    expect(await scratch()).toEqual([])
  })

  it('that is cancelled while the copy is asked destroys it', async () => {
    const asked = Promise.withResolvers<void>()
    const check: GuestDrillRequest['check'] = async (_shell, signal) => {
      asked.resolve()
      await clock.sleep(60_000, signal)
      return null
    }
    const { runs, id, ended } = await run(drill(request(104, { check })))
    await asked.promise
    await runs.cancel(id, mary)
    expect(await ended()).toMatchObject({ state: 'cancelled' })
    expect(await scratch()).toEqual([])
  })
})

/** The names of a run's moments, in order. */
const moments = [
  'step.saved drill: configuration',
  'step.saved drill: VMID 1',
  'intent.saved drill: restore as 9900',
  'act.after drill: restore as 9900',
  'change.saved drill: restore as 9900',
  'step.saved drill: restore task 9900',
  'step.saved drill: isolate 9900',
  'intent.saved drill: start 9900',
  'change.saved drill: start 9900',
  'step.saved drill: running 9900',
  'step.saved drill: check 9900',
  'step.before drill: destroy 9900',
] as const

describe('a bot that dies in a drill', () => {
  /** @returns what became of the run with the bot that came after it */
  async function die(
    moment: string,
    drilled: (use: ReturnType<typeof services>) => (verbs: Verbs) => Promise<object>,
  ) {
    const dead = Promise.withResolvers<string>()
    const file = stateFile()
    let died = false
    const never = new Promise<never>(() => {})
    // After its death, nothing that it still asks is ever sent.
    const mortal = <T extends object>(target: T): T =>
      new Proxy(target, {
        get(object, key, receiver) {
          const value: unknown = Reflect.get(object, key, receiver)
          if (typeof value === 'object' && value !== null) return mortal(value)
          if (typeof value !== 'function') return value
          return (...args: unknown[]) => (died ? never : Reflect.apply(value, object, args))
        },
      })
    const use = services()
    const first = await run(drilled({ ...use, proxmox: mortal(use.proxmox) }), {
      file,
      probe: (point, name) => {
        if (died || `${point} ${name}` !== moment) return
        died = true
        dead.resolve(crashCopy(file))
      },
    })
    const copy = await dead.promise
    const runs = await openTestRuns(
      copy,
      { drill: async (verbs) => JSON.parse(JSON.stringify(await drilled(services())(verbs))) },
      { timing },
    )
    return await runs.finished(first.id)
  }

  it.each(moments)('at "%s" leaves nothing behind once it is back', async (moment) => {
    const check = async () => 'asked'
    const end = await die(moment, (use) => drill(request(104, { check }), use))
    expect(await scratch()).toEqual([])
    expect(end.state).toBe('succeeded')
    expect((await simulator.counts()).changes['9900']).toMatchObject({ restore: 1, start: 1, destroy: 1 })
  })

  it.each(['step.saved drill: destroy 9900', 'step.before drill: note', 'step.saved drill: note'])(
    'at "%s" has what it saw in the notes of the archive, once',
    async (moment) => {
      const volid = archiveOf.get(104) ?? ''
      const place = { node: 'pve', archive: volid }
      await lab.proxmox.backups.update(place, { notes: 'cloudflared' })
      const asked = { run: 'run-1', node: 'pve', volid, storage: 'tesla' }
      const end = await die(moment, (use) => async (verbs) => await tryArchive(asked, use, verbs))
      expect(await lab.proxmox.backups.notes(place)).toMatch(/^cloudflared, drilled \S+Z running$/)
      expect(await scratch()).toEqual([])
      expect(end).toMatchObject({ state: 'succeeded', result: { system: 'running', unkept: null } })
      expect((await simulator.counts()).changes['9900']).toMatchObject({ restore: 1, destroy: 1 })
    },
  )
})
