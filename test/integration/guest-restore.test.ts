/** Guests that come back from their archives: without a file, and when they are gone. End states first. */
import { emptyInventory, type Inventory } from '@homelab/core/inventory'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { createPve } from '../support/pve.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

let simulator: Simulator
let first: ReadonlySet<number>
const desks: InlineDesk[] = []

beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.02 })
  first = new Set((await simulator.state()).guests.map(({ vmid }) => vmid))
})
afterAll(() => simulator?.stop())
beforeEach(async () => {
  await simulator.reset()
  await simulator.fault({ stale: false })
  for (const { vmid } of (await simulator.state()).guests)
    if (!first.has(vmid)) await simulator.changeGuest(vmid, { remove: true })
})
afterEach(async () => {
  for (const desk of desks.splice(0)) await desk[Symbol.asyncDispose]()
})

/** @returns what types a command and waits for its end; `confirmed` answers yes beforehand */
async function open(change: (inventory: Inventory) => Inventory = (same) => same) {
  const desk = await inlineDesk(await sourceOf(simulator, { change }))
  desks.push(desk)
  const type = async (text: string, confirmed = true): Promise<Posted> =>
    await desk.desk.settled(desk.submit(text, confirmed).id, { asking: true })
  return Object.assign(type, {
    yes: async ({ id, card }: Posted): Promise<Posted> => {
      const action = card.buttons?.[0]?.action
      if (action?.kind !== 'confirm') throw new Error('no button to confirm')
      await desk.press(id, action)
      return await desk.desk.settled(id)
    },
  })
}
/** Nothing but the way to Proxmox. */
const tokenOnly = ({ proxmox }: Inventory): Inventory => ({
  ...emptyInventory(),
  ...(proxmox === undefined ? {} : { proxmox }),
})
const output = <T>(posted: Posted): T => {
  expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
  return posted.output as T
}
const words = ({ card }: Posted): string => JSON.stringify(card)
const guest = async (vmid: number) => (await simulator.state()).guests.find((each) => each.vmid === vmid)
const config = async (vmid: number) =>
  (await createPve(simulator.lab).get(`/nodes/pve/lxc/${vmid}/config`)).data as Record<string, string>
const changes = async (vmid: number) => (await simulator.counts()).changes[String(vmid)]

describe('without a file', () => {
  it('the archive of a guest is looked for on every storage that keeps some', async () => {
    const type = await open(tokenOnly)
    const { archive } = output<{ archive: string }>(await type('guest backup cloudflared storage:local'))
    const { vmid } = output<{ vmid: number }>(await type('guest restore cloudflared'))
    expect(await guest(vmid)).toMatchObject({ name: 'cloudflared-restored', state: 'stopped' })
    expect(await changes(vmid)).toEqual({ restore: 1 })
    const drilled = output(await type('guest drill cloudflared'))
    expect(drilled).toMatchObject({ name: 'cloudflared', archive })
    expect((await simulator.state()).guests.filter((each) => each.vmid >= 9_900)).toEqual([])
    output(await type(`guest discard ${archive}`))
    const none = await type('guest restore cloudflared')
    expect(none.error).toBe('not-found')
    expect(words(none)).toContain('no archive of cloudflared on any storage')
  })

  it('a storage that could not be looked at is named, not passed over', async () => {
    const who = simulator.lab.token.id
    await simulator.setAcl(
      [who, who.split('!')[0] ?? who].map((each) => ({ path: '/', who: each, role: 'PVEAuditor' })),
    )
    const posted = await (await open(tokenOnly))('guest restore plex')
    expect(posted.error).toBe('not-found')
    expect(words(posted)).toContain('Not looked at: local')
  })
})

