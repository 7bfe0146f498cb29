/** Guests through Proxmox on the simulated lab: saved, listed, proven, restored. End states first. */
import type { Inventory } from '@homelab/core/inventory'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

let simulator: Simulator
let desk: InlineDesk

const guestsPlan = (inventory: Inventory): Inventory => ({
  ...inventory,
  repositories: [{ name: 'local', storage: 'local', append_only: false }],
  backups: inventory.backups
    .filter(({ method }) => method === 'vzdump')
    .flatMap((plan) => [
      { ...plan, to: ['local'], guests: ['plex', 'vaultwarden'] },
      { ...plan, name: 'vault', to: ['local'], guests: ['vaultwarden'], retention: { last: 2 } },
      { ...plan, name: 'plex', to: ['local'], guests: ['plex'] },
      {
        ...plan,
        name: 'yearly',
        to: ['local'],
        guests: ['vaultwarden'],
        retention: { last: 1 },
        compress: 'gzip',
        notes: 'kept for {{vmid}}',
        protected: true,
      },
    ]) as typeof inventory.backups,
})

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.02 })
})
afterAll(() => simulator?.stop())
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
  desk = await inlineDesk(await sourceOf(simulator, { change: guestsPlan }))
})
afterEach(() => desk[Symbol.asyncDispose]())

const type = async (text: string): Promise<Posted> => desk.desk.settled(desk.submit(text, true).id)
const output = <T>(posted: Posted): T => posted.output as T
const words = ({ card }: Posted): string => JSON.stringify(card)
const guests = async () => (await simulator.state()).guests
const guest = async (vmid: number) => (await guests()).find((each) => each.vmid === vmid)

/** Of the newest archive of each guest in `backup list`. */
const archives = async (): Promise<string[]> =>
  output<{ snapshots: { snapshot: string; ageMs: number }[] }>(
    await type('backup list lxc limit:1000'),
  ).snapshots.map(({ snapshot }) => snapshot)

it('saves each guest by a task of its own, and says fresh when the storage has them', async () => {
  const before = await archives()
  const posted = await type('backup run lxc')
  expect([posted.error, output<{ done: object[] }>(posted).done]).toMatchObject([
    undefined,
    [
      { guest: 'plex', repository: 'local', bytes: expect.any(Number) },
      { guest: 'vaultwarden', repository: 'local' },
    ],
  ])
  const { changes } = await simulator.counts()
  expect([changes['110']?.vzdump, changes['123']?.vzdump]).toEqual([1, 1])
  const made = (await archives()).filter((volid) => !before.includes(volid))
  expect(made.filter((volid) => /-(110|123)-/.test(volid))).toHaveLength(2)
  const status = await type('backup status lxc fresh:true')
  expect(output<{ plans: object[] }>(status).plans).toMatchObject([{ plan: 'lxc', state: 'fresh' }])
})

it('saves the others when one cannot be saved, and names the one', async () => {
  await simulator.fault({ taskBreaks: [{ type: 'vzdump', status: 'job errors' }] })
  const posted = await type('backup run lxc')
  const { changes } = await simulator.counts()
  expect(changes['123']?.vzdump).toBe(1)
  expect([posted.error, words(posted)]).toEqual(['failed', expect.stringContaining('not plex')])
})

it('removes old archives by the retention, and none while the newest is suspiciously small', async () => {
  const own = async () => {
    const found = (await archives()).filter((volid) => /-123-/.test(volid))
    return found
  }
  const before = await own()
  for (let count = 0; count < 3; count += 1) expect((await type('backup run vault')).error).toBeUndefined()
  const kept = (await own()).filter((volid) => !before.includes(volid))
  // The retention of the test keeps two; what no plan of ours made is not ours to remove.
  expect([kept.length, before.every((volid) => !kept.includes(volid))]).toEqual([2, true])
  expect(await own()).toEqual(expect.arrayContaining(before))

  await simulator.fault({ truncateArchives: 1 })
  const small = await type('backup run vault')
  expect([small.error, words(small)]).toEqual([undefined, expect.stringContaining('smaller than it was')])
  expect(await own()).toHaveLength(before.length + 3)
  const status = await type('backup status vault fresh:true')
  expect(words(status)).toContain('smaller')
  const refused = await type('backup prune vault')
  expect([refused.error, words(refused)]).toEqual(['conflict', expect.stringContaining('Nothing is removed')])
  expect(await own()).toHaveLength(before.length + 3)

  expect((await type('backup prune vault force:true')).error).toBeUndefined()
  expect(await own()).toHaveLength(before.length + 2)
  // Somebody has looked: the small one is what the next is compared with.
  await simulator.fault({ truncateArchives: 1 })
  expect(words(await type('backup run vault'))).not.toContain('smaller than it was')
})

