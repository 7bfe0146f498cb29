/** Guests and archives that go for good, and the archives that are made before. */
import { describe, expect, it } from 'vitest'
import { createPve } from '../support/pve.ts'
import { changes, guest, type Made, output, simulator, type, useLab, words } from './guest-life.fixture.ts'

useLab()

describe('guest delete', () => {
  const make = async (name: string, more = '') =>
    output<Made>(await type(`guest create ${name} debian-12 storage:tesla ${more}`)).vmid

  it('takes a stopped guest with its disks, when its name is said twice', async () => {
    const vmid = await make('web', 'start:false')
    const wrong = await type(`guest delete web plex`)
    expect(wrong).toMatchObject({ error: 'usage' })
    expect(await guest(vmid)).toBeDefined()
    expect(output(await type('guest delete web web'))).toMatchObject({
      vmid,
      volumes: [`tesla:subvol-${vmid}-disk-0 (rootfs, 8G)`],
    })
    expect(await guest(vmid)).toBeUndefined()
    expect(await changes(vmid)).toEqual({ create: 1, destroy: 1 })
  })

  it('asks first: what is lost, what stays, and the archive that there is', async () => {
    await simulator.changeGuest(121, {
      state: 'stopped',
      config: { mp1: 'tesla:subvol-121-disk-1,mp=/data,size=2G' },
    })
    const asked = await type('guest delete nextcloud nextcloud', false)
    expect(asked.state).toBe('asking')
    expect(words(asked)).toMatch(/subvol-121-disk-0 \(rootfs, 16G\), tesla:subvol-121-disk-1 \(mp1, 2G\)/)
    expect(words(asked)).toContain('/Apollo/Nextcloud of the host stays')
    expect(words(asked)).toMatch(/newest archive is of 2 d.* ago on local, known to be there, and not proven/)
    expect(words(asked)).toContain('tesla:subvol-121-disk-1 (mp1, 2G) is in no archive')
    await simulator.changeGuest(121, { config: { mp1: null } })
    await simulator.changeGuest(111, { state: 'stopped' })
    expect(words(await type('guest delete jellyfin 111', false))).toContain(
      'has no archive: nothing brings it back',
    )
  })

  it('refuses what is protected, naming how to lift it', async () => {
    const vmid = await make('web', 'start:false')
    output(await type('guest set web protection:true'))
    const posted = await type('guest delete web web')
    expect(posted).toMatchObject({ error: 'conflict' })
    expect(words(posted)).toContain(`guest set ${vmid} protection:false`)
    output(await type(`guest set ${vmid} protection:false`))
    output(await type('guest delete web web'))
    expect(await guest(vmid)).toBeUndefined()
  })

  it('refuses one that runs, unless it is to be stopped', async () => {
    const vmid = await make('web')
    expect(await type('guest delete web web')).toMatchObject({
      error: 'conflict',
      card: { text: expect.stringContaining('web runs') },
    })
    output(await type('guest delete web web stop:true'))
    expect(await guest(vmid)).toBeUndefined()
    expect(await changes(vmid)).toEqual({ create: 1, start: 1, shutdown: 1, destroy: 1 })
  })

  it('refuses one that HA manages, unless it is taken out of it', async () => {
    const vmid = await make('web', 'start:false')
    await simulator.changeGuest(vmid, { ha: 'stopped' })
    expect(words(await type('guest delete web web'))).toContain('purge:true')
    output(await type('guest delete web web purge:true'))
    expect(await guest(vmid)).toBeUndefined()
  })

  it('is done once when the answer is lost', async () => {
    const vmid = await make('web', 'start:false')
    await simulator.fault({ cutAfter: 1 })
    output(await type('guest delete web web'))
    expect(await guest(vmid)).toBeUndefined()
    expect(await changes(vmid)).toEqual({ create: 1, destroy: 1 })
  })

  it('that fails shows the end of the log', async () => {
    const vmid = await make('web', 'start:false')
    await simulator.fault({ taskBreaks: [{ type: 'vzdestroy', status: 'dataset is busy' }] })
    const posted = await type('guest delete web web')
    expect(posted).toMatchObject({
      error: 'failed',
      card: { text: expect.stringContaining('dataset is busy') },
    })
    expect(await guest(vmid)).toBeDefined()
  })
})

