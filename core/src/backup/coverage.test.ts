import { describe, expect, it } from 'vitest'
import { type CoverageInput, findCoverage, uncovered } from './coverage.ts'
import { isExcluded } from './exclude.ts'

const guest = (
  vmid: number,
  name: string,
  config: Record<string, string> = {},
  type: 'lxc' | 'qemu' = 'lxc',
) => ({
  guest: { vmid, name, type, node: 'pve', template: false },
  config: type === 'lxc' ? { rootfs: `tesla:subvol-${vmid}-disk-0,size=8G`, ...config } : config,
})

/** The lab of the example: everything by vzdump, the photos and the files by restic, PostgreSQL by pg_dump. */
const lab = (more: Partial<CoverageInput> = {}): CoverageInput => ({
  guests: [
    guest(102, 'postgresql'),
    guest(110, 'plex', { mp0: '/Apollo/Media,mp=/media' }),
    guest(111, 'jellyfin', { mp0: '/Apollo/Media,mp=/media,ro=1' }),
    guest(120, 'immich', { mp0: '/Apollo/Photos,mp=/photos' }),
  ],
  plans: [
    { name: 'lxc', method: 'vzdump', guests: ['@all'] },
    { name: 'photos', method: 'restic', node: 'pve', paths: ['/Apollo/Photos'] },
    { name: 'postgresql', method: 'pg_dump', service: 'postgresql' },
  ],
  guestsOf: async () => [102, 110, 111, 120],
  guestOfService: (service) => ({ postgresql: 102, immich: 120 })[service],
  databaseServices: ['postgresql'],
  databases: async () => ['immich', 'nextcloud'],
  storages: [
    {
      name: 'apollo',
      node: 'pve',
      layout: [
        { path: '/Apollo/Photos', purpose: 'x' },
        { path: '/Apollo/Backups', purpose: 'x' },
      ],
    },
  ],
  unprotected: [],
  ...more,
})
const rowOf = async (input: CoverageInput, name: string) =>
  (await findCoverage(input)).rows.find((row) => row.name === name)
const missing = async (input: CoverageInput) =>
  uncovered((await findCoverage(input)).rows).map(({ name }) => name)