describe('a guest that is gone', () => {
  /** Made, saved and deleted. */
  async function lose(type: Awaited<ReturnType<typeof open>>, lines: Record<string, string> = {}) {
    output(await type('guest create web debian-12 storage:tesla vmid:555 start:false'))
    if (Object.keys(lines).length > 0) await simulator.changeGuest(555, { config: lines })
    const { net0 } = await config(555)
    const { archive } = output<{ archive: string }>(await type('guest backup 555 storage:local'))
    output(await type('guest delete 555 web'))
    expect(await guest(555)).toBeUndefined()
    return { archive, net0 }
  }

  it.each([
    ['with a file', undefined],
    ['without a file', tokenOnly],
  ])('comes back as it was under its VMID, stopped, %s', async (_, change) => {
    const type = await open(change)
    const { archive, net0 } = await lose(type)
    const asked = await type('guest restore 555', false)
    expect(asked.state).toBe('asking')
    expect(words(asked)).toContain('Restore web, which is gone, as guest 555')
    expect(words(asked)).toContain('nothing is overwritten')
    expect(await guest(555)).toBeUndefined()
    const restored = output(await type('guest restore 555'))
    expect(restored).toMatchObject({ name: 'web', vmid: 555, node: 'pve', archive, twin: false })
    expect(await guest(555)).toMatchObject({ name: 'web', state: 'stopped', lock: null })
    expect(await config(555)).toMatchObject({ hostname: 'web', net0 })
    expect(await changes(555)).toEqual({ create: 1, vzdump: 1, destroy: 1, restore: 1 })
    output(await type(`guest discard ${archive}`))
  })

  it('can be proven before', async () => {
    const type = await open(tokenOnly)
    const { archive } = await lose(type)
    // Without a way to the node nobody can look into the copy.
    expect(output(await type('guest drill 555'))).toMatchObject({ name: 'web', archive, system: 'started' })
    expect(await guest(555)).toBeUndefined()
    output(await type(`guest discard ${archive}`))
  })

  it('gets its folders of the host again where there is a way to the node', async () => {
    const type = await open()
    const { archive } = await lose(type, { mp0: '/Apollo/Photos,mp=/photos' })
    expect(output(await type('guest restore 555'))).toMatchObject({ twin: false, missing: [] })
    expect(await config(555)).toMatchObject({ mp0: '/Apollo/Photos,mp=/photos' })
    output(await type(`guest discard ${archive}`))
  })

  it('says that its mapping of users is not restored, which Proxmox does for root alone', async () => {
    const type = await open()
    const { archive } = await lose(type, { 'lxc.idmap': 'u 0 100000 1000\nu 1000 1000 1' })
    expect(words(await type('guest restore 555', false))).toContain(
      'does not restore for a token its mapping',
    )
    expect(output(await type('guest restore 555'))).toMatchObject({
      missing: [expect.stringContaining('(u 0 100000 1000; u 1000 1000 1)')],
    })
    expect(await config(555)).not.toHaveProperty('lxc')
    output(await type(`guest discard ${archive}`))
  })

  it('is no other guest: not put over one, nor called like one', async () => {
    const type = await open()
    const { archive, net0 } = await lose(type)
    expect(await type(`guest restore 555 ${archive} inplace:true`)).toMatchObject({ error: 'usage' })
    output(await type('guest create web debian-12 storage:tesla vmid:556 start:false'))
    expect(words(await type('guest restore 555', false))).toContain('Another guest is called web')
    expect(output(await type('guest restore 555'))).toMatchObject({ vmid: 555, twin: true })
    expect(await guest(555)).toMatchObject({ name: 'web-restored' })
    expect((await config(555)).net0).not.toBe(net0)
    output(await type(`guest discard ${archive}`))
  })

  it('is refused when its VMID is in use by then', async () => {
    const type = await open()
    const { archive } = await lose(type)
    const asked = await type('guest restore 555', false)
    expect(asked.state).toBe('asking')
    output(await (await open())('guest create other debian-12 storage:tesla vmid:555 start:false'))
    const guests = (await simulator.state()).guests.length
    expect((await type.yes(asked)).error).toBeDefined()
    expect(await guest(555)).toMatchObject({ name: 'other' })
    expect((await simulator.state()).guests).toHaveLength(guests)
    expect((await changes(555))?.restore).toBeUndefined()
    output(await type(`guest discard ${archive}`))
  })

  it('is not gone when it is only not shown', async () => {
    const who = simulator.lab.token.id
    const whose = [who, who.split('!')[0] ?? who]
    await simulator.setAcl(
      whose.flatMap((each) => [
        { path: '/', who: each, role: 'Administrator' },
        { path: '/vms/110', who: each, role: 'NoAccess' },
      ]),
    )
    const posted = await (await open())('guest restore 110')
    expect(posted.error).toBe('conflict')
    expect(words(posted)).toContain('VMID 110 is in use by a guest that Proxmox does not show')
  })

  it('without an archive, or by a name that nobody has, says what to do', async () => {
    const type = await open()
    const never = await type('guest restore 777')
    expect(never.error).toBe('not-found')
    expect(words(never)).toContain('no archive of guest 777')
    const name = await type('guest restore nobody')
    expect(name.error).toBe('not-found')
    expect(words(name)).toContain('One that is gone goes by its VMID')
  })
})
