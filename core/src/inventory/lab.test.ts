import { expect, test } from 'vitest'
import { HomelabError } from '../errors.ts'
import type { Guest, Overview } from '../proxmox/types.ts'
import { guest, manyGuests, overviewOf } from './fixture.ts'
import { createLab } from './lab.ts'
import { parseInventory } from './parse.ts'
import type { Lab, Target } from './types.ts'

const file = `
services:
  postgresql: { guest: 102, aliases: [pg] }
  redis: { guest: redis-ct }
  immich: { guest: 120, needs: [postgresql, redis] }
  nextcloud: { guest: 121, needs: [postgresql] }
  photoframe: { guest: 130, needs: [immich], stack: media }
  plex: { guest: 110 }
`
const guests = [
  guest(102, 'postgresql'),
  guest(103, 'Redis-CT'),
  guest(110, 'plex'),
  guest(120, 'immich'),
  guest(121, 'nextcloud'),
  guest(130, 'frame'),
  guest(140, 'windows', { type: 'qemu', node: 'pve2' }),
  guest(900, 'debian-12', { template: true }),
]

function labOf(live: readonly Guest[], text = '', more: Partial<Overview> = {}): Lab {
  const inventory = parseInventory(text)
  return createLab({
    inventory: () => inventory,
    proxmox: { overview: async () => overviewOf(live, more) },
    clock: { monotonic: () => 0 },
  })
}

const names = (targets: readonly Target[]) => targets.map((target) => target.name)
const failureOf = async (promise: Promise<unknown>): Promise<HomelabError> => {
  const error = await promise.then(
    () => new Error('it was resolved'),
    (reason: unknown) => reason,
  )
  if (error instanceof HomelabError) return error
  throw error
}

test.each([
  ['a service', 'immich', 'immich', 120],
  ['another case', ' ImMich ', 'immich', 120],
  ['an alias', 'PG', 'postgresql', 102],
  ["the guest's name", 'frame', 'photoframe', 130],
  ['its VMID', '130', 'photoframe', 130],
  ['a guest given by name, in another case', 'redis', 'redis', 103],
  ['a guest that the file does not mention', 'windows', 'windows', 140],
])('resolves %s', async (_, typed, name, vmid) => {
  const [target, ...others] = await labOf(guests, file).resolve([typed])
  expect([target?.name, target?.guest.vmid, others]).toEqual([name, vmid, []])
})

test('without a file a live guest is a service by its name, known from the catalogue', async () => {
  const lab = labOf([guest(110, 'Plex'), guest(111, 'plex-ct'), guest(900, 'jellyfin', { template: true })])
  expect(await lab.resolve(['plex'])).toMatchObject([
    { name: 'Plex', service: { guest: 110, kind: 'plex', port: 32400, stack: 'media' }, dependents: [] },
  ])
  const [other] = await lab.resolve(['plex-ct'])
  expect(other?.service).toBeUndefined()
  expect((await lab.services()).map(({ name, stack }) => [name, stack])).toEqual([
    ['Plex', 'media'],
    ['plex-ct', 'other'],
  ])
  expect(names(await lab.resolve(['@all']))).toEqual(['Plex', 'plex-ct'])
  expect(names(await lab.resolve(['@media']))).toEqual(['Plex'])
})

test('what others need comes first, whatever the order it was named in; each guest once', async () => {
  const lab = labOf(guests, file)
  expect(names(await lab.resolve(['plex', 'immich', '120', 'pg', 'postgresql']))).toEqual([
    'plex',
    'postgresql',
    'immich',
  ])
  // The link between them is a service that was not named.
  expect(names(await lab.resolve(['photoframe', 'redis']))).toEqual(['redis', 'photoframe'])
  expect(names(await lab.resolve(['@all']))).toEqual([
    'postgresql',
    'redis',
    'immich',
    'nextcloud',
    'photoframe',
    'plex',
  ])
  expect(names(await lab.resolve(['@Media']))).toEqual(['photoframe', 'plex'])
})

test('names who depends on it, nearest first', async () => {
  const lab = labOf(guests, file)
  const [postgresql] = await lab.resolve(['postgresql'])
  expect(postgresql?.dependents).toEqual(['immich', 'nextcloud', 'photoframe'])
  expect((await lab.resolve(['plex']))[0]?.dependents).toEqual([])
})

test('services that share a guest are one target, and go down with each other', async () => {
  const lab = labOf(
    [guest(200, 'docker'), guest(201, 'db')],
    `
services:
  radarr: { guest: docker }
  sonarr: { guest: docker, needs: [db] }
  db: { guest: 201 }
  overseerr: { guest: 300, needs: [sonarr] }
`,
  )
  const targets = await lab.resolve(['radarr', 'sonarr', 'db'])
  expect(names(targets)).toEqual(['db', 'radarr'])
  expect(targets.map((target) => target.dependents)).toEqual([
    ['sonarr', 'overseerr'],
    ['sonarr', 'overseerr'],
  ])
  const [host] = await lab.resolve(['docker'])
  expect([host?.name, host?.service, host?.dependents]).toEqual([
    'docker',
    undefined,
    ['radarr', 'sonarr', 'overseerr'],
  ])
})

