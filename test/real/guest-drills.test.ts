/** Drills of a plan of whole guests, one guest at a time: what is kept of them is in the notes of the archives alone. */
import type { Inventory } from '@homelab/core/inventory'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { openProvisionLab } from '../integration/provision.fixture.ts'
import { createPve } from '../support/pve.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

const containers = ['cloudflared', 'plex', 'vaultwarden']

/** `turns` keeps all, `last` one archive of each guest, `two` two, `mixed` has a VM. */
const plans = (inventory: Inventory): Inventory => {
  const [plan] = inventory.backups.filter(({ method }) => method === 'vzdump')
  const common = { ...plan, to: ['local'], drill: { schedule: '0 2 * * 1' }, retention: {} }
  return {
    ...inventory,
    repositories: [
      { name: 'local', title: 'Local', storage: 'local', append_only: false },
      ...inventory.repositories.filter(({ name }) => name === 'b2'),
    ],
    backups: [
      { ...common, name: 'turns', title: 'Guests', guests: containers },
      { ...common, name: 'last', title: 'Last', guests: ['vaultwarden'], retention: { last: 1 } },
      { ...common, name: 'two', title: 'Two', guests: ['vaultwarden'], retention: { last: 2 } },
      { ...common, name: 'pair', title: 'Pair', guests: ['plex', 'vaultwarden'], retention: { last: 1 } },
      { ...common, name: 'mixed', title: 'Mixed', guests: ['130', 'plex'] },
    ] as typeof inventory.backups,
  }
}

let simulator: Simulator
const desks: InlineDesk[] = []
beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.02 })
})
afterAll(() => simulator?.stop())
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
  for (const { volid } of await archives()) await pve().call('DELETE', contentOf(volid))
  await expect.poll(() => archives()).toEqual([])
})
afterEach(async () => {
  for (const desk of desks.splice(0)) await desk[Symbol.asyncDispose]()
})

const pve = () => createPve(simulator.lab)
const contentOf = (volid: string) => `/nodes/pve/storage/local/content/${encodeURIComponent(volid)}`
const archives = async (vmid?: number) => {
  const { data } = await pve().get('/nodes/pve/storage/local/content?content=backup')
  const all = data as { readonly volid: string; readonly vmid: number; readonly notes?: string }[]
  return all.filter((each) => vmid === undefined || each.vmid === vmid)
}
const notesOf = async (vmid: number) => (await archives(vmid)).map(({ notes }) => notes)
const scratch = async () => (await simulator.state()).guests.filter(({ vmid }) => vmid >= 9_900)

/** One that knows nothing of any other: it has no state at all. */
async function newDesk() {
  const desk = await inlineDesk(await sourceOf(simulator, { change: plans }))
  desks.push(desk)
  return async (text: string, confirmed = true): Promise<Posted> =>
    await desk.desk.settled(desk.submit(text, confirmed).id, { asking: true })
}
const output = <T>(posted: Posted): T => {
  expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
  return posted.output as T
}
const words = ({ card }: Posted): string => JSON.stringify(card)

interface Drilled {
  readonly snapshot: string
  readonly guest: { readonly name: string; readonly system: string; readonly proven: boolean }
}
interface Status {
  readonly restored?: string
  readonly guests: {
    readonly of: number
    readonly proven: readonly { readonly name: string }[]
    readonly started: readonly { readonly name: string }[]
    readonly failed: readonly { readonly name: string }[]
  }
}
const drill = async (plan: string) => output<Drilled>(await (await newDesk())(`backup drill ${plan}`)).guest
const statusOf = async (plan: string) => {
  const posted = await (await newDesk())(`backup status ${plan}`)
  const [row] = (posted.output as unknown as { plans: readonly Status[] }).plans
  if (row === undefined) throw new Error('no row')
  const { of, proven, started, failed } = row.guests
  const names = (of: readonly { readonly name: string }[]) => of.map(({ name }) => name)
  return {
    restored: row.restored,
    guests: { of, proven: names(proven), started: names(started), failed: names(failed) },
    words: words(posted),
  }
}
const backUp = async (plan: string) => output(await (await newDesk())(`backup run ${plan}`))

