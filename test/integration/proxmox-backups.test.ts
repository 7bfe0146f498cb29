/** vzdump, its archives and restores against the simulated Proxmox: what is on the storage first, the calls after. */
import type { BackupRequest } from '@homelab/core/proxmox'
import { lostInPlace, parseConfig } from '@homelab/core/proxmox'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { connectLab, type LabServices } from '../../bot/src/lab/connect.ts'
import { archivesOf } from '../../core/src/backup/archives.ts'
import { createPve } from '../support/pve.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

let simulator: Simulator
let lab: LabServices

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.02 })
  const source = await sourceOf(simulator)
  lab = await connectLab(source.inventory, source.secrets)
})
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]()
  await simulator?.stop()
})
beforeEach(async () => {
  await simulator.reset()
  for (const { volid } of await archives()) {
    await lab.proxmox.backups.update({ node: 'pve', archive: volid }, { protected: false })
    await wait(await lab.proxmox.backups.remove({ node: 'pve', archive: volid }))
  }
})

const archives = (vmid?: number) =>
  lab.proxmox.backups.archives({ node: 'pve', storage: 'local', ...(vmid === undefined ? {} : { vmid }) })
const wait = (upid: string) => lab.proxmox.backups.wait(upid, { pace: 'interactive' })
const request = (vmid: number, more: Partial<BackupRequest> = {}): BackupRequest => ({
  node: 'pve',
  vmids: [vmid],
  storage: 'local',
  mode: 'snapshot',
  compress: '0',
  ...more,
})
async function backUp(vmid: number, more: Partial<BackupRequest> = {}) {
  const upid = await lab.proxmox.backups.start(request(vmid, more))
  await wait(upid)
  const [archive] = await archives(vmid)
  if (archive === undefined) throw new Error('no archive')
  return { upid, archive }
}
const guestOf = async (vmid: number) => (await simulator.state()).guests.find((each) => each.vmid === vmid)
const configOf = async (vmid: number, type = 'lxc') =>
  (await createPve(simulator.lab).get(`/nodes/pve/${type}/${vmid}/config`)).data as Record<string, string>

