import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { openProvisionLab, output, type ProvisionLab, words } from './provision.fixture.ts'
import { host, nothing, placesOf } from './tunnel.fixture.ts'

let simulator: Simulator
let lab: ProvisionLab
let first: ReadonlySet<number>

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.02 })
  await simulator.changeGuest(111, { remove: true })
  first = new Set((await simulator.state()).guests.map(({ vmid }) => vmid))
})
afterAll(() => simulator?.stop())
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
  for (const { vmid } of (await simulator.state()).guests)
    if (!first.has(vmid)) await simulator.changeGuest(vmid, { remove: true })
  lab = await openProvisionLab(simulator)
  return () => lab[Symbol.asyncDispose]()
})

const added = (before: string, after: string): readonly string[] => {
  const known = new Set(before.split('\n'))
  return after.split('\n').filter((line) => !known.has(line))
}

describe('provision', () => {
  it('makes it whole: container, mounts, GPU, unit, route, tunnel, backup plan, and its lines', async () => {
    // What the lab has of it from before.
    output(await lab.type('tunnel unexpose jellyfin.harmeetrai.com'))
    const before = await lab.text()
    const made = output<{ vmid: number; url: string; diff: string }>(await lab.type('provision jellyfin'))
    expect(await lab.guestNamed('jellyfin')).toMatchObject({ vmid: made.vmid, state: 'running' })
    expect(await lab.config(made.vmid)).toMatchObject({
      mp0: '/Apollo/Media,mp=/media',
      dev0: expect.stringContaining('/dev/dri/renderD128'),
      // Its blueprint says nothing of it: systemd needs it.
      features: 'nesting=1',
      unprivileged: 1,
    })
    expect(made.url).toBe(`https://${host('jellyfin')}`)
    const { comment, route, rule } = await placesOf(simulator, host('jellyfin'))
    expect(comment).toBe('homelab: jellyfin open')
    expect(route).toContain(' enabled')
    expect(rule).toBe('http://192.168.1.101:80')
    const after = await lab.text()
    expect(added(before, after)).toEqual([
      '  jellyfin:',
      `    guest: ${made.vmid}`,
      '  jellyfin:',
      '    method: vzdump',
      '    guests: [ jellyfin ]',
      '    to: [ local ]',
      '    schedule: weekly',
      '    retention: { weekly: 2 }',
      '    jellyfin.harmeetrai.com:',
      '      service: jellyfin',
      '      public: true',
    ])
    expect(after).toContain("# the family's")
    expect(words(await lab.type('guest show jellyfin'))).toMatch(/Health","value":"up/)

    // And away with it, as it was before, but for what is kept.
    const gone = output<{ archive: string; proven: boolean; kept: readonly string[] }>(
      await lab.type('deprovision jellyfin jellyfin'),
    )
    expect(gone).toMatchObject({ proven: true, kept: ['/Apollo/Media'] })
    expect(gone.archive).toContain(`vzdump-lxc-${made.vmid}-`)
    expect(await lab.guestNamed('jellyfin')).toBeUndefined()
    expect(await placesOf(simulator, host('jellyfin'))).toEqual(nothing)
    expect(await lab.text()).toBe(before)
    expect(await lab.onNode('cat /etc/subuid')).not.toContain(':1000:1')
    expect((await simulator.state()).guests.map(({ vmid }) => vmid).toSorted()).toEqual([...first].toSorted())
  })

  it('is undone in reverse when it does not answer, and says why', async () => {
    const before = await lab.text()
    const posted = await lab.type('provision quiet')
    expect(words(posted)).toMatch(/Quiet does not answer after 5 s/)
    expect(new Set((await simulator.state()).guests.map(({ vmid }) => vmid))).toEqual(first)
    expect(await placesOf(simulator, host('quiet'))).toEqual(nothing)
    expect(await lab.text()).toBe(before)
    expect(await lab.onNode('stat -c there /Apollo/Quiet; cat /etc/subuid')).not.toMatch(/there|:1000:1\n/)
  })

  it('unlocks and takes away what a killed task left half made', async () => {
    await simulator.fault({ taskBreaks: [{ type: 'vzcreate', status: 'unexpected status' }] })
    expect((await lab.type('provision jellyfin expose:false')).error).toBe('failed')
    expect(new Set((await simulator.state()).guests.map(({ vmid }) => vmid))).toEqual(first)
    expect(Object.values((await simulator.counts()).changes)).toContainEqual({ create: 1, destroy: 1 })
  })

  it('finds no room that another one, which is being made, will take', async () => {
    const before = await lab.text()
    const all = await Promise.all(
      ['quiet', 'quieter'].map(async (name) =>
        words(await lab.type(`provision quiet name:${name} memory:8000`)),
      ),
    )
    const refused = all.filter((said) =>
      /8000 MiB|7\.8 GiB of memory.* beside .* for what is being made/.test(said),
    )
    expect([refused.length, all.filter((said) => /does not answer after 5 s/.test(said)).length]).toEqual([
      1, 1,
    ])
    expect(await lab.text()).toBe(before)
    // It is over, so there is room again.
    expect(words(await lab.type('provision quiet memory:8000'))).toMatch(/does not answer after 5 s/)
  })

  it('asks inside where this machine does not reach the network of the guests', async () => {
    // TEST-NET-1: nobody is there.
    const made = output<{ address: string }>(
      await lab.type('provision jellyfin ip:192.0.2.150/24 gateway:192.0.2.1 expose:false'),
    )
    expect(made.address).toBe('192.0.2.150')
  })

  it('sets the features of a privileged container as root of the node: a token may not', async () => {
    expect(words(await lab.type('provision privileged --dry-run'))).toMatch(
      /Set its features nesting=1 \(root on pve\)/,
    )
    const { vmid } = output<{ vmid: number }>(await lab.type('provision privileged'))
    expect(await lab.config(vmid)).toMatchObject({ features: 'nesting=1' })
  })

  it('says which account does what, and gives the devices of NVIDIA that the node has', async () => {
    const posted = words(await lab.type('provision cuda --dry-run'))
    expect(posted).toMatch(/no \/dev\/nvidia0.*NVIDIA's driver must be installed.*Or go without: `gpu:false`/)
    await simulator.fault({ devices: ['/dev/nvidia0', '/dev/nvidiactl'] })
    const plan = words(await lab.type('provision cuda --dry-run'))
    expect(plan).toMatch(/Create a container from debian-12[^"]*\(API token\)/)
    expect(plan).toContain('"Give it /dev/nvidia0, /dev/nvidiactl (root on pve)"')
    expect(plan).toContain('"Install it: 1 steps (root in the container)"')
    const { vmid } = output<{ vmid: number }>(await lab.type('provision cuda'))
    const { dev0, dev1, dev2 } = await lab.config(vmid)
    expect([dev0, dev1, dev2]).toEqual(['/dev/nvidia0', '/dev/nvidiactl', undefined])
  })

  it("gives the GPU to the script's own groups", async () => {
    const { vmid } = output<{ vmid: number }>(await lab.type('provision scripted'))
    expect(await lab.config(vmid)).toMatchObject({ dev0: '/dev/dri/renderD128,gid=993' })
  })

  it('stops a helper script that asks, with its question, and leaves nothing of it', async () => {
    const posted = await lab.type('provision asking')
    expect(words(posted)).toMatch(/It asks: .*It was stopped/)
    expect(new Set((await simulator.state()).guests.map(({ vmid }) => vmid))).toEqual(first)
  })
})

describe('what is in the way is said before anything is done', () => {
  it.each([
    ['provision jelyfin', /no blueprint \\"jelyfin\\".*Did you mean.*jellyfin/],
    ['provision jellyfin name:plex', /There is a guest plex already \(CT 110 on pve\)/],
    ['provision jellyfin name:telly', /would be wrong then.*telly/],
    ['provision jellyfin vmid:110', /The VMID 110 is taken/],
    ['provision jellyfin memory:900000', /no room for Jellyfin on pve.*of memory/],
    ['provision jellyfin disk:90000', /no room for Jellyfin on pve.*on tesla/],
    // Of a guest that homelab.yaml does not name, and that would not answer while it is stopped.
    [
      'provision jellyfin ip:192.168.1.200/24 gateway:192.168.1.1',
      /192\.168\.1\.200 is the address of CT 900 by its configuration/,
    ],
    // Where Proxmox has its ports, and the router.
    [
      'provision jellyfin ip:192.168.1.10/24 gateway:192.168.1.1',
      /192\.168\.1\.10 is the address of the node pve/,
    ],
    [
      'provision jellyfin ip:192.168.1.1/24 gateway:192.168.1.1',
      /192\.168\.1\.1 is the address of its own gateway/,
    ],
    ['provision jellyfin bridge:vmbr7', /pve has no bridge vmbr7.*vmbr0/],
    [
      'provision jellyfin hostname:plex.harmeetrai.com',
      /plex\.harmeetrai\.com is the name of plex in homelab\.yaml/,
    ],
    ['provision jellyfin node:pve9', /No node \\"pve9\\" is online/],
    ['provision jellyfin storage:nvme', /no storage \\"nvme\\"/],
    ['provision old', /no template \\"debian-9\\"/],
    ['provision quiet expose:false name:Quiet.One', /cannot be the name of a container/],
    ['deprovision redis redis', /homelab\.yaml needs redis still.*services\.plex\.needs/],
    ['deprovision plex jellyfin', /To take plex away, say its name once more/],
  ])('%s', async (text, expected) => {
    const before = await simulator.counts()
    const posted = await lab.type(text)
    expect(posted.error).toBeDefined()
    expect(words(posted)).toMatch(expected)
    expect((await simulator.counts()).changes).toEqual(before.changes)
  })
})