describe('the drills of a plan', () => {
  it('take one guest after the other, by what the archives say to whoever asks', async () => {
    await backUp('turns')
    expect(await statusOf('turns')).toMatchObject({
      restored: undefined,
      words: expect.stringContaining('"never"'),
    })
    const names: string[] = []
    // Each time another bot, with an empty folder.
    for (const count of [1, 2, 3]) {
      const { name, ...seen } = await drill('turns')
      names.push(name)
      expect(seen).toMatchObject({ system: 'running', proven: true })
      expect(await scratch()).toEqual([])
      const status = await statusOf('turns')
      expect(status.restored).toMatch(/^\d{4}-/)
      expect(status.guests).toEqual({ of: 3, proven: names, started: [], failed: [] })
      expect(status.words).toContain(`${count} of 3 guests came up, last ${name} 20`)
    }
    expect(names.toSorted()).toEqual(containers)
    expect((await statusOf('turns')).words).toContain(`oldest ${names[0]} 20`)
    expect((await drill('turns')).name).toBe(names[0])
    expect(words(await (await newDesk())('backup list turns'))).toContain('came up 20')
  })

  it('say before which guest it is, from what, and what it takes where', async () => {
    await backUp('turns')
    const desk = await newDesk()
    const posted = await desk('backup drill turns --dry-run')
    const [{ volid } = { volid: '' }] = await archives(104)
    expect(words(posted)).toContain('Try whether cloudflared (CT 104 on pve) of Guests comes back from Local')
    expect(words(posted)).toContain('cloudflared is taken, of 3 guests: it was never tried')
    expect(words(posted)).toContain(volid.split('/').at(-1))
    expect(words(posted)).toMatch(/[\d.]+ \w+ of archive are restored to tesla under a VMID from 9900 on/)
    expect(words(posted)).toMatch(/disks take up to [\d.]+ GiB meanwhile; tesla has [\d.]+ \w+ free/)
    expect((await simulator.counts()).changes['9900']).toBeUndefined()
    expect(await notesOf(104)).toEqual(['cloudflared, plan turns'])
  })

  it('that fail prove nothing, leave no copy, and are another guest next time', async () => {
    await backUp('turns')
    await simulator.fault({ taskBreaks: [{ type: 'vzrestore', status: 'unable to restore CT 9900' }] })
    const failed = await (await newDesk())('backup drill turns')
    expect(failed.error).toBe('failed')
    expect(await scratch()).toEqual([])
    expect(await statusOf('turns')).toMatchObject({
      restored: undefined,
      guests: { proven: [], started: [], failed: ['cloudflared'] },
      words: expect.stringContaining('0 of 3 guests came up; the last drill failed of cloudflared 20'),
    })
    expect(words(await (await newDesk())('guest restore cloudflared --dry-run'))).toMatch(
      /The drill of vzdump-lxc-104-\S+ failed on 20.* UTC: an older archive may be the one that comes up/,
    )
    expect(words(await (await newDesk())('backup list turns'))).toContain('drill failed 20')
    const next = await (await newDesk())('backup drill turns')
    expect(next.card).toMatchObject({
      title: expect.stringMatching(/the archive of plex boots; not those of cloudflared$/),
      tone: 'error',
    })
    // By hand, and it is as if it had been its turn.
    output(await (await newDesk())('guest drill cloudflared'))
    expect((await statusOf('turns')).guests).toEqual({
      of: 3,
      proven: ['plex', 'cloudflared'],
      started: [],
      failed: [],
    })
    expect((await drill('turns')).name).toBe('vaultwarden')
  })

  it('pass over a guest that has nothing to be drilled, and say so', async () => {
    await backUp('turns')
    for (const { volid } of await archives(104)) await pve().call('DELETE', contentOf(volid))
    await expect.poll(() => archives(104)).toEqual([])
    const posted = await (await newDesk())('backup drill turns')
    expect(output<Drilled>(posted).guest.name).toBe('plex')
    expect(words(posted)).toContain('cloudflared: The plan has no archive of it.')
    expect(posted.card?.tone).toBe('warning')
    expect((await statusOf('turns')).words).toContain(
      'no drill came to an end yet of cloudflared, vaultwarden',
    )
    for (const { volid } of await archives()) await pve().call('DELETE', contentOf(volid))
    await expect.poll(() => archives()).toEqual([])
    const none = await (await newDesk())('backup drill turns')
    expect([none.error, words(none)]).toEqual([
      'not-found',
      expect.stringContaining('None of the 3 guests of turns can be drilled'),
    ])
  })

  it('name the units that failed in a copy that came up', async () => {
    await simulator.changeInside(123, { broken: true })
    await backUp('last')
    await simulator.changeInside(123, { broken: false })
    const posted = await (await newDesk())('backup drill last')
    expect(output<Drilled>(posted).guest).toMatchObject({
      system: 'degraded',
      units: ['vaultwarden.service'],
    })
    expect(words(posted)).toContain('with the network off vaultwarden.service failed')
    expect(posted.card?.tone).toBe('warning')
  })

  it('call a VM started, and no more', async () => {
    await backUp('mixed')
    const first = await (await newDesk())('backup drill mixed')
    expect(output<Drilled>(first).guest).toMatchObject({ name: 'plex', proven: true })
    const second = await (await newDesk())('backup drill mixed')
    expect(output<Drilled>(second).guest).toMatchObject({ system: 'started', proven: false })
    expect(words(second)).toContain('its copy starts; whether its system comes up is not known')
    const status = await statusOf('mixed')
    expect(status.guests).toMatchObject({ of: 2, proven: ['plex'], started: [expect.any(String)] })
    expect(status.words).toContain('whether its system comes up is not known')
    // It had its turn all the same.
    expect((await drill('mixed')).name).toBe('plex')
  })

  it('are of the guest that is named, when one is', async () => {
    await backUp('turns')
    const posted = await (await newDesk())('backup drill turns guest:vaultwarden')
    expect(output<Drilled>(posted).guest.name).toBe('vaultwarden')
    const other = await (await newDesk())('backup drill turns guest:jellyfin')
    expect([other.error, words(other)]).toEqual([
      'not-found',
      expect.stringMatching(/does not save jellyfin.*It saves cloudflared, plex, vaultwarden/),
    ])
  })

  it('name what a repository has not got', async () => {
    const posted = await (await newDesk())('backup drill turns repository:b2')
    expect([posted.error, words(posted)]).toEqual([
      'not-found',
      expect.stringContaining('Guests has no repository b2'),
    ])
  })
})

