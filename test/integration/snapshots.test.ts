/** Snapshots on the simulated lab, through the desk of a terminal: what the guest has first, the calls after. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
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
  await simulator.fault({ stale: false })
  desk = await inlineDesk(await sourceOf(simulator))
})
afterEach(() => desk[Symbol.asyncDispose]())

/** Types a command and waits for its end; what it asks is answered with yes. */
const type = async (text: string, confirmed = true): Promise<Posted> =>
  await desk.desk.settled(desk.submit(text, confirmed).id, { asking: true })
const wordsOf = ({ card }: Posted): string => JSON.stringify(card)
const changes = async (vmid: number) => (await simulator.counts()).changes[String(vmid)] ?? {}
const guest = async (vmid: number) => (await simulator.state()).guests.find((each) => each.vmid === vmid)

async function snapshotsOf(vmid: number, kind = 'lxc'): Promise<string[]> {
  const { data } = await pve.get(`/nodes/pve/${kind}/${vmid}/snapshot`)
  return (data as { name: string }[]).map(({ name }) => name).filter((name) => name !== 'current')
}
async function taken(vmid: number, ...names: string[]): Promise<void> {
  for (const name of names) expect((await type(`snapshot create ${vmid} ${name}`)).error).toBeUndefined()
}

describe('taking one', () => {
  it('ends with it in the list, sent once, after the feature was asked for', async () => {
    const posted = await type('snapshot create grafana before-upgrade description:"11.2 to 11.3"')
    expect(posted.error).toBeUndefined()
    expect(await snapshotsOf(106)).toEqual(['before-upgrade'])
    expect(posted.output).toMatchObject({
      guest: 'grafana',
      vmid: 106,
      snapshot: { name: 'before-upgrade', description: '11.2 to 11.3', current: true, vmstate: false },
      warnings: false,
    })
    expect(await changes(106)).toEqual({ snapshot: 1 })
    const asked = Object.keys((await simulator.counts()).requests)
    expect(asked).toContain('GET /nodes/pve/lxc/106/feature')
  })

  it('is refused for a container with a folder of the host, with the reason and the way out, and nothing sent', async () => {
    const posted = await type('snapshot create plex before')
    expect(posted.error).toBe('conflict')
    expect(wordsOf(posted)).toMatch(
      /plex \(CT 110 on pve\) can have no snapshots: its mp0 \(\/Apollo\/Media\) is of the host.*guest backup 110/s,
    )
    expect(await changes(110)).toEqual({})
  })

  it('is refused where the storage takes none', async () => {
    const { data } = await pve.get('/nodes/pve/lxc/104/config')
    const { rootfs } = data as { rootfs: string }
    await simulator.changeGuest(104, { config: { rootfs: 'local:104/vm-104-disk-0.raw,size=2G' } })
    const posted = await type('snapshot create cloudflared before')
    await simulator.changeGuest(104, { config: { rootfs } })
    expect(posted.error).toBe('conflict')
    expect(wordsOf(posted)).toContain(
      'not every disk of it is on a storage that takes snapshots: it uses local',
    )
  })

  it('saves the memory of a VM when told to, and of nothing else', async () => {
    expect((await type('snapshot create homeassistant live vmstate:true')).output).toMatchObject({
      snapshot: { name: 'live', vmstate: true },
    })
    const container = await type('snapshot create grafana live vmstate:true')
    expect(container.error).toBe('usage')
    expect(wordsOf(container)).toContain("only a VM's memory")
    await simulator.changeGuest(130, { state: 'stopped' })
    const asked = await type('snapshot create homeassistant later vmstate:true --dry-run')
    expect(wordsOf(asked)).toContain('does not run, so there is no memory to save')
  })

  it.each([
    ['1st', 'beginning with a letter'],
    ['a', '2 to 40'],
    ['x'.repeat(41), '2 to 40'],
    ['current', 'keeps for itself'],
    ['vzdump', 'keeps for itself'],
  ])('takes no name like %s', async (name, words) => {
    const posted = await type(`snapshot create grafana ${name}`)
    expect(posted.error).toBe('usage')
    expect(wordsOf(posted)).toContain(words)
    expect(await changes(106)).toEqual({})
  })

  it('does not take a name twice', async () => {
    await taken(106, 'before')
    const posted = await type('snapshot create grafana before')
    expect(posted.error).toBe('conflict')
    expect(await changes(106)).toEqual({ snapshot: 1 })
  })

  it.each([{ answer596: 1 }, { cutAfter: 1 }])('finds the one whose answer was lost: %o', async (fault) => {
    await simulator.fault(fault)
    const posted = await type('snapshot create grafana before')
    expect(posted.error).toBeUndefined()
    expect(await snapshotsOf(106)).toEqual(['before'])
    expect(await changes(106)).toEqual({ snapshot: 1 })
  })

  it('says what the task said when it failed, and that there is none', async () => {
    await simulator.fault({ taskBreaks: [{ type: 'vzsnapshot', status: 'zfs error: out of space' }] })
    const posted = await type('snapshot create grafana before')
    expect(posted.error).toBe('failed')
    expect(wordsOf(posted)).toMatch(/The storage of grafana.* is full.*snapshot create failed/s)
    expect(await snapshotsOf(106)).toEqual([])
    expect(await guest(106)).toMatchObject({ lock: null })
  })

  it('does not say done when the task does and the guest does not', async () => {
    // The worker is killed, and what reads its end takes it for a success.
    await simulator.fault({ taskBreaks: [{ type: 'vzsnapshot', status: 'unexpected status' }] })
    const posted = await type('snapshot create grafana before')
    expect(posted.error).toBe('failed')
    const list = await type('snapshot list grafana')
    expect(list.output).toMatchObject({ snapshots: [{ name: 'before', state: 'prepare' }] })
    expect(wordsOf(list)).toContain('never finished')
    await simulator.changeGuest(106, { lock: null })
    expect((await type('snapshot rollback grafana before')).error).toBe('conflict')
    expect((await type('snapshot delete grafana before')).error).toBeUndefined()
    expect(await snapshotsOf(106)).toEqual([])
  })

  it('names the lock that is in the way, and the right that is missing', async () => {
    await simulator.changeGuest(106, { lock: 'backup' })
    const locked = await type('snapshot create grafana before')
    expect(locked.error).toBe('locked')
    expect(wordsOf(locked)).toContain('backup')
    await simulator.changeGuest(106, { lock: null })
    await simulator.setAcl(
      ['homelab@pve', 'homelab@pve!desk'].map((who) => ({ path: '/', who, role: 'PVEAuditor' })),
    )
    const refused = await type('snapshot create prometheus before')
    expect(refused.error).toBe('unauthorised')
    expect(wordsOf(refused)).toMatch(/VM\.Snapshot.*pveum/s)
    expect(await changes(105)).toEqual({})
  })

  it('of a template, or of a guest that went meanwhile, is no success', async () => {
    const template = await type('snapshot create 900 before')
    expect(template.error).toBe('usage')
    expect(wordsOf(template)).toContain('is a template')
    await type('guest list')
    await pve.post('/nodes/pve/lxc', {
      vmid: '199',
      ostemplate: 'local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst',
      hostname: 'shortlived',
      rootfs: 'tesla:1',
    })
    await simulator.waitFor({ kind: 'task', type: 'vzcreate', target: '199', status: 'OK' })
    await using fresh = await inlineDesk(await sourceOf(simulator))
    const typed = (text: string) => fresh.desk.settled(fresh.submit(text, true).id, { asking: true })
    expect((await typed('snapshot list shortlived')).error).toBeUndefined()
    await simulator.changeGuest(199, { remove: true })
    const gone = await typed('snapshot create shortlived before')
    expect(gone.error).toBe('not-found')
    expect(wordsOf(gone)).toContain('There is no CT 199 on pve')
  })
})