describe('guest backup, and the archives', () => {
  interface Archives {
    readonly archives: readonly {
      readonly volid: string
      readonly protected: boolean
      readonly notes?: string
    }[]
  }
  const archivesOf = async (name: string) => output<Archives>(await type(`guest archives ${name}`)).archives

  it('leaves an archive, says what is not in it, and keeps the older ones', async () => {
    const before = await archivesOf('immich')
    const saved = output<{ archive: string }>(await type('guest backup immich notes:"before the update"'))
    expect(saved).toMatchObject({
      storage: 'local',
      excluded: [{ key: 'mp0', target: '/apollo/photos', why: 'not a volume' }],
    })
    const after = await archivesOf('immich')
    expect(after).toHaveLength(before.length + 1)
    expect(after[0]).toMatchObject({ volid: saved.archive, notes: 'before the update', protected: false })
    output(await type(`guest discard ${saved.archive}`))
    expect(await archivesOf('immich')).toEqual(before)
  })

  it('needs no more than VM.Backup and Datastore.AllocateSpace', async () => {
    const who = simulator.lab.token.id
    await simulator.setAcl(
      [who, who.split('!')[0] ?? who].map((each) => ({
        path: '/',
        who: each,
        privs: ['VM.Audit', 'VM.Backup', 'Datastore.AllocateSpace', 'Datastore.Audit', 'Sys.Audit'],
      })),
    )
    const saved = output<{ archive: string }>(await type('guest backup cloudflared'))
    output(await type(`guest discard ${saved.archive}`))
  })

  it('is begun once when the answer is lost, and fails with the end of the log', async () => {
    await simulator.fault({ cutAfter: 1 })
    const saved = output<{ archive: string }>(await type('guest backup cloudflared'))
    expect(await changes(104)).toEqual({ vzdump: 1 })
    output(await type(`guest discard ${saved.archive}`))
    await simulator.fault({ fullStorage: ['local'] })
    const posted = await type('guest backup cloudflared')
    expect(posted).toMatchObject({ error: 'failed', card: { text: expect.stringContaining('is full') } })
    expect(await archivesOf('cloudflared')).toEqual([])
  })

  it('asks before one is deleted, and refuses a protected one', async () => {
    const saved = output<{ archive: string }>(await type('guest backup cloudflared protected:true'))
    const refused = await type(`guest discard ${saved.archive}`)
    expect(refused).toMatchObject({ error: 'conflict', card: { text: expect.stringContaining('protected') } })
    expect(await archivesOf('cloudflared')).toHaveLength(1)
    await createPve(simulator.lab).put(
      `/nodes/pve/storage/local/content/${encodeURIComponent(saved.archive)}`,
      { protected: '0' },
    )
    const asked = await type(`guest discard ${saved.archive.split('/')[1]}`, false)
    expect(asked.state).toBe('asking')
    expect(words(asked)).toContain('the only archive of guest 104')
    await simulator.fault({ cutAfter: 1 })
    expect(output(await type(`guest discard ${saved.archive}`))).toMatchObject({ left: 0 })
    expect(await archivesOf('cloudflared')).toEqual([])
  })

  it('says which storage could not be looked at instead of "none"', async () => {
    const who = simulator.lab.token.id
    await simulator.setAcl(
      [who, who.split('!')[0] ?? who].map((each) => ({ path: '/', who: each, role: 'PVEAuditor' })),
    )
    const posted = await type('guest archives plex')
    expect(output(posted)).toMatchObject({ archives: [], problems: [{ storage: 'local' }] })
    expect(words(posted)).toContain('Datastore.AllocateSpace')
    expect((await type('guest discard vzdump-lxc-1-x.tar')).error).toBe('not-found')
  })
})
