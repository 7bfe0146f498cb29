import { expect, test } from 'vitest'
import { HomelabError } from '../errors.ts'
import { parseInventory } from '../inventory/index.ts'
import { parseCommand } from '../operation/grammar.ts'
import type { Verbs } from '../operation/types.ts'
import { guestDrill } from '../operations/guest/drill.ts'
import type { GuestRef } from '../proxmox/types.ts'
import { marksOf } from './archive-notes.ts'
import { type ArchivePlace, archivesOver, refuseDoubtful, removeArchives } from './archive-prune.ts'
import type { GuestPlan } from './vzdump.ts'

const [plan] = parseInventory(`
repositories: { local: { storage: local } }
backups: { guests: { method: vzdump, guests: [web], to: [local], schedule: daily, retention: { last: 2 } } }
`).backups as readonly GuestPlan[]
const now = new Date('2026-11-26T12:00:00Z')
const signal = new AbortController().signal
const guest: GuestRef = { vmid: 110, type: 'lxc', node: 'pve', name: 'web' }

/** A storage whose archives have these marks, the newest first; by its rule two of them stay. */
function storage(...marks: readonly string[]) {
  let kept = marks.map((each, index) => ({
    volid: `local:backup/${marks.length - index}`,
    size: 100,
    protected: false,
    notes: `web, plan guests${each}`,
  }))
  const of = (archive: string) => kept.find(({ volid }) => volid === archive)
  const backups = {
    archives: async () => kept,
    over: async () => kept.slice(2).map(({ volid }) => volid),
    notes: async ({ archive }: { archive: string }) => of(archive)?.notes ?? '',
    update: async ({ archive }: { archive: string }, { notes = '' }: { notes?: string }) => {
      kept = kept.map((each) => (each.volid === archive ? { ...each, notes } : each))
    },
    remove: async ({ archive }: { archive: string }) => {
      kept = kept.filter(({ volid }) => volid !== archive)
      return ''
    },
  }
  if (plan === undefined) throw new Error('no plan')
  const place = { plan, storage: 'local', guest, proxmox: { backups, tasks: {} } } as unknown as ArchivePlace
  const verbs = {
    step: (_name: string, body: () => Promise<unknown>) => body(),
    log: () => {},
    signal,
  } as unknown as Verbs
  return {
    plan,
    notes: () => kept.map(({ notes }) => notes.slice('web, plan guests'.length)),
    add: () => {
      kept = [
        {
          volid: `local:backup/${kept.length + 9}`,
          size: 100,
          protected: false,
          notes: 'web, plan guests',
        },
        ...kept,
      ]
    },
    async prune(force = false) {
      const over = await archivesOver(place, { force, now, signal })
      await removeArchives(place, over, verbs, 'prune')
      return over
    },
  }
}

const refuseOf = (of: GuestPlan, over: Parameters<typeof refuseDoubtful>[0]) =>
  refuseDoubtful(over, 'web', of)

function refusal(work: () => void): { readonly hint: string } {
  try {
    work()
  } catch (error) {
    if (error instanceof HomelabError) return { hint: error.hint ?? '' }
  }
  throw new Error('not refused')
}

const cameUp = ', drilled 2026-11-01T02:00:00Z running'
const failed = ', drill failed 2026-11-20T02:00:00Z'

test('the last archive that came up stays while the newer one failed its drill', async () => {
  const { prune, notes, plan } = storage('', failed, cameUp)
  const over = await prune()
  expect(notes()).toEqual(['', failed, cameUp])
  expect(over).toMatchObject({ remove: [], failed: Date.parse('2026-11-20T02:00:00Z') })
  expect(() => refuseDoubtful(over, 'web', plan)).toThrow(
    'Nothing is removed: the last drill of web failed (2026-11-20 02:00 UTC)',
  )
})

test.each([
  ['a drill of an older one that passed since', failed, ', drilled 2026-11-25T02:00:00Z running', false],
  ['a drill of a newer one that passed since', ', drilled 2026-11-25T02:00:00Z running', failed, true],
])('%s', async (_, second, third, goes) => {
  const { prune, notes } = storage('', second, third)
  await prune()
  expect(notes()).toHaveLength(goes ? 2 : 3)
})

test('the drill that it asks for is of the newest of this plan and storage, wherever a newer one is', async () => {
  const { prune, plan } = storage('', failed, cameUp)
  const { hint } = refusal(() => refuseOf(plan, { shrunk: [], failed: 1, newest: 'local:backup/3' }))
  expect((await prune()).newest).toBe('local:backup/3')
  const [, command = ''] = /^`([^`]+)` tries the newest/.exec(hint) ?? []
  expect(parseCommand(command, [guestDrill])).toMatchObject({
    input: { guest: 'web', archive: 'local:backup/3' },
  })
  const less = [{ what: 'bytes', before: 100, now: 10, percent: 90 }] as const
  expect(refusal(() => refuseOf(plan, { shrunk: less, newest: 'local:backup/3' })).hint).toContain(
    `\`${command}\``,
  )
})

test('what would not go anyway is not refused', async () => {
  expect(await storage(failed, cameUp).prune()).not.toHaveProperty('failed')
})

test('once somebody has looked it goes, the failure is carried on, and is not asked again', async () => {
  const one = storage('', '', failed)
  await one.prune(true)
  expect(one.notes()).toEqual([
    ', an older one failed 2026-11-20T02:00:00Z, failure accepted 2026-11-20T02:00:00Z',
    '',
  ])
  one.add()
  await one.prune()
  expect(one.notes()).toHaveLength(2)
  one.add()
  await one.prune()
  // From the one that went to the newest, with what was said of it.
  expect(marksOf({ notes: `x${one.notes()[0]}` })).toMatchObject({
    olderFailed: Date.parse('2026-11-20T02:00:00Z'),
    looked: Date.parse('2026-11-20T02:00:00Z'),
  })
})
