/** Guests that are made from a template and from other guests: end states first, calls after. */
import { describe, expect, it } from 'vitest'
import { createPve } from '../support/pve.ts'
import {
  changes,
  config,
  disks,
  guest,
  type Made,
  named,
  output,
  simulator,
  type,
  useLab,
  words,
} from './guest-life.fixture.ts'

useLab()

describe('guest create', () => {
  it('makes a container as it was asked for, and starts it', async () => {
    const made = output<Made>(
      await type(
        'guest create web debian-12 storage:tesla size:16 cores:2 memory:1024 swap:256 tags:apps,Test ' +
          'net:name=eth0,bridge=vmbr0,ip=192.168.1.60/24,gw=192.168.1.1 nameserver:1.1.1.1 features:nesting=1 ' +
          'password:env:ROOT_PASSWORD',
      ),
    )
    expect(await guest(made.vmid)).toMatchObject({ name: 'web', state: 'running', lock: null })
    expect(await config(made.vmid)).toMatchObject({
      hostname: 'web',
      cores: 2,
      memory: 1024,
      swap: 256,
      tags: 'apps;test',
      nameserver: '1.1.1.1',
      features: 'nesting=1',
      unprivileged: 1,
      rootfs: `tesla:subvol-${made.vmid}-disk-0,size=16G`,
      net0: expect.stringContaining('ip=192.168.1.60/24'),
    })
    expect(made.status).toBe('running')
    expect(await changes(made.vmid)).toEqual({ create: 1, start: 1 })
  })

  it('leaves it stopped when told to, under the VMID that was asked for', async () => {
    const made = output<Made>(await type('guest create web debian-12 storage:tesla vmid:444 start:false'))
    expect(made).toMatchObject({ vmid: 444, status: 'stopped' })
    expect(await guest(444)).toMatchObject({ state: 'stopped' })
  })

  it('takes another number when somebody else was faster', async () => {
    const next = Number((await createPve(simulator.lab).get('/cluster/nextid')).data)
    const mark = await simulator.mark()
    await simulator.fault({ holdBefore: 1 })
    const running = type('guest create web debian-12 storage:tesla start:false')
    await simulator.waitFor({ kind: 'held' }, { after: mark })
    await createPve(simulator.lab).post('/nodes/pve/lxc', {
      vmid: String(next),
      hostname: 'faster',
      ostemplate: 'local:vztmpl/debian-12-standard_12.7-1_amd64.tar.zst',
      storage: 'tesla',
      unprivileged: '1',
    })
    await simulator.release()
    const made = output<Made>(await running)
    expect(made.vmid).not.toBe(next)
    expect(await guest(made.vmid)).toMatchObject({ name: 'web' })
    expect(await guest(next)).toMatchObject({ name: 'faster' })
  })

  it('refuses a VMID that is taken, a template and a storage that are not there, with those that are', async () => {
    expect(await type('guest create web debian-12 storage:tesla vmid:110')).toMatchObject({
      error: 'conflict',
      card: { text: 'The VMID 110 is taken.' },
    })
    expect(words(await type('guest create web alpine storage:tesla'))).toContain('debian-12-standard_12.7-1')
    const nowhere = await type('guest create web debian-12 storage:local')
    expect(nowhere.error).toBe('not-found')
    expect(words(nowhere)).toContain('local-lvm, tesla')
    expect(words(await type('guest create web debian-12'))).toMatch(/several storages.*local-lvm, tesla/)
    expect((await simulator.counts()).changes).toEqual({})
  })

  it('wants a reference to a password, and one that Proxmox takes', async () => {
    const typed = await type('guest create web debian-12 storage:tesla password:hunter22')
    expect(typed.error).toBe('usage')
    const short = await type('guest create web debian-12 storage:tesla password:env:SHORT')
    expect(short).toMatchObject({ error: 'config', card: { text: expect.stringContaining('too short') } })
    expect((await type('guest create web debian-12 storage:tesla ssh-keys:"-----BEGIN KEY"')).error).toBe(
      'usage',
    )
    expect((await simulator.counts()).changes).toEqual({})
  })

  it.each([{ cutAfter: 1 }, { answer596: 1 }])('is made once when the answer is lost: %o', async (fault) => {
    await simulator.fault(fault)
    const made = output<Made>(await type('guest create web debian-12 storage:tesla start:false'))
    expect(await named('web')).toHaveLength(1)
    expect(await changes(made.vmid)).toEqual({ create: 1 })
  })

  it('that never arrived is not sent again, and says so', async () => {
    await simulator.fault({ cutBefore: 1 })
    const posted = await type('guest create web debian-12 storage:tesla vmid:448 start:false')
    expect(posted.error).toBe('unclear')
    expect(await named('web')).toEqual([])
  }, 30_000)

  it('says what is wrong when the storage is full, and leaves nothing', async () => {
    await simulator.fault({ fullStorage: ['tesla'] })
    const posted = await type('guest create web debian-12 storage:tesla')
    expect(posted).toMatchObject({ error: 'failed', card: { text: expect.stringContaining('is full') } })
    expect(words(posted)).toContain('out of space')
    expect(await named('web')).toEqual([])
  })

  it('takes away what a killed task left half made', async () => {
    const there = await disks('tesla')
    await simulator.fault({ taskBreaks: [{ type: 'vzcreate', status: 'unexpected status' }] })
    const posted = await type('guest create web debian-12 storage:tesla vmid:445')
    expect(posted).toMatchObject({ error: 'failed', card: { text: expect.stringContaining('killed') } })
    expect(await guest(445)).toBeUndefined()
    expect(await changes(445)).toEqual({ create: 1, destroy: 1 })
    expect(await disks('tesla')).toEqual(there)
  })

  it('that is made and does not start stays, and says so', async () => {
    await simulator.fault({
      taskEnds: [{ type: 'vzstart', status: 'startup failed', log: ['lxc_spawn: no bridge vmbr7'] }],
    })
    const posted = await type('guest create web debian-12 storage:tesla vmid:446')
    expect(posted.error).toBe('failed')
    expect(posted.card.text).toMatch(/^web is made \(CT 446 on pve\), but it did not start/)
    expect(words(posted)).toContain('no bridge vmbr7')
    expect(await guest(446)).toMatchObject({ name: 'web', lock: null })
  })

  it('names the privilege that is missing', async () => {
    const who = simulator.lab.token.id
    await simulator.setAcl(
      [who, who.split('!')[0] ?? who].flatMap((each) => [
        { path: '/', who: each, role: 'PVEAuditor' },
        { path: '/storage', who: each, role: 'PVEDatastoreAdmin' },
      ]),
    )
    const posted = await type('guest create web debian-12 storage:tesla vmid:447')
    expect(posted).toMatchObject({ error: 'unauthorised' })
    expect(words(posted)).toMatch(/lacks VM\.Allocate on \/vms\/447/)
  })

  it('warns of what one may not have meant, on a dry run', async () => {
    const posted = await type('guest create plex debian-12 storage:tesla unprivileged:false --dry-run')
    expect(words(posted)).toMatch(/privileged.*neither a password nor a key.*CT 110 on pve has this name too/)
    expect((await simulator.counts()).changes).toEqual({})
  })
})