describe('coverage', () => {
  it('names what no plan has, each folder of a host once', async () => {
    expect(await missing(lab())).toEqual(['/Apollo/Media', '/Apollo/Backups'])
    expect(await rowOf(lab(), '/Apollo/Media')).toEqual({
      kind: 'mount',
      name: '/Apollo/Media',
      where: 'pve: /media in plex, /media in jellyfin',
      covered: [],
      why: 'vzdump never includes bind mounts, and no restic plan on pve has it',
    })
    expect(await rowOf(lab(), '/Apollo/Photos')).toMatchObject({ kind: 'mount', covered: ['photos'] })
    expect(await rowOf(lab(), 'postgresql/immich')).toMatchObject({ covered: ['postgresql'] })
  })

  it('does not take a vzdump of the guest for its bind mount', async () => {
    const plans = lab().plans.filter(({ method }) => method === 'vzdump')
    expect(await missing(lab({ plans }))).toContain('/Apollo/Photos')
  })

  it.each([
    ['another node', { node: 'pve2', paths: ['/Apollo/Photos'] }, 'no restic plan on pve has it'],
    [
      'a folder with a similar name',
      { node: 'pve', paths: ['/Apollo/Photo'] },
      'no restic plan on pve has it',
    ],
    ['a part of it', { node: 'pve', paths: ['/Apollo/Photos/2024'] }, 'takes only /Apollo/Photos/2024 of it'],
    ['all but that', { node: 'pve', paths: ['/Apollo'], exclude: ['/Apollo/Photos'] }, 'excludes it'],
    ['all but what is called so', { node: 'pve', paths: ['/Apollo'], exclude: ['Pho*s'] }, 'excludes it'],
    ['an empty folder', { node: 'pve', paths: ['/Apollo'], exclude: ['/Apollo/Photos/*'] }, 'excludes it'],
    ['another guest', { service: 'postgresql', paths: ['/photos'] }, 'no restic plan on pve has it'],
    ['another place in the guest', { service: 'immich', paths: ['/srv'] }, 'no restic plan on pve has it'],
  ] as const)('does not take a plan of %s for the photos', async (_, plan, why) => {
    const input = lab({
      plans: [
        {
          name: 'p',
          method: 'restic',
          ...plan,
          paths: [...plan.paths],
          exclude: 'exclude' in plan ? [...plan.exclude] : [],
        },
      ],
    })
    expect(await rowOf(input, '/Apollo/Photos')).toMatchObject({
      covered: [],
      why: expect.stringContaining(why),
    })
  })

  it.each([
    ['above it', { node: 'pve', paths: ['/Apollo'] }],
    ['of all there is', { node: 'pve', paths: ['/'] }],
    ['inside the guest', { service: 'immich', paths: ['/photos'] }],
    ['inside the guest, above it', { service: 'immich', paths: ['/'] }],
  ])('takes a plan %s', async (_, plan) => {
    const input = lab({ plans: [{ name: 'p', method: 'restic', ...plan }] })
    expect(await rowOf(input, '/Apollo/Photos')).toMatchObject({ covered: ['p'] })
  })

  it('says what a plan leaves out below', async () => {
    const exclude = ['/Apollo/Photos/thumbs', '*.tmp']
    const input = lab({
      plans: [{ name: 'p', method: 'restic', node: 'pve', paths: ['/Apollo/Photos'], exclude }],
    })
    expect(await rowOf(input, '/Apollo/Photos')).toMatchObject({
      covered: ['p'],
      why: 'p leaves out /Apollo/Photos/thumbs',
    })
  })

  it('takes volumes with backup=1 only, or by a plan inside', async () => {
    const volumes = guest(120, 'immich', {
      mp1: 'tesla:subvol-120-disk-1,mp=/in,backup=1',
      mp2: 'tesla:subvol-120-disk-2,mp=/out',
      mp3: 'tesla:subvol-120-disk-3,mp=/off,backup=0',
      mp4: '/dev/sdx1,mp=/device',
    })
    const plans: CoverageInput['plans'] = [
      { name: 'lxc', method: 'vzdump', guests: ['@all'] },
      { name: 'inside', method: 'restic', service: 'immich', paths: ['/out/data', '/off'] },
    ]
    const { rows } = await findCoverage(lab({ guests: [volumes], plans, storages: [] }))
    expect(rows.filter(({ kind }) => kind === 'volume' || kind === 'mount')).toMatchObject([
      { name: 'immich:/in', covered: ['lxc'] },
      { name: 'immich:/out', covered: [], why: 'inside takes only /out/data of it' },
      { name: 'immich:/off', covered: ['inside'] },
      {
        name: 'immich:/device',
        kind: 'mount',
        covered: [],
        why: expect.stringContaining('never includes a device'),
      },
    ])
  })

  it('takes the disks of a VM with its archive, unless they say no', async () => {
    const vm = guest(
      130,
      'ha',
      {
        scsi0: 'tesla:vm-130-disk-0,size=8G',
        scsi1: 'tesla:vm-130-disk-1,backup=0',
        ide2: 'none,media=cdrom',
      },
      'qemu',
    )
    const input = lab({ guests: [vm], guestsOf: async () => [130], storages: [] })
    expect(await missing(input)).toEqual(['ha:scsi1'])
  })

  it('names guests and databases that a plan does not name', async () => {
    const plans: CoverageInput['plans'] = [
      { name: 'lxc', method: 'vzdump', guests: ['plex'] },
      { name: 'pg', method: 'pg_dump', service: 'postgresql', databases: ['immich'] },
    ]
    const found = await missing(lab({ plans, guestsOf: async () => [110], storages: [] }))
    expect(found).toEqual([
      'postgresql',
      'jellyfin',
      'immich',
      '/Apollo/Media',
      '/Apollo/Photos',
      'postgresql/nextcloud',
    ])
  })

  it('counts what it cannot look at as not covered', async () => {
    const input = lab({
      guests: [{ guest: guest(110, 'plex').guest, config: { unreadable: 'no VM.Audit' } }],
      guestsOf: async () => {
        throw new Error('There is no service "plx"')
      },
      databases: async () => {
        throw new Error('connection refused')
      },
      storages: [],
    })
    expect(await missing(input)).toEqual(['plex', 'plex:*', 'postgresql/*'])
    expect((await findCoverage(input)).unresolved).toEqual([
      { plan: 'lxc', why: 'There is no service "plx"' },
    ])
  })

  it('keeps what may be lost apart, and says which of these entries fit nothing', async () => {
    const unprotected = [
      { what: '/Apollo/Media', why: 'can be bought again' },
      { what: '/apollo/backups', why: 'mistyped' },
    ]
    const { rows, unused } = await findCoverage(lab({ unprotected }))
    expect(uncovered(rows).map(({ name }) => name)).toEqual(['/Apollo/Backups'])
    expect(rows.find(({ name }) => name === '/Apollo/Media')).toMatchObject({
      replaceable: 'can be bought again',
    })
    expect(unused).toEqual(['/apollo/backups'])
  })
})

describe('patterns of --exclude', () => {
  it.each([
    ['/a/b', '/a/b/c', true],
    ['/a/b', '/a', false],
    ['b', '/a/b/c', true],
    ['b/c', '/a/b/c/d', true],
    ['/b', '/a/b', false],
    ['*.jpg', '/a/x.jpg', true],
    ['*.jpg', '/a/xjpg', false],
    ['/a/**/d', '/a/b/c/d', true],
    ['/a/**/d', '/a/d', true],
    ['/a/?', '/a/b', true],
    ['/a/[xy]', '/a/b', false],
    ['/a/b.c', '/a/bxc', false],
  ])('%s of %s: %s', (pattern, path, expected) => {
    expect(isExcluded(path, [pattern])).toBe(expected)
  })

  it('come back with !', () => {
    expect(isExcluded('/a/b', ['/a/*', '!/a/b'])).toBe(false)
    expect(isExcluded('/a/c', ['/a/*', '!/a/b'])).toBe(true)
  })
})
