import { expect, test } from 'vitest'
import { nearest } from '../nearest.ts'
import { guest, manyGuests, overviewOf } from './fixture.ts'
import { createLab } from './lab.ts'
import { parseInventory } from './parse.ts'
import type { SuggestKind } from './types.ts'

async function labOf(live: Parameters<typeof overviewOf>[0], text = '') {
  const inventory = parseInventory(text)
  const storage = {
    node: 'pve',
    status: 'available',
    plugin: 'dir',
    shared: false,
    content: [],
    used: 1,
    total: 2,
  } as const
  const overview = overviewOf(live, {
    storages: [
      { ...storage, storage: 'local' },
      { ...storage, storage: 'tesla' },
    ],
  })
  const lab = createLab({
    inventory: () => inventory,
    proxmox: { overview: async () => overview },
    clock: { monotonic: () => 0 },
  })
  await lab.overview()
  return lab
}

const file = `
services:
  plex: { guest: 110, aliases: [tv] }
  immich: { guest: 120 }
  gone: { guest: 999, stack: media }
storages:
  apollo: { path: /Apollo, node: pve, purpose: Media }
  fast: { storage: tesla }
`
const live = [
  guest(110, 'plex'),
  guest(120, 'photos'),
  guest(130, 'windows', { type: 'qemu', status: 'stopped' }),
  guest(131, 'web'),
  guest(231, 'web', { node: 'pve2' }),
  guest(900, 'template', { template: true }),
]

test.each<[SuggestKind, string, string[]]>([
  ['services', '', ['plex', 'immich', 'gone', '131', '231', 'windows']],
  ['services', 'PL', ['plex']],
  ['services', 'lex', ['plex']],
  ['services', 'imich', ['immich']],
  ['services', 'tv', ['plex']],
  ['services', 'web', ['131', '231']],
  ['services', '13', ['130', '131']],
  ['services', '@', ['@all', '@media', '@apps']],
  ['services', '@m', ['@media']],
  ['guests', 'photos', ['photos']],
  ['guests', 'template', []],
  ['nodes', 'pve', ['pve', 'pve2']],
  ['storages', '', ['apollo', 'fast', 'local']],
  ['runs', '', []],
  ['services', 'x'.repeat(65_536), []],
])('%s: %j', async (kind, typed, values) => {
  expect((await labOf(live, file)).suggest(kind, typed, 25).map(({ value }) => value)).toEqual(values)
})

test('says what it is', async () => {
  const lab = await labOf(live, file)
  expect(lab.suggest('services', 'plex', 1)).toEqual([{ value: 'plex', label: 'CT 110 on pve · running' }])
  expect(lab.suggest('services', 'gone', 1)).toEqual([{ value: 'gone', label: 'gone · no guest' }])
  expect(lab.suggest('services', '130', 1)).toEqual([
    { value: '130', label: 'windows · VM 130 on pve · stopped' },
  ])
  expect(lab.suggest('services', '@media', 1)).toEqual([{ value: '@media', label: '2 services' }])
})

test('what begins with it comes before what holds it, and both before typos; never more than asked for', async () => {
  const lab = await labOf(
    ['arr-old', 'radarr', 'sonarr', 'carr', 'ar'].map((name, index) => guest(200 + index, name)),
  )
  expect(lab.suggest('services', 'arr', 10).map(({ value }) => value)).toEqual([
    'arr-old',
    'carr',
    'radarr',
    'sonarr',
    'ar',
  ])
  expect(lab.suggest('services', 'arr', 2)).toHaveLength(2)
  expect(lab.suggest('services', 'arr', 0)).toEqual([])
})

test('before the first overview the names of the file are known', () => {
  const inventory = parseInventory(file)
  const lab = createLab({
    inventory: () => inventory,
    proxmox: { overview: () => Promise.reject(new Error('must not be called')) },
    clock: { monotonic: () => 0 },
  })
  expect(lab.suggest('services', 'pl', 5)).toEqual([{ value: 'plex', label: 'Plex' }])
})

test.each([
  ['plx', ['plex']],
  ['vaultwardn', ['vaultwarden']],
  ['plex-server', ['plex']],
  ['vaul', ['vaultwarden']],
  ['zzz', []],
  ['', []],
])('a typo of %j', (typed, found) => {
  expect(nearest(typed, ['plex', 'vaultwarden', 'redis', 'n8n'], 3)).toEqual(found)
})

test.each(['', 'p', 'plex-', 'media-0999', 'wrker-01234', 'zzzzzzzzzz', '10999', '@al'])(
  'completes %j among 10,000 guests within 20 ms',
  async (typed) => {
    const lab = await labOf(manyGuests(10_000))
    lab.suggest('services', 'x', 25)
    const times = Array.from({ length: 9 }, () => {
      const started = performance.now()
      lab.suggest('services', typed, 25)
      return performance.now() - started
    })
    // The fastest: the others have what else the machine does in them.
    expect(Math.min(...times)).toBeLessThan(20)
  },
)