describe('going back', () => {
  it('makes the configuration that of the snapshot, and a guest that ran answers again', async () => {
    await taken(106, 'before')
    await pve.put('/nodes/pve/lxc/106/config', { memory: '4096' })
    const posted = await type('snapshot rollback grafana before')
    expect(posted.error).toBeUndefined()
    expect((await pve.get('/nodes/pve/lxc/106/config')).data).toMatchObject({ memory: 512 })
    expect(await guest(106)).toMatchObject({ state: 'running', lock: null })
    expect((await simulator.state()).services.grafana).toBe(true)
    expect(posted.output).toMatchObject({ name: 'before', started: { outcome: 'done', healthy: true } })
    expect(await changes(106)).toEqual({ snapshot: 1, config: 1, rollback: 1, start: 1 })
  })

  it('leaves a stopped guest stopped, and a running one too when told so', async () => {
    await taken(106, 'before')
    expect((await type('snapshot rollback grafana before start:false')).error).toBeUndefined()
    expect(await guest(106)).toMatchObject({ state: 'stopped' })
    expect((await type('snapshot rollback grafana before')).output).not.toHaveProperty('started')
    expect(await guest(106)).toMatchObject({ state: 'stopped' })
    expect(await changes(106)).toEqual({ snapshot: 1, rollback: 2 })
  })

  it('is asked about first, with what is lost and who notices', async () => {
    await taken(102, 'before')
    const asked = await type('snapshot rollback postgresql before', false)
    expect(asked.state).toBe('asking')
    expect(wordsOf(asked)).toMatch(
      /Stop CT 102 on pve at once.*immich.*Everything that was written since .* is lost/s,
    )
    expect(await changes(102)).toEqual({ snapshot: 1 })
  })

  it('past a newer one is refused on ZFS before anything is stopped', async () => {
    await taken(106, 'one', 'two')
    const started = (await guest(106))?.startedAt
    const posted = await type('snapshot rollback grafana one')
    expect(posted.error).toBe('conflict')
    expect(wordsOf(posted)).toMatch(/tesla, a ZFS storage.*two is newer than.*snapshot delete 106 two/s)
    expect(await guest(106)).toMatchObject({ state: 'running', startedAt: started })
    expect(await changes(106)).toEqual({ snapshot: 2 })
  })

  it('past a newer one keeps it where the storage can do that', async () => {
    const { data } = await pve.get('/nodes/pve/lxc/104/config')
    const { rootfs } = data as { rootfs: string }
    await simulator.changeGuest(104, { config: { rootfs: 'local-lvm:vm-104-disk-0,size=2G' } })
    await taken(104, 'one', 'two')
    const posted = await type('snapshot rollback cloudflared one')
    await simulator.changeGuest(104, { config: { rootfs } })
    expect(posted.error).toBeUndefined()
    expect((await type('snapshot list cloudflared')).output).toMatchObject({
      snapshots: [
        { name: 'one', current: true },
        { name: 'two', current: false },
      ],
    })
  })

  it('to one with memory goes on from there without a start', async () => {
    await type('snapshot create homeassistant live vmstate:true')
    const posted = await type('snapshot rollback homeassistant live')
    expect(posted.error).toBeUndefined()
    expect(await guest(130)).toMatchObject({ state: 'running' })
    expect(posted.output).toMatchObject({ started: { outcome: 'unchanged' } })
    expect(await changes(130)).toEqual({ snapshot: 1, rollback: 1 })
  })

  it('that fails halfway says that the guest is down now, and why it is locked', async () => {
    await taken(106, 'before')
    await simulator.fault({ taskBreaks: [{ type: 'vzrollback', status: 'zfs error: dataset is busy' }] })
    const posted = await type('snapshot rollback grafana before')
    expect(posted.error).toBe('failed')
    expect(wordsOf(posted)).toMatch(/dataset is busy.*grafana was stopped for it, and locked \(rollback\)/s)
    expect(await guest(106)).toMatchObject({ state: 'stopped', lock: 'rollback' })
    expect(await changes(106)).toEqual({ snapshot: 1, rollback: 1 })
  })

  it('whose answer was lost is not sent again', async () => {
    await taken(106, 'before')
    await simulator.fault({ answer596: 1 })
    expect((await type('snapshot rollback grafana before')).error).toBeUndefined()
    expect(await changes(106)).toEqual({ snapshot: 1, rollback: 1, start: 1 })
  })
})