describe('guest clone', () => {
  it('copies a stopped container with its own disks and addresses', async () => {
    await simulator.changeGuest(123, { state: 'stopped' })
    const made = output<Made>(await type('guest clone vaultwarden vault-test'))
    expect(await guest(made.vmid)).toMatchObject({ name: 'vault-test', state: 'stopped', lock: null })
    const [copy, original] = [await config(made.vmid), await config(123)]
    expect(copy.rootfs).toBe(`tesla:subvol-${made.vmid}-disk-0,size=4G`)
    expect(copy.net0).not.toBe(original.net0)
    expect(await guest(123)).toMatchObject({ lock: null })
  })

  it('says of a running one that it must be stopped, and of one with folders of the host how else', async () => {
    expect(await type('guest clone vaultwarden')).toMatchObject({
      error: 'conflict',
      card: { text: expect.stringContaining('vaultwarden runs') },
    })
    await simulator.changeGuest(120, { state: 'stopped' })
    const bound = await type('guest clone immich')
    expect(bound).toMatchObject({
      error: 'conflict',
      card: { text: 'immich cannot be cloned: its mp0 (/Apollo/Photos) is of the host.' },
    })
    expect(words(bound)).toContain('guest restore immich')
    expect((await simulator.counts()).changes).toEqual({})
  })

  it('links to a template only', async () => {
    const made = output<Made>(await type('guest clone debian-12-template web linked:true start:true'))
    expect(made.status).toBe('running')
    expect((await config(made.vmid)).rootfs).toBe(`tesla:base-900-disk-0/subvol-${made.vmid}-disk-0,size=4G`)
    expect((await config(made.vmid)).template).toBeUndefined()
    expect(words(await type('guest clone vaultwarden web linked:true'))).toContain('Only a template can')
    expect(words(await type('guest clone 900 web linked:true storage:tesla'))).toContain(
      'stays on the storage',
    )
  })

  it('copies a running VM', async () => {
    const made = output<Made>(await type('guest clone homeassistant ha-test vmid:460'))
    expect(await guest(made.vmid)).toMatchObject({ type: 'qemu', name: 'ha-test', state: 'stopped' })
    expect(await guest(130)).toMatchObject({ state: 'running' })
  })

  it.each([{ cutAfter: 1 }, { answer596: 1 }])('is made once when the answer is lost: %o', async (fault) => {
    await simulator.fault(fault)
    const made = output<Made>(await type('guest clone 900 web'))
    expect(await named('web')).toHaveLength(1)
    expect(await changes(made.vmid)).toEqual({ clone: 1 })
  })

  it('takes away what a killed task left half made', async () => {
    const there = await disks('tesla')
    await simulator.fault({ taskBreaks: [{ type: 'vzclone', status: 'unexpected status' }] })
    expect((await type('guest clone 900 web vmid:461')).error).toBe('failed')
    expect(await guest(461)).toBeUndefined()
    expect(await disks('tesla')).toEqual(there)
    expect(await guest(900)).toMatchObject({ lock: null })
  })
})