describe('the evidence', () => {
  it('that an archive fails keeps the older one, until somebody has looked', async () => {
    await backUp('two')
    await drill('two')
    await backUp('two')
    await simulator.fault({ taskBreaks: [{ type: 'vzrestore', status: 'unable to restore CT 9900' }] })
    expect((await (await newDesk())('backup drill two')).error).toBe('failed')
    await backUp('two')
    expect(await archives(123)).toHaveLength(3)
    const refused = await (await newDesk())('backup prune two')
    expect([refused.error, words(refused)]).toEqual([
      'conflict',
      expect.stringContaining('Nothing is removed: the last drill of vaultwarden failed'),
    ])
    output(await (await newDesk())('backup prune two force:true'))
    expect(await archives(123)).toHaveLength(2)
    expect(await statusOf('two')).toMatchObject({
      guests: { proven: ['vaultwarden'], failed: ['vaultwarden'] },
      words: expect.stringContaining('the last drill of vaultwarden failed'),
    })
  })

  it('keeps what is older of that guest alone, and it alone is forced', async () => {
    await backUp('pair')
    await simulator.fault({ taskBreaks: [{ type: 'vzrestore', status: 'unable to restore CT 9900' }] })
    expect((await (await newDesk())('backup drill pair guest:plex')).error).toBe('failed')
    // The next run removes nothing of the one, and prunes the other.
    await backUp('pair')
    expect([(await archives(110)).length, (await archives(123)).length]).toEqual([2, 1])
    const some = await (await newDesk())('backup prune pair')
    expect([some.error, some.card?.tone, some.card?.title]).toEqual([
      'failed',
      'error',
      'Pair is pruned, but for Local, plex',
    ])
    expect(words(some)).toContain('`backup prune pair guest:plex force:true`')
    expect(await archives(110)).toHaveLength(2)
    const dry = words(await (await newDesk())('backup prune pair force:true --dry-run'))
    expect(dry).toContain(
      'By force, although: Local, plex: Nothing is removed: the last drill of plex failed',
    )
    expect(dry).not.toContain('By force, although: Local, vaultwarden')
    output(await (await newDesk())('backup prune pair guest:plex force:true'))
    expect(await archives(110)).toHaveLength(1)
    const none = await (await newDesk())('backup prune pair guest:jellyfin')
    expect([none.error, words(none)]).toEqual([
      'not-found',
      expect.stringContaining('does not save jellyfin'),
    ])
    const nowhere = await (await newDesk())('backup prune pair repository:b2')
    expect([nowhere.error, words(nowhere)]).toEqual([
      'not-found',
      expect.stringContaining('no repository b2'),
    ])
  })

  it('outlives the archive that was tried while the plan prunes, and says that it is of an older one', async () => {
    await backUp('last')
    await drill('last')
    const { restored } = await statusOf('last')
    const [before] = await archives(123)
    await backUp('last')
    const [after, ...more] = await archives(123)
    expect([more, after?.volid === before?.volid]).toEqual([[], false])
    expect(after?.notes).toMatch(/^vaultwarden, plan last, an older one drilled \S+Z running$/)
    expect(await statusOf('last')).toMatchObject({ restored, guests: { proven: ['vaultwarden'] } })
    // And on, from one to the next.
    await backUp('last')
    expect(await statusOf('last')).toMatchObject({ restored, guests: { proven: ['vaultwarden'] } })
    await drill('last')
    expect(await notesOf(123)).toEqual([
      expect.stringMatching(/^vaultwarden, plan last, drilled \S+Z running$/),
    ])
  })

  it('goes with the archives when somebody else removes them', async () => {
    await backUp('last')
    await drill('last')
    for (const { volid } of await archives(123)) await pve().call('DELETE', contentOf(volid))
    await expect.poll(() => archives(123)).toEqual([])
    expect(await statusOf('last')).toMatchObject({ restored: undefined, guests: { proven: [] } })
  })

  it('leaves all else that the notes say', async () => {
    await backUp('last')
    const [{ volid } = { volid: '' }] = await archives(123)
    await pve().put(contentOf(volid), {
      notes: 'vaultwarden, plan last, accepted\nby Ann: keep an eye on it',
    })
    await drill('last')
    const { data } = await pve().get(contentOf(volid))
    expect((data as { notes: string }).notes).toMatch(
      /^vaultwarden, plan last, accepted, drilled \S+Z running\nby Ann: keep an eye on it$/,
    )
  })
})

// The last: its guest is gone then.
it('a service that is taken away was not proven by a copy that only started', async () => {
  await using lab = await openProvisionLab(simulator)
  expect(words(await lab.type('deprovision homeassistant homeassistant', false))).toContain(
    'started (whether its system comes up is not looked at) and destroyed',
  )
  const gone = await lab.type('deprovision homeassistant homeassistant')
  expect(output(gone)).toMatchObject({ vmid: 130, proven: false, system: 'started' })
  expect(words(gone)).toContain('no: its copy starts; whether its system comes up is not known')
  expect(await scratch()).toEqual([])
})
