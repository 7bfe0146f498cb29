/** What stands in for a role, and how far: `may` of the file, grants, and services with a role of their own. */
import { expect, test } from 'vitest'
import { guest, overviewOf } from '../inventory/fixture.ts'
import { createLab, parseInventory } from '../inventory/index.ts'
import { targetsOf } from '../operation/targets.ts'
import { createRights } from './index.ts'
import { grantOf, harmeet, kid, partner, registry, setUp, stranger } from './rights.fixture.ts'

test.each([
  ['restart jellyfin', 'restart jellyfin'],
  ['restart jellyfin', 'restart JELLYFIN'],
  ['restart jellyfin', 'restart 111'],
  ['restart jellyfin', 'restart ct-jelly'],
  ['service.restart jellyfin', 'restart jellyfin'],
  ['restart 111', 'restart jellyfin'],
  ['restart films', 'restart plex'],
  ['restart jellyfin plex', 'restart plex jellyfin'],
  ['restart @media', 'restart plex jellyfin radarr'],
  ['restart @media', 'restart @media'],
  ['restart', 'restart windows'],
  ['restart docker', 'restart sonarr'],
])('"may: %s" allows "%s"', async (given, line) => {
  const { may, state } = setUp()
  expect(await may(kid, line)).not.toBe('yes')
  state.text = state.text.replace("'41771983423143936' }", `'41771983423143936', may: ['${given}'] }`)
  expect(await may(kid, line)).toBe('yes')
})

test.each([
  [
    'restart jellyfin',
    'restart plex',
    'kid may use "restart" on jellyfin, not on plex: that needs the role operator.',
  ],
  [
    'restart jellyfin',
    'restart jellyfin windows',
    'kid may use "restart" on jellyfin, not on windows: that needs the role operator.',
  ],
  [
    'restart jellyfin',
    'restart @media',
    'kid may use "restart" on jellyfin, not on plex and radarr: that needs the role operator.',
  ],
  ['restart jellyfin', 'stop jellyfin', '"stop" needs the role operator; kid is viewer.'],
  [
    'restart radarr',
    'restart sonarr',
    'kid may use "restart" on radarr, not on sonarr: that needs the role operator.',
  ],
  [
    'restart radarr',
    'restart docker',
    'kid may use "restart" on radarr, not on docker: that needs the role operator.',
  ],
  [
    'restart @media',
    'restart windows',
    'kid may use "restart" on @media, not on windows: that needs the role operator.',
  ],
])('"may: %s" does not allow "%s"', async (given, line, message) => {
  const { refusal, state } = setUp()
  state.text = state.text.replace("'41771983423143936' }", `'41771983423143936', may: ['${given}'] }`)
  expect((await refusal(kid, line)).message).toBe(message)
})

test('an allowance for some services is none for a command without any', async () => {
  const { refusal } = setUp('', [grantOf('task.stop', ['plex'])])
  const upid = 'UPID:pve:000A1B2C:0123ABCD:65000000:vzdump:110:root@pam:'
  expect((await refusal(kid, `task stop ${upid}`)).message).toBe(
    'kid may use "task stop" on plex, not on this: that needs the role admin.',
  )
})

test('a guest that is called like a service elsewhere is not that service', async () => {
  const { may, refusal, state } = setUp('', [grantOf('service.restart', ['jellyfin'])])
  state.text = state.text.replace(
    'jellyfin: { guest: 111 }',
    'jellyfin: { guest: 111 }\n  windows: { guest: 110 }',
  )
  state.text = state.text.replace('plex: { guest: 110, aliases: [films] }', 'plex: { guest: 130 }')
  state.grants = [grantOf('service.restart', ['windows'])]
  // CT 110 is now the service windows, and VM 130, which is called windows, is plex.
  expect(await may(kid, 'restart windows')).toBe('yes')
  expect(await may(kid, 'restart 110')).toBe('yes')
  expect((await refusal(kid, 'restart 130')).message).toContain('on windows, not on plex')
})