describe('deleting one', () => {
  it('ends with it gone and the others linked', async () => {
    await taken(106, 'one', 'two', 'three')
    const posted = await type('snapshot delete grafana two')
    expect(posted.error).toBeUndefined()
    expect(posted.output).toMatchObject({ name: 'two', deleted: true })
    expect((await type('snapshot list grafana')).output).toMatchObject({
      snapshots: [{ name: 'one' }, { name: 'three', parent: 'one', current: true }],
    })
    expect(await changes(106)).toEqual({ snapshot: 3, delsnapshot: 1 })
  })

  it('names the nearest when there is no such one, and sends nothing', async () => {
    await taken(106, 'before-upgrade')
    const posted = await type('snapshot delete grafana before-upgrad')
    expect(posted.error).toBe('not-found')
    expect(wordsOf(posted)).toContain('Did you mean before-upgrade?')
    expect(await changes(106)).toEqual({ snapshot: 1 })
  })

  it('that fails is said to have failed; with force it goes, with a warning', async () => {
    await taken(106, 'before')
    await simulator.fault({ taskBreaks: [{ type: 'vzdelsnapshot', status: 'dataset is busy' }] })
    expect((await type('snapshot delete grafana before')).error).toBe('failed')
    expect(await guest(106)).toMatchObject({ lock: 'snapshot-delete' })
    await simulator.changeGuest(106, { lock: null })
    await simulator.fault({ taskBreaks: [{ type: 'vzdelsnapshot', status: 'dataset is busy' }] })
    expect((await type('snapshot delete grafana before force:true')).error).toBeUndefined()
    expect(await snapshotsOf(106)).toEqual([])
  })
})
