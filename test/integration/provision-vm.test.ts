/** Services that are clones of a VM template, made to the end and taken away again. */
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createPve } from '../support/pve.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { makeVmTemplate } from '../support/vm-template.ts'
import { openProvisionLab, output, type ProvisionLab, words } from './provision.fixture.ts'
import { host, nothing, placesOf } from './tunnel.fixture.ts'

const blueprint = (template: string, more = '') => `title: Films
stack: media
kind: jellyfin
create: { by: vm, template: ${template} }
cores: 2
memory: 2048
disk: 40
unit: jellyfin
port: 8096
start: 10
expose: { public: true }
${more}`

let simulator: Simulator
let lab: ProvisionLab
let first: readonly number[]

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.02 })
  await simulator.fault({ stale: false })
  await makeVmTemplate(simulator, { vmid: 901, name: 'debian-12-vm', image: 'jellyfin' })
  const config = { ide2: null, agent: null }
  await makeVmTemplate(simulator, { vmid: 902, name: 'bare-vm', image: 'jellyfin', config })
  const large = { sockets: '2', cores: '2', memory: '8192', balloon: '4096' }
  await makeVmTemplate(simulator, { vmid: 903, name: 'large-vm', image: 'jellyfin', config: large })
  first = await vmids()
  lab = await openProvisionLab(simulator)
  const put = (name: string, text: string) =>
    writeFileSync(join(dirname(lab.path), 'blueprints', `${name}.yaml`), text)
  put('films', blueprint('debian-12-vm'))
  put('mute', blueprint('901', '').replace('start: 10', 'start: 5').replace('8096', '9'))
  put('bare', blueprint('bare-vm'))
  put('large', blueprint('large-vm'))
})
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]()
  await simulator?.stop()
})
beforeEach(async () => {
  await simulator.fault({ fullStorage: [], taskEnds: [] })
})

const vmids = async () => (await simulator.state()).guests.map(({ vmid }) => vmid).toSorted()
/** Disks of guests on the storage, whether a configuration names them or not. */
const disks = async () =>
  ((await createPve(simulator.lab).get('/nodes/pve/storage/tesla/content')).data as { volid: string }[])
    .map(({ volid }) => volid)
    .toSorted()
const machine = async (vmid: number) =>
  (await createPve(simulator.lab).get(`/nodes/pve/qemu/${vmid}/config`)).data as Record<string, string>