describe('a backup', () => {
  it('is an archive with its notes, protection and the configuration in it', async () => {
    const { archive } = await backUp(123, { notes: '{{guestname}}\nplan lxc \\ run 7', protected: true })
    expect(archive).toMatchObject({
      vmid: 123,
      type: 'lxc',
      format: 'tar',
      // A list has their first line.
      notes: 'vaultwarden',
      protected: true,
    })
    const place = { node: 'pve', archive: archive.volid }
    expect(await lab.proxmox.backups.notes(place)).toBe('vaultwarden\nplan lxc \\ run 7')
    const config = await lab.proxmox.backups.config({ node: 'pve', archive: archive.volid })
    expect(config).toMatchObject({ hostname: 'vaultwarden', rootfs: 'tesla:subvol-123-disk-0,size=4G' })
  })

  it('says what it holds: no bind mount, and a volume with backup=1 only', async () => {
    const volumes = {
      mp1: 'tesla:subvol-120-disk-1,mp=/in,backup=1,size=1G',
      mp2: 'tesla:subvol-120-disk-2,mp=/out',
    }
    await simulator.changeGuest(120, { config: volumes })
    const { upid, archive } = await backUp(120)
    expect(await lab.proxmox.backups.report(upid)).toEqual([
      {
        vmid: 120,
        state: 'done',
        archive: archive.volid.split('/')[1],
        included: ['rootfs', 'mp1'],
        excluded: [
          { key: 'mp0', target: '/apollo/photos', why: 'not a volume' },
          { key: 'mp2', target: '/out', why: 'disabled' },
        ],
      },
    ])
    await simulator.changeGuest(120, { config: { mp1: null, mp2: null } })
  })

  it('prunes older ones of the same guest, and never a protected one', async () => {
    const first = await backUp(104, { protected: true })
    const second = await backUp(104)
    await backUp(101)
    const third = await backUp(104, { prune: { last: 1 } })
    const left = await archives(104)
    expect(left.map(({ volid }) => volid)).toEqual([third.archive.volid, first.archive.volid])
    expect(left).not.toContainEqual(second.archive)
    expect(await archives(101)).toHaveLength(1)
  })

  it('of a guest that is not there is no success', async () => {
    await expect(lab.proxmox.backups.start(request(999))).rejects.toMatchObject({
      code: 'conflict',
      message: 'The backup of 999 on pve was not begun: Proxmox found nothing to do on pve.',
    })
  })

  it.each([
    [{ storage: 'nowhere' }, 'not-found', 'there is no storage nowhere on pve'],
    [{ storage: 'tesla' }, 'config', 'the storage tesla does not take backups'],
  ] as const)('to %o says what is wrong', async (more, code, words) => {
    await expect(lab.proxmox.backups.start(request(104, more))).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    })
  })

  it('to a full storage leaves no archive, and says that it is full', async () => {
    await simulator.fault({ fullStorage: ['local'] })
    const upid = await lab.proxmox.backups.start(request(104))
    await expect(wait(upid)).rejects.toMatchObject({
      code: 'failed',
      message: 'The backup of 104 on pve failed: the storage local is full.',
      data: { exitStatus: 'job errors', guests: [{ vmid: 104, state: 'failed' }] },
    })
    expect(await archives(104)).toEqual([])
  })

  it('waits for another one of the node no longer than asked', async () => {
    await simulator.fault({ taskMs: { vzdump: 2000 } })
    const first = await lab.proxmox.backups.start(request(101))
    const second = await lab.proxmox.backups.start(request(104, { lockWaitMinutes: 0 }))
    await expect(wait(second)).rejects.toMatchObject({
      code: 'locked',
      message: expect.stringContaining('another backup job of pve did not end in time'),
    })
    await wait(first)
    expect(await archives(104)).toEqual([])
  })

  it('of several names each that failed, with its lock', async () => {
    await simulator.changeGuest(104, { lock: 'migrate' })
    const upid = await lab.proxmox.backups.start(request(101, { vmids: [104, 101] }))
    await expect(wait(upid)).rejects.toMatchObject({
      code: 'locked',
      data: {
        lock: 'migrate',
        guests: [
          { vmid: 104, state: 'failed', error: 'CT is locked (migrate)' },
          { vmid: 101, state: 'done' },
        ],
      },
    })
    expect(await archives(104)).toEqual([])
    expect(await archives(101)).toHaveLength(1)
  })

  it('whose answer is lost is found again, alone and as a job of several', async () => {
    // Of other guests than above: a task says its second only, and this one may be the same.
    for (const vmids of [[104], [104, 103]]) {
      const since = new Date()
      await simulator.fault({ cutAfter: 1 })
      const asked = request(104, { vmids })
      await expect(lab.proxmox.backups.start(asked)).rejects.toMatchObject({ code: 'unclear' })
      const upid = await lab.proxmox.backups.findStart(asked, since)
      expect(upid).toMatch(/^UPID:pve:.*:vzdump:/)
      await wait(upid ?? '')
      expect(await lab.proxmox.backups.findStart(asked, since, (each) => each === upid)).toBeUndefined()
    }
    expect((await simulator.counts()).changes['104']).toEqual({ vzdump: 2 })
  })

  it('that breaks midway leaves none', async () => {
    await simulator.fault({ taskBreaks: [{ type: 'vzdump', status: 'interrupted by signal' }] })
    await expect(wait(await lab.proxmox.backups.start(request(104)))).rejects.toMatchObject({
      code: 'failed',
    })
    expect(await archives(104)).toEqual([])
  })
})

describe('a job that ended OK', () => {
  it('has an archive of each guest on the storage, with what is in it', async () => {
    const asked = request(104, { vmids: [104, 101] })
    const upid = await lab.proxmox.backups.start(asked)
    await wait(upid)
    const found = await archivesOf(lab.proxmox, asked, upid)
    expect(found).toMatchObject([
      { vmid: 104, archive: { vmid: 104, type: 'lxc' }, log: { included: ['rootfs'] } },
      { vmid: 101, archive: { vmid: 101 } },
    ])
  })

  it('is none when one of them was not there, or its archive is gone', async () => {
    const asked = request(104, { vmids: [104, 998] })
    const upid = await lab.proxmox.backups.start(asked)
    await wait(upid)
    await expect(archivesOf(lab.proxmox, asked, upid)).rejects.toMatchObject({
      code: 'failed',
      message: 'The backup job ended, but left no archive of 998 on local.',
    })
    const [archive] = await archives(104)
    await wait(await lab.proxmox.backups.remove({ node: 'pve', archive: archive?.volid ?? '' }))
    await expect(archivesOf(lab.proxmox, request(104), upid)).rejects.toMatchObject({
      data: { missing: [104] },
    })
  })
})

describe('archives', () => {
  it('that are protected are not removed', async () => {
    const { archive } = await backUp(104, { protected: true })
    const upid = await lab.proxmox.backups.remove({ node: 'pve', archive: archive.volid })
    await expect(wait(upid)).rejects.toMatchObject({
      code: 'conflict',
      message: `${archive.volid} is protected, so it was not removed.`,
    })
    expect(await archives(104)).toHaveLength(1)
    await lab.proxmox.backups.update(
      { node: 'pve', archive: archive.volid },
      { protected: false, notes: 'old' },
    )
    expect(await archives(104)).toMatchObject([{ notes: 'old', protected: false }])
    await wait(await lab.proxmox.backups.remove({ node: 'pve', archive: archive.volid }))
    expect(await archives(104)).toEqual([])
  })

  it('that may not be seen are not "none"', async () => {
    await backUp(104)
    const who = simulator.lab.token.id
    const grant = (role: string) =>
      [who, who.split('!')[0] ?? who].map((each) => ({ path: '/', who: each, role, propagate: true }))
    await simulator.setAcl(grant('PVEAuditor'))
    await expect(archives()).rejects.toMatchObject({
      code: 'unauthorised',
      message: expect.stringContaining('lacks Datastore.AllocateSpace on /storage/local'),
    })
  })
})