test.each([
  ['plx', 'There is no service or guest "plx". Did you mean plex?'],
  ['postgres', 'There is no service or guest "postgres". Did you mean postgresql?'],
  ['nothing-like-it', 'There is no service or guest "nothing-like-it".'],
  ['123', 'There is no guest with VMID 123.'],
  ['@medai', 'There is no stack "@medai". Did you mean @media?'],
  ['@x', 'There is no stack "@x". Stacks: @core, @apps, @media.'],
])('%s is not found, and the nearest is named', async (typed, message) => {
  const error = await failureOf(labOf(guests, file).resolve([typed]))
  expect([error.code, error.message, error.hint]).toEqual([
    'not-found',
    message,
    '/homelab status lists all.',
  ])
})

test('64 KB of garbage gets a short answer soon', async () => {
  const lab = labOf(manyGuests(10_000), file)
  const error = await failureOf(lab.resolve(['%'.repeat(65_536)]))
  expect(error.code).toBe('not-found')
  expect(error.message.length).toBeLessThan(200)
})

test('a name that several guests have is answered with their VMIDs', async () => {
  const twice = [guest(110, 'plex'), guest(210, 'Plex', { node: 'pve2' })]
  const error = await failureOf(labOf(twice).resolve(['plex']))
  expect(error.code).toBe('ambiguous')
  expect(error.message).toBe('2 guests are called "plex": CT 110 on pve, CT 210 on pve2.')
  expect(error.hint).toBe('Use the VMID, such as 110.')
  expect(error.data?.candidates).toMatchObject([{ vmid: 110 }, { vmid: 210 }])
  expect(names(await labOf(twice).resolve(['210']))).toEqual(['Plex'])

  const byFile = await failureOf(labOf(twice, 'services: { tv: { guest: plex } }').resolve(['tv']))
  expect([byFile.code, byFile.hint]).toEqual([
    'ambiguous',
    'Write the VMID as "guest" of tv in homelab.yaml.',
  ])
})

test('a service whose guest is not there says so, and names guests like it', async () => {
  const lab = labOf(
    [guest(110, 'plex-new'), guest(111, 'jellyfin')],
    'services: { plex: { guest: 999 }, jellyfin: }',
  )
  const error = await failureOf(lab.resolve(['plex']))
  expect(error.code).toBe('not-found')
  expect(error.message).toBe(
    'The service plex runs on VMID 999, but Proxmox shows no such guest. Did you mean plex-new?',
  )
  expect((await failureOf(lab.resolve(['@media']))).message).toBe(error.message)
  expect((await lab.services()).map((row) => [row.name, row.target?.guest.vmid])).toEqual([
    ['plex', undefined],
    ['jellyfin', 111],
  ])
})

test('several missing guests of a stack are named together', async () => {
  const lab = labOf([guest(111, 'jellyfin')], 'services: { plex: , radarr: , jellyfin: }')
  const error = await failureOf(lab.resolve(['@media']))
  expect([error.code, error.message]).toEqual([
    'not-found',
    'These services of @media have no guest: plex, radarr.',
  ])
})

test.each(['900', 'debian-12'])('a template is refused: %s', async (typed) => {
  const error = await failureOf(labOf(guests, file).resolve([typed]))
  expect([error.code, error.message]).toEqual([
    'usage',
    'CT 900 on pve (debian-12) is a template: it never runs.',
  ])
})

test('a real guest wins over a template of the same name', async () => {
  const lab = labOf([guest(900, 'plex', { template: true }), guest(110, 'plex')])
  expect((await lab.resolve(['plex'])).map((target) => target.guest.vmid)).toEqual([110])
})

test('a token that sees nothing is told apart from an empty lab', async () => {
  const token = 'proxmox: { endpoints: "https://a:8006", token: { id: a@pve!desk, secret: env:T } }'
  const error = await failureOf(labOf([], token, { filtered: true }).resolve(['plex']))
  expect(error.code).toBe('unauthorised')
  expect(error.hint).toContain("pveum acl modify / --users a@pve --tokens 'a@pve!desk' --roles PVEAuditor")
  expect((await failureOf(labOf([]).resolve(['plex']))).code).toBe('not-found')
})

test('names that objects have by themselves are no services', async () => {
  for (const name of ['constructor', '__proto__', 'toString']) {
    expect((await failureOf(labOf(guests, file).resolve([name]))).code).toBe('not-found')
  }
})

test('a reload takes effect at once, without another call', async () => {
  let inventory = parseInventory('')
  let calls = 0
  const lab = createLab({
    inventory: () => inventory,
    proxmox: {
      overview: async () => {
        calls++
        return overviewOf(guests)
      },
    },
    clock: { monotonic: () => 0 },
  })
  expect((await lab.resolve(['frame']))[0]?.name).toBe('frame')
  inventory = parseInventory(file)
  expect((await lab.resolve(['frame']))[0]?.name).toBe('photoframe')
  expect(lab.suggest('services', 'photo', 5)).toMatchObject([{ value: 'photoframe' }])
  expect(calls).toBe(1)
})