describe('a service that is a VM', () => {
  it('is cloned, sized, addressed, started, asked, exposed and saved, and goes without a trace', async () => {
    const before = await lab.text()
    const plan = words(await lab.type('provision films vmid:950 ip:127.70.0.5/8 gateway:127.0.0.1 --dry-run'))
    expect(plan).toContain(
      'Clone the VM template debian-12-vm (901): 2 cores, 2.0 GiB of memory, 40.0 GiB on tesla, bridge=vmbr0, ip=127.70.0.5/8, gw=127.0.0.1 (API token)',
    )
    expect(plan).toMatch(/There is room: [\d.]+ GiB of memory are free on pve, [\d.]+ GiB on tesla/)
    // Nothing of it is root's, and nobody enters it.
    expect(plan).not.toMatch(/root on pve|root in the container|Enable and start/)

    const made = output<{ vmid: number; type: string; address: string; url: string }>(
      await lab.type('provision films vmid:950 ip:127.70.0.5/8 gateway:127.0.0.1'),
    )
    expect(made).toMatchObject({
      vmid: 950,
      type: 'qemu',
      address: '127.70.0.5',
      url: `https://${host('films')}`,
    })
    expect((await simulator.state()).guests.find(({ vmid }) => vmid === 950)).toMatchObject({
      ...{ name: 'films', type: 'qemu', state: 'running', lock: null },
    })
    const config = await machine(950)
    expect(config).toMatchObject({
      ...{ cores: '2', memory: '2048', onboot: '1', tags: 'homelab;media', name: 'films' },
      ipconfig0: 'ip=127.70.0.5/8,gw=127.0.0.1',
      // Larger than its template's, and its own, as the drive of cloud-init is.
      scsi0: 'tesla:vm-950-disk-0,size=40G',
      ide2: 'tesla:vm-950-cloudinit,media=cdrom,size=4M',
      description: expect.stringMatching(/^Films, made by homelab \(\w{12}\)$/),
    })
    expect(config).not.toHaveProperty('template')
    expect(config.net0).not.toBe((await machine(901)).net0)
    const { comment, rule } = await placesOf(simulator, host('films'))
    expect(comment).toBe('homelab: films open')
    expect(rule).toBe('http://192.168.1.101:80')
    const after = await lab.text()
    expect(after.split('\n').filter((line) => !before.split('\n').includes(line))).toEqual([
      '  films:',
      '    guest: 950',
      '    kind: jellyfin',
      '  films:',
      '    method: vzdump',
      '    guests: [ films ]',
      '    to: [ local ]',
      '    schedule: weekly',
      '    retention: { weekly: 2 }',
      '    films.harmeetrai.com:',
      '      service: films',
      '      public: true',
    ])
    expect(words(await lab.type('guest show films'))).toMatch(/Health","value":"up/)

    const gone = output<{ archive: string }>(await lab.type('deprovision films films'))
    expect(gone.archive).toContain('vzdump-qemu-950-')
    expect(await vmids()).toEqual(first)
    expect(await placesOf(simulator, host('films'))).toEqual(nothing)
    expect(await lab.text()).toBe(before)
  })

  it('has the cores and the memory of its blueprint, whatever its template has', async () => {
    const { vmid } = output<{ vmid: number }>(await lab.type('provision large expose:false'))
    expect(await machine(vmid)).toMatchObject({ sockets: '1', cores: '2', memory: '2048', balloon: '2048' })
    output(await lab.type('deprovision large large backup:false drill:false'))
    expect(await vmids()).toEqual(first)
    // What is larger than the memory is not taken by Proxmox.
    const { reason } = await createPve(simulator.lab).put('/nodes/pve/qemu/903/config', { memory: '2048' })
    expect(reason).toMatch(/balloon value too large/)
  })

  it('has its address by DHCP from its agent, and leaves nothing when it does not answer', async () => {
    const before = await lab.text()
    expect(words(await lab.type('provision mute'))).toMatch(/Films does not answer after 5 s/)
    expect(await vmids()).toEqual(first)
    expect(await placesOf(simulator, host('mute'))).toEqual(nothing)
    expect(await lab.text()).toBe(before)
  })

  it.each([
    [
      'is cloned, by a worker that is killed',
      { taskBreaks: [{ type: 'qmclone', status: 'unexpected status' }] },
      /qmclone of VM 901 on pve failed: it was killed/,
    ],
    [
      'is cloned, at the last moment',
      { taskEnds: [{ type: 'qmclone', status: 'unexpected status' }] },
      /qmclone of VM 901 on pve failed: it was killed/,
    ],
    ['is cloned, for want of room', { fullStorage: ['tesla'] }, /tesla is full|out of space/],
    [
      'is started',
      { taskEnds: [{ type: 'qmstart', status: 'start failed: QEMU exited with code 1' }] },
      /did not start.*QEMU exited with code 1/,
    ],
  ])('is taken back when it fails while it %s', async (_when, faults, expected) => {
    const before = await lab.text()
    const there = await disks()
    await simulator.fault(faults)
    const posted = await lab.type('provision films')
    expect(words(posted)).toMatch(expected)
    expect(words(posted)).not.toContain('Not taken back')
    expect(await vmids()).toEqual(first)
    expect(await disks()).toEqual(there)
    expect(await placesOf(simulator, host('films'))).toEqual(nothing)
    expect(await lab.text()).toBe(before)
    expect((await simulator.state()).guests.find(({ vmid }) => vmid === 901)?.lock).toBeNull()
  })

  it('takes no disk away that was on the storage under its number before', async () => {
    const there = await disks()
    // As a clone leaves it that was killed, and whose VM a person has destroyed since.
    await simulator.fault({ taskBreaks: [{ type: 'qmclone', status: 'unexpected status' }] })
    const pve = createPve(simulator.lab)
    const { data } = await pve.post('/nodes/pve/qemu/902/clone', { newid: '955', name: 'old', full: '1' })
    await simulator.waitFor({ kind: 'task', upid: String(data), status: 'unexpected status' })
    await simulator.changeGuest(955, { remove: true })
    const rescued = 'tesla:vm-955-disk-0'
    expect(await disks()).toEqual([...there, rescued].toSorted())

    await simulator.fault({ taskBreaks: [{ type: 'qmclone', status: 'unexpected status' }] })
    const posted = await lab.type('provision films vmid:955')
    expect(words(posted)).toMatch(/it was killed/)
    expect(words(posted)).not.toContain('Not taken back')
    expect(await vmids()).toEqual(first)
    expect(await disks()).toEqual([...there, rescued].toSorted())
    await pve.call('DELETE', `/nodes/pve/storage/tesla/content/${encodeURIComponent(rescued)}`)
  })

  it.each([
    ['provision films disk:900', /no room for Films on pve: it wants 900 GiB on tesla, and \d+ GiB are free/],
    ['provision films node:pve9', /No node .*pve9/],
    ['provision films gateway:192.168.1.1', /A gateway goes with an address of its own/],
    ['provision films ip:192.168.1.200/24', /192\.168\.1\.200 is the address of CT 900/],
    ['provision films bridge:vmbr7', /pve has no bridge vmbr7/],
    ['provision bare ip:192.168.1.60/24', /template bare-vm has no drive for cloud-init/],
    ['provision bare', /Nobody would know the address of a VM from bare-vm: it has no guest agent/],
  ])('says before anything is done what is in the way: %s', async (text, expected) => {
    const before = await simulator.counts()
    const posted = await lab.type(text)
    expect(posted.error).toBeDefined()
    expect(words(posted)).toMatch(expected)
    expect((await simulator.counts()).changes).toEqual(before.changes)
  })

  it('is made without being asked when nobody will know its address, and says so', async () => {
    const unasked = 'Whether Films answers is not asked: its address will not be known.'
    const plan = words(await lab.type('provision bare expose:false --dry-run'))
    expect(plan).not.toContain('Wait until it answers')
    expect(plan).toContain(unasked)
    const posted = await lab.type('provision bare expose:false')
    const made = output<{ vmid: number; asked: boolean; address?: string }>(posted)
    expect((await simulator.state()).guests.find(({ vmid }) => vmid === made.vmid)).toMatchObject({
      ...{ name: 'bare', state: 'running', lock: null },
    })
    expect(made.asked).toBe(false)
    expect(made.address).toBeUndefined()
    expect(words(posted)).toContain('Films is there; whether it answers was not asked')
    expect(words(posted)).toContain(unasked)
    output(await lab.type('deprovision bare bare backup:false drill:false'))
    expect(await vmids()).toEqual(first)
  })

  it('is made once when the answer of Proxmox is lost', async () => {
    await simulator.fault({ cutAfter: 1 })
    const { vmid } = output<{ vmid: number }>(await lab.type('provision films expose:false'))
    expect((await simulator.counts()).changes[vmid]?.clone).toBe(1)
    expect(await vmids()).toEqual([...first, vmid].toSorted())
    output(await lab.type('deprovision films films backup:false drill:false'))
    expect(await vmids()).toEqual(first)
  })

  it('needs no SSH to its node, and says what nobody can do there then', async () => {
    await using alone = await openProvisionLab(simulator, '', (text) =>
      text.replace(/^ {2}ssh:\n.*\n/m, '').replace(/^repositories:\n(?:.*\n)+?network:/m, 'network:'),
    )
    writeFileSync(join(dirname(alone.path), 'blueprints', 'films.yaml'), blueprint('debian-12-vm'))
    const films = 'provision films expose:false ip:127.70.0.6/8 gateway:127.0.0.1'
    expect(words(await alone.type(`${films} --dry-run`))).toMatch(
      /no SSH access to pve: whether 127\.70\.0\.6\/8 is free is not known/,
    )
    const { vmid } = output<{ vmid: number }>(await alone.type(films))
    expect(await machine(vmid)).toMatchObject({ ipconfig0: 'ip=127.70.0.6/8,gw=127.0.0.1' })
    await simulator.changeGuest(vmid, { remove: true })

    await simulator.fault({ taskBreaks: [{ type: 'qmclone', status: 'unexpected status' }] })
    const said = words(await alone.type('provision films name:more expose:false'))
    const [left] = (await vmids()).filter((each) => !first.includes(each))
    expect(said).toContain(`VM ${left} was left half made, and is locked (clone)`)
    await simulator.changeGuest(Number(left), { remove: true })
  })

  it('warns of what a template cannot do', async () => {
    const posted = words(await lab.type('provision bare expose:false disk:16 --dry-run'))
    expect(posted).toMatch(/bare-vm has no guest agent/)
    expect(posted).toMatch(/Its template's disk is larger than `disk`, and stays so/)
    expect(posted).toContain('32.0 GiB on tesla')
    expect(words(await lab.type('provision bare expose:false --dry-run'))).toMatch(
      /the partition on it has to be enlarged from inside/,
    )
  })
})