test('ten thousand services at once are looked at in no time', async () => {
  const many = Array.from(
    { length: 10_000 },
    (_, index) => `  s${index}: { guest: ${1000 + index}, role: admin }`,
  )
  const inventory = parseInventory(`services:\n${many.join('\n')}\n`)
  const live = inventory.services.map(({ name, guest: vmid }) => guest(Number(vmid), name))
  const lab = createLab({
    inventory: () => inventory,
    proxmox: { overview: async () => overviewOf(live) },
    clock: { monotonic: () => 0 },
  })
  const operation = registry.byChat('restart')
  if (operation === undefined) throw new Error('no restart')
  const targets = await targetsOf(operation, { services: ['@all'] }, lab, AbortSignal.timeout(30_000))
  const rights = createRights({ inventory: () => inventory })
  const started = performance.now()
  expect(() => rights.permit(operation, partner, targets)).toThrow('s0 may be changed by admins only')
  rights.permit(operation, harmeet, targets)
  expect(performance.now() - started).toBeLessThan(1000)
}, 60_000)

test('a grant counts for its id, or for all ids of its person, as long as it is in force', async () => {
  const { may, state, rights, refusal } = setUp('', [grantOf('service.restart', ['jellyfin'])])
  expect(await may(kid, 'restart jellyfin')).toBe('yes')
  expect((await refusal(kid, 'restart plex')).hint).toBe(
    'harmeet can: /homelab grant discord:41771983423143936 restart plex for:2h',
  )
  expect(rights.held(kid)).toHaveLength(1)
  expect(rights.held(partner)).toEqual([])
  const onSlack = { ...kid, id: 'slack:U024BE7LJ' }
  expect(await may(onSlack, 'restart jellyfin')).not.toBe('yes')
  state.grants = [grantOf('service.restart', ['jellyfin'], 'person:kid')]
  expect(await may(onSlack, 'restart jellyfin')).toBe('yes')
  // One may be called like a person of the file without being it.
  expect(await may({ ...stranger, name: 'kid' }, 'restart jellyfin')).not.toBe('yes')
  state.grants = []
  expect(await may(kid, 'restart jellyfin')).not.toBe('yes')
})

test('somebody who is not in the file can be granted something', async () => {
  const { may } = setUp('', [grantOf('service.restart', ['plex'], stranger.id)])
  expect(await may(stranger, 'restart plex')).toBe('yes')
  expect(await may(stranger, 'status')).not.toBe('yes')
})

test('changes to a service with a role of its own need that role, also through what shares its guest', async () => {
  const { may, refusal, state } = setUp()
  const error = await refusal(partner, 'restart postgresql plex')
  expect([error.message, error.hint]).toEqual([
    'postgresql may be changed by admins only; partner is operator.',
    'harmeet can: /homelab grant discord:175928847299117063 restart postgresql for:2h',
  ])
  expect((await refusal(partner, 'stop 101')).message).toContain('postgresql may be changed by admins only')
  expect((await refusal(partner, 'restart @all')).message).toContain('postgresql may be changed')
  expect(await may(partner, 'logs postgresql')).toBe('yes')
  expect(await may(harmeet, 'restart postgresql')).toBe('yes')
  state.text = state.text.replace('radarr: { guest: docker }', 'radarr: { guest: 200, role: admin }')
  expect((await refusal(partner, 'restart sonarr')).message).toBe(
    'radarr may be changed by admins only; partner is operator. It shares a guest with sonarr.',
  )
  expect((await refusal(partner, 'restart docker')).message).toContain('radarr may be changed by admins only')
})

test("only a grant that names the service itself stands in for the service's role", async () => {
  const { may, state } = setUp('', [grantOf('service.restart', ['postgresql'], partner.id)])
  expect(await may(partner, 'restart postgresql')).toBe('yes')
  for (const services of [[], ['@core'], ['@all']]) {
    state.grants = [grantOf('service.restart', services, partner.id)]
    expect(await may(partner, 'restart postgresql')).not.toBe('yes')
  }
})