/** A Proxmox that answers when it is told to. */
function heldProxmox() {
  const waiting: { answer(overview: Overview): void; fail(error: Error): void }[] = []
  return {
    waiting,
    calls: 0,
    overview(): Promise<Overview> {
      this.calls++
      return new Promise((answer, fail) => waiting.push({ answer, fail }))
    },
  }
}

const settled = () => new Promise((resolve) => setImmediate(resolve))

test('all who ask at once share one call; the answer serves for ten seconds', async () => {
  const proxmox = heldProxmox()
  let now = 0
  const lab = createLab({ inventory: () => parseInventory(''), proxmox, clock: { monotonic: () => now } })
  const asked = [lab.overview(), lab.services(), lab.resolve(['plex'])]
  proxmox.waiting[0]?.answer(overviewOf(guests))
  await Promise.all(asked)
  now = 9_999
  await lab.overview()
  expect(proxmox.calls).toBe(1)
  now = 10_000
  const again = lab.overview()
  proxmox.waiting[1]?.answer(overviewOf([]))
  expect((await again).guests).toEqual([])
  expect(proxmox.calls).toBe(2)
})

test('who asks for fresh data never gets a call that was already on its way', async () => {
  const proxmox = heldProxmox()
  const lab = createLab({ inventory: () => parseInventory(''), proxmox, clock: { monotonic: () => 0 } })
  const before = lab.overview()
  const fresh = [
    lab.overview({ fresh: true }),
    lab.overview({ fresh: true }),
    lab.resolve(['110'], { fresh: true }),
  ]
  expect(proxmox.calls).toBe(1)
  proxmox.waiting[0]?.answer(overviewOf([]))
  expect((await before).guests).toEqual([])
  await settled()
  expect(proxmox.calls).toBe(2)
  proxmox.waiting[1]?.answer(overviewOf([guest(110, 'plex')]))
  const [first, second, targets] = await Promise.all(fresh)
  expect(second).toBe(first)
  expect(targets).toMatchObject([{ name: 'plex' }])
})

test('after a failed refresh nothing old is shown as fresh, but completion still works', async () => {
  const proxmox = heldProxmox()
  const lab = createLab({ inventory: () => parseInventory(''), proxmox, clock: { monotonic: () => 0 } })
  const first = lab.overview()
  proxmox.waiting[0]?.answer(overviewOf(guests))
  await first
  const fresh = lab.overview({ fresh: true })
  proxmox.waiting[1]?.fail(new HomelabError('unreachable', 'pve does not answer'))
  await expect(fresh).rejects.toThrow('pve does not answer')
  const next = lab.overview()
  expect(proxmox.calls).toBe(3)
  proxmox.waiting[2]?.fail(new HomelabError('unreachable', 'pve does not answer'))
  await expect(next).rejects.toThrow('pve does not answer')
  expect(lab.suggest('services', 'win', 5)).toMatchObject([{ value: 'windows' }])
})

test('one who gives up does not take the call away from the others', async () => {
  const proxmox = heldProxmox()
  const lab = createLab({ inventory: () => parseInventory(''), proxmox, clock: { monotonic: () => 0 } })
  const leaving = new AbortController()
  const left = lab.overview({ signal: leaving.signal })
  const stayed = lab.overview()
  leaving.abort(new HomelabError('cancelled', 'no longer wanted'))
  await expect(left).rejects.toThrow('no longer wanted')
  proxmox.waiting[0]?.answer(overviewOf(guests))
  expect((await stayed).guests).toHaveLength(guests.length)
  await expect(lab.overview({ signal: leaving.signal })).rejects.toThrow('no longer wanted')
  expect(proxmox.calls).toBe(1)
})

test('ten thousand services in one chain are put in order', async () => {
  const count = 10_000
  const live = manyGuests(count)
  const services = live.map(
    ({ vmid }, index) =>
      `  s${vmid}: { guest: ${vmid}${index + 1 < count ? `, needs: [s${vmid + 1}]` : ''} }`,
  )
  const lab = labOf(live, `services:\n${services.join('\n')}\n`)
  const all = await lab.resolve(['@all'])
  expect(all).toHaveLength(count)
  expect([all[0]?.name, all.at(-1)?.name]).toEqual(['s10999', 's1000'])
}, 60_000)

test('what the overviews show is a course, at the price of no further call', async () => {
  let [now, calls] = [0, 0]
  const inventory = parseInventory(file)
  const lab = createLab({
    inventory: () => inventory,
    proxmox: {
      overview: async () => {
        calls += 1
        return overviewOf([guest(110, 'plex', { cpu: calls / 10 })])
      },
    },
    clock: { monotonic: () => now },
  })
  await lab.overview()
  expect(lab.course({ of: 'cpu', vmid: 110 })).toBeUndefined()
  now = 1_800_000
  await lab.overview()
  expect(lab.course({ of: 'cpu', vmid: 110 })).toEqual([0.1, 0.2])
  expect(lab.course({ of: 'memory', node: 'pve' })).toEqual([0.5, 0.5])
  expect(calls).toBe(2)
})
