import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Caller, Grant } from '@homelab/core'
import { expect, onTestFinished, test } from 'vitest'
import { openStore } from '../store/index.ts'
import { type GrantStore, openGrants } from './grants.ts'

const admin: Caller = { id: 'discord:1', name: 'harmeet', role: 'admin', surface: 'chat' }
const given = (until: string): Omit<Grant, 'id' | 'at'> => ({
  to: 'discord:2',
  name: 'kid',
  operation: 'service.restart',
  services: ['jellyfin'],
  until,
  by: { id: admin.id, name: admin.name },
})

function setUp() {
  const folder = mkdtempSync(join(tmpdir(), 'homelab-grants-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const clock = { at: Date.parse('2026-11-25T18:00:00Z'), now: () => new Date(clock.at) }
  async function open() {
    const store = await openStore(join(folder, 'desk.db'))
    return { store, grants: await openGrants(store.grants, clock) }
  }
  return { clock, open }
}

test('a grant is in force until its time is over, also across restarts', async () => {
  const { clock, open } = setUp()
  const before = await open()
  const grant = await before.grants.give(given('2026-11-25T20:00:00.000Z'))
  expect(before.grants.active()).toEqual([grant])
  expect(grant).toEqual({
    ...given('2026-11-25T20:00:00.000Z'),
    id: grant.id,
    at: '2026-11-25T18:00:00.000Z',
  })
  expect(grant.id).toMatch(/^g[a-z2-9]{5}$/)
  await before.store.close()

  clock.at = Date.parse('2026-11-25T19:59:59Z')
  const after = await open()
  expect(after.grants.active()).toEqual([grant])
  clock.at = Date.parse('2026-11-25T20:00:00Z')
  expect(after.grants.active()).toEqual([])
  await after.store.close()
  // On disk it is over too: nothing is taken up again.
  const later = await open()
  expect(later.grants.active()).toEqual([])
  await later.store.close()
})

test('what is revoked stays so, also across restarts; it is over once', async () => {
  const { open } = setUp()
  const before = await open()
  const kept = await before.grants.give(given('2026-11-25T20:00:00.000Z'))
  const revoked = await before.grants.give(given('2026-11-25T21:00:00.000Z'))
  expect(before.grants.active().map(({ id }) => id)).toEqual([kept.id, revoked.id])
  expect(await before.grants.revoke(revoked.id, admin)).toEqual(revoked)
  expect(await before.grants.revoke(revoked.id, admin)).toBeUndefined()
  expect(await before.grants.revoke('gnone1', admin)).toBeUndefined()
  expect(before.grants.active()).toEqual([kept])
  await before.store.close()
  const after = await open()
  expect(after.grants.active()).toEqual([kept])
  await after.store.close()
})

test('what could not be kept is not given, and what cannot be ended in the file is over all the same', async () => {
  const broken: GrantStore = {
    add: async () => {
      throw new Error('disk full')
    },
    end: async () => {
      throw new Error('disk full')
    },
    load: async () => [
      { ...given('2026-11-25T20:00:00.000Z'), id: 'gaaaaa', at: '2026-11-25T17:00:00.000Z' },
    ],
  }
  const grants = await openGrants(broken, { now: () => new Date('2026-11-25T18:00:00Z') })
  await expect(grants.give(given('2026-11-25T20:00:00.000Z'))).rejects.toThrow('disk full')
  expect(grants.active()).toHaveLength(1)
  await expect(grants.revoke('gaaaaa', admin)).rejects.toThrow('disk full')
  expect(grants.active()).toEqual([])
})

test('a thousand are enough', async () => {
  const kept: Grant[] = []
  const store: GrantStore = {
    add: async (grant) => void kept.push(grant),
    end: async () => {},
    load: async () => [],
  }
  const grants = await openGrants(store, { now: () => new Date('2026-11-25T18:00:00Z') })
  for (let index = 0; index < 1000; index++) await grants.give(given('2026-11-25T20:00:00.000Z'))
  await expect(grants.give(given('2026-11-25T20:00:00.000Z'))).rejects.toMatchObject({ code: 'conflict' })
  expect(new Set(kept.map(({ id }) => id)).size).toBe(1000)
})
