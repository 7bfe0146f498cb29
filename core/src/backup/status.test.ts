/** Plans that go to a storage alone: by what Proxmox lists there. */
import { expect, test } from 'vitest'
import { parseInventory } from '../inventory/index.ts'
import { planStatuses, type StatusServices } from './status.ts'

const inventory = parseInventory(`
repositories:
  local: { storage: local }
backups:
  guests: { method: vzdump, guests: [web, mail], to: [local], schedule: daily, shrink: 30 }
`)
const hour = 3_600
const now = Date.parse('2026-11-25T12:00:00Z') / 1000

interface Given {
  readonly vmid: number
  readonly hoursAgo: number
  readonly size?: number
  readonly notes?: string
}
const web = (hoursAgo: number, more: Partial<Given> = {}): Given => ({ vmid: 110, hoursAgo, ...more })
const mail = (hoursAgo: number, more: Partial<Given> = {}): Given => ({ vmid: 111, hoursAgo, ...more })

async function statusOf(...given: readonly Given[]) {
  const archives = given.map(({ vmid, hoursAgo, size = 100, notes = 'x, plan guests' }, index) => ({
    volid: `local:backup/vzdump-lxc-${vmid}-${index}.tar.zst`,
    vmid,
    type: 'lxc' as const,
    size,
    ctime: now - hoursAgo * hour,
    format: 'tar.zst',
    notes,
    protected: false,
    encrypted: false,
  }))
  const targets = ['web', 'mail'].map((name, index) => ({
    name,
    guest: { vmid: 110 + index, name, node: 'pve', type: 'lxc' },
    dependents: [],
  }))
  const services = {
    lab: { inventory, resolve: async () => targets },
    proxmox: { backups: { archives: async () => archives } },
    clock: { now: () => new Date(now * 1000) },
  } as unknown as StatusServices
  const [row] = await planStatuses(services, inventory.backups, { signal: new AbortController().signal })
  return row
}

test('is as old as the guest that was saved longest ago', async () => {
  expect(await statusOf(web(2), web(30), mail(5))).toMatchObject({
    state: 'fresh',
    last: (now - 5 * hour) * 1000,
    count: 3,
    bytes: 200,
    shrunk: [],
  })
  expect(await statusOf(web(2), mail(50))).toMatchObject({ state: 'stale' })
  expect(await statusOf(web(2))).toMatchObject({ state: 'never', why: 'no archive of mail' })
})

test('says when the newest of a guest is much smaller than one that is kept', async () => {
  expect(await statusOf(web(2, { size: 10 }), web(26), web(50), mail(2))).toMatchObject({
    state: 'fresh',
    shrunk: [{ what: 'bytes', before: 100, now: 10, percent: 90 }],
  })
})

test('compares the archives of the plan alone, and no further back than to what somebody accepted', async () => {
  expect(await statusOf(web(2, { size: 10 }), web(26, { notes: 'by hand' }), mail(2))).toMatchObject({
    shrunk: [],
  })
  expect(
    await statusOf(
      web(2, { size: 10 }),
      web(26, { size: 10, notes: 'x, plan guests, accepted' }),
      web(50),
      mail(2),
    ),
  ).toMatchObject({ shrunk: [] })
})

test('an archive of the future is not fresh', async () => {
  expect(await statusOf(web(-48), web(50), mail(2))).toMatchObject({
    state: 'unknown',
    why: 'the newest archive of web is of the future: the clock of its node was wrong',
  })
  // Clocks differ.
  expect(await statusOf(web(-0.5), mail(2))).toMatchObject({ state: 'fresh' })
})

test('what its drills have shown stands in the notes, and that a copy started proves nothing', async () => {
  const drilled = (marks: string) => ({ notes: `x, plan guests${marks}` })
  const none = { of: 2, proven: [], started: [], failed: [], untried: ['web', 'mail'] }
  const never = await statusOf(web(2), mail(2))
  expect(never).toMatchObject({ guests: none })
  expect(never).not.toHaveProperty('restored')
  const started = await statusOf(web(2, drilled(', drilled 2026-11-25T02:00:00Z started')), mail(2))
  expect(started).toMatchObject({ guests: { ...none, started: [{ name: 'web' }], untried: ['mail'] } })
  expect(started).not.toHaveProperty('restored')
  expect(
    await statusOf(
      web(2, drilled(', an older one drilled 2026-11-10T02:00:00Z running')),
      mail(2, drilled(', drilled 2026-11-24T02:00:00Z degraded, drill failed 2026-11-25T02:00:00Z')),
      mail(9, drilled(', drilled 2026-11-03T02:00:00Z running')),
    ),
  ).toMatchObject({
    restored: Date.parse('2026-11-24T02:00:00Z'),
    guests: {
      of: 2,
      proven: [{ name: 'web', at: Date.parse('2026-11-10T02:00:00Z') }, { name: 'mail' }],
      started: [],
      failed: [{ name: 'mail', at: Date.parse('2026-11-25T02:00:00Z') }],
      untried: [],
    },
  })
  // That it was begun is no end.
  expect(await statusOf(web(2, drilled(', tried 2026-11-25T02:00:00Z')), mail(2))).toMatchObject({
    guests: none,
  })
  // Of archives that the plan did not make nothing counts.
  expect(
    await statusOf(web(2, { notes: 'by hand, drilled 2026-11-25T02:00:00Z running' }), mail(2)),
  ).toMatchObject({ guests: none })
})