it('compresses, notes and protects as the plan says, and removes nothing that is protected', async () => {
  for (let count = 0; count < 2; count += 1) expect((await type('backup run yearly')).error).toBeUndefined()
  const stored = output<{
    archives: readonly { volid: string; notes?: string; protected: boolean }[]
  }>(await type('guest archives vaultwarden')).archives.filter(({ notes }) => notes?.includes('plan yearly'))
  expect(stored).toMatchObject([
    { notes: 'kept for 123, vaultwarden, plan yearly', protected: true },
    { notes: 'kept for 123, vaultwarden, plan yearly', protected: true },
  ])
  expect(stored.map(({ volid }) => volid.slice(volid.indexOf('.')))).toEqual(['.tar.gz', '.tar.gz'])
  // It is known again as the plan's own.
  const status = await type('backup status yearly fresh:true')
  expect(output<{ plans: object[] }>(status).plans).toMatchObject([{ plan: 'yearly', state: 'fresh' }])
})

it('restores a guest beside itself, stopped, with an address of its own', async () => {
  await type('backup run plex')
  const there = (await guests()).map(({ vmid }) => vmid)
  const posted = await type('guest restore plex')
  expect([posted.error, words(posted)]).toEqual([undefined, expect.stringContaining('is restored as guest')])
  const { vmid } = output<{ vmid: number }>(posted)
  expect(there).not.toContain(vmid)
  expect(await guest(vmid)).toMatchObject({ state: 'stopped' })
  expect(await guest(110)).toMatchObject({ state: 'running' })
})

it('restores in place only what is stopped, and says before what would be lost', async () => {
  await type('backup run plex')
  const unnamed = await type('guest restore plex inplace:true')
  expect([unnamed.error, words(unnamed)]).toEqual([
    'usage',
    expect.stringContaining('guest restore plex vzdump-'),
  ])
  const [archive = ''] = (await archives())
    .filter((volid) => /-110-/.test(volid))
    .map((volid) => volid.split('/').at(-1) ?? '')
  const refused = await type(`guest restore plex ${archive} inplace:true`)
  expect([refused.error, words(refused)]).toEqual(['conflict', expect.stringContaining('stop plex')])
  expect(await guest(110)).toMatchObject({ state: 'running' })
  await type('stop plex')
  const dry = await type(`guest restore plex ${archive} inplace:true --dry-run`)
  expect(words(dry)).toContain('is lost')
  expect((await simulator.counts()).changes['110']?.restore).toBeUndefined()
  const posted = await type(`guest restore plex ${archive} inplace:true`)
  expect([posted.error, words(posted)]).toEqual([undefined, expect.stringContaining('plex is restored')])
  expect(await guest(110)).toMatchObject({ state: 'stopped', name: 'plex' })
})

it('proves an archive by a copy that boots, and leaves nothing of it', async () => {
  await type('backup run vault')
  const there = (await guests()).map(({ vmid }) => vmid)
  const posted = await type('guest drill vaultwarden')
  expect([posted.error, words(posted)]).toEqual([undefined, expect.stringContaining('boots')])
  expect(output(posted)).toMatchObject({ system: 'running' })
  expect((await guests()).map(({ vmid }) => vmid)).toEqual(there)
})

it('names what is in no backup', async () => {
  const posted = await type('backup coverage')
  const { rows } = output<{ rows: { name: string; covered: string[]; replaceable?: string }[] }>(posted)
  const bare = rows.filter(({ covered, replaceable }) => covered.length === 0 && replaceable === undefined)
  const names = bare.map(({ name }) => name)
  expect(names).toContain('immich')
  expect(names).not.toContain('plex')
  expect(names).not.toContain('/Apollo/Media')
  expect(words(posted)).toContain('are in no backup')
})
