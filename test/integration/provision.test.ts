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
  // What the lab has of jellyfin from before.
  await lab.type('tunnel unexpose jellyfin.harmeetrai.com')
  return () => lab[Symbol.asyncDispose]()
})

const added = (before: string, after: string): readonly string[] => {
  const known = new Set(before.split('\n'))
  return after.split('\n').filter((line) => !known.has(line))
}

describe('provision', () => {
  it('makes it whole: container, mounts, GPU, unit, route, tunnel, backup plan, and its lines', async () => {
    const before = await lab.text()
    const made = output<{ vmid: number; url: string; diff: string }>(await lab.type('provision jellyfin'))
    expect(await lab.guestNamed('jellyfin')).toMatchObject({ vmid: made.vmid, state: 'running' })
    expect(await lab.config(made.vmid)).toMatchObject({
      mp0: '/Apollo/Media,mp=/media',
      dev0: expect.stringContaining('/dev/dri/renderD128'),
      unprivileged: 1,
    })
    expect(made.url).toBe(`https://${host('jellyfin')}`)
    expect(await placesOf(simulator, host('jellyfin'))).toMatchObject({
      comment: 'homelab: jellyfin public',
      route: 'homelab-jellyfin@file enabled',
    })
    const after = await lab.text()
    expect(added(before, after)).toEqual(['  jellyfin:', `    guest: ${made.vmid}`, '    method: vzdump'])
    expect(after).toContain("# the family's")
    expect(words(await lab.type('status jellyfin'))).toContain('up')
  })

  it('is undone in reverse when it does not answer, and says why', async () => {
    const before = await lab.text()
    const guests = (await simulator.state()).guests.length
    await simulator.fault({ broken: { jellyfin: 'refused' } })
    const posted = await lab.type('provision jellyfin')
    expect(words(posted)).toMatch(/Jellyfin does not answer after 10 s/)
    expect((await simulator.state()).guests).toHaveLength(guests)
    expect(await placesOf(simulator, host('jellyfin'))).toEqual(nothing)
    expect(await lab.text()).toBe(before)
  })
})

describe('what is in the way is said before anything is done', () => {
  it.each([
    ['provision jelyfin', /no blueprint \\"jelyfin\\".*Did you mean.*jellyfin/],
    ['provision jellyfin name:plex', /There is a guest plex already \(CT 110 on pve\)/],
    ['provision jellyfin vmid:110', /The VMID 110 is taken/],
    ['provision jellyfin memory:900000', /no room for Jellyfin on pve.*of memory/],
    ['provision jellyfin disk:90000', /no room for Jellyfin on pve.*on tesla/],
    ['provision jellyfin bridge:vmbr7', /pve has no bridge vmbr7.*vmbr0/],
    ['provision jellyfin hostname:plex.harmeetrai.com', /plex\.harmeetrai\.com/],
    ['provision jellyfin node:pve9', /No node \\"pve9\\" is online/],
    ['provision jellyfin storage:nvme', /no storage \\"nvme\\"/],
  ])('%s', async (text, expected) => {
    const before = await simulator.counts()
    const posted = await lab.type(text)
    expect(posted.error).toBeDefined()
    expect(words(posted)).toMatch(expected)
    expect((await simulator.counts()).changes).toEqual(before.changes)
  })
})