describe('a restore', () => {
  it('to a new VMID has new addresses and does not start', async () => {
    const { archive } = await backUp(104)
    const upid = await lab.proxmox.backups.restore({
      node: 'pve',
      vmid: 9_901,
      type: 'lxc',
      archive: archive.volid,
      storage: 'tesla',
      unique: true,
    })
    await wait(upid)
    expect(await guestOf(9_901)).toMatchObject({ state: 'stopped', name: 'cloudflared', lock: null })
    expect((await configOf(9_901)).net0).not.toBe((await configOf(104)).net0)
    await wait(await lab.proxmox.destroy({ vmid: 9_901, type: 'lxc', node: 'pve', name: 'x' }))
    expect(await guestOf(9_901)).toBeUndefined()
    expect(await guestOf(104)).toMatchObject({ state: 'running' })
  })

  it('over a guest needs it stopped, and brings its configuration of then', async () => {
    const { archive } = await backUp(104)
    const place = { node: 'pve', vmid: 104, type: 'lxc', archive: archive.volid, storage: 'tesla' } as const
    await expect(lab.proxmox.backups.restore(place)).rejects.toMatchObject({
      message: expect.stringContaining('already exists'),
    })
    await expect(lab.proxmox.backups.restore({ ...place, force: true })).rejects.toMatchObject({
      message: expect.stringContaining('is running'),
    })
    await simulator.changeGuest(104, {
      state: 'stopped',
      config: { memory: '9999', mp0: 'tesla:new,mp=/new' },
    })
    const lost = lostInPlace(
      'lxc',
      parseConfig('rootfs: tesla:a\nmp0: tesla:new,mp=/new\n'),
      await lab.proxmox.backups.config({ node: 'pve', archive: archive.volid }),
    )
    expect(lost.map(({ target }) => target)).toEqual(['/new'])
    await wait(await lab.proxmox.backups.restore({ ...place, force: true }))
    const config = await configOf(104)
    expect(config).toMatchObject({ memory: 256 })
    expect(config.mp0).toBeUndefined()
  })

  it('of a truncated archive says so, and leaves nothing under the new VMID', async () => {
    await simulator.fault({ truncateArchives: 1 })
    const { archive } = await backUp(104)
    const upid = await lab.proxmox.backups.restore({
      node: 'pve',
      vmid: 9_902,
      type: 'lxc',
      archive: archive.volid,
      storage: 'tesla',
    })
    await expect(wait(upid)).rejects.toMatchObject({
      code: 'failed',
      message: `The restore of 9902 on pve failed: the archive ${archive.volid} ends in the middle or is damaged.`,
    })
    expect(await guestOf(9_902)).toBeUndefined()
  })

  it('of a VM, whose lost answer is found again', async () => {
    const { archive } = await backUp(130)
    const asked = {
      node: 'pve',
      vmid: 9_903,
      type: 'qemu',
      archive: archive.volid,
      storage: 'tesla',
    } as const
    const since = new Date()
    await simulator.fault({ cutAfter: 1 })
    await expect(lab.proxmox.backups.restore(asked)).rejects.toMatchObject({ code: 'unclear' })
    await wait((await lab.proxmox.backups.findRestore(asked, since)) ?? '')
    expect(await guestOf(9_903)).toMatchObject({ type: 'qemu', state: 'stopped' })
    expect((await simulator.counts()).changes['9903']).toEqual({ restore: 1 })
    await wait(await lab.proxmox.destroy({ vmid: 9_903, type: 'qemu', node: 'pve', name: 'x' }))
  })

  it.each([
    [{ storage: 'local' }, 'config', 'takes no disks of guests'],
    [{ storage: 'tesla', type: 'qemu' }, 'usage', 'is an archive of a container'],
    [
      { storage: 'tesla', unique: true, config: { net0: 'name=eth0' } },
      'usage',
      'takes the networks of the archive',
    ],
  ] as const)('with %o is refused in plain words', async (more, code, words) => {
    const { archive } = await backUp(104)
    const asked = { node: 'pve', vmid: 9_904, type: 'lxc', archive: archive.volid, ...more } as const
    await expect(lab.proxmox.backups.restore(asked)).rejects.toMatchObject({
      code,
      message: expect.stringContaining(words),
    })
    expect(await guestOf(9_904)).toBeUndefined()
  })
})
