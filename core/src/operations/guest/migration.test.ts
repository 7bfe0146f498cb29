/** What stands in the way of a migration, told before anything is done. */
import { describe, expect, it } from 'vitest'
import { HomelabError } from '../../errors.ts'
import type { Guest, Node, Overview, Storage } from '../../proxmox/types.ts'
import { checkMigration, type MigrationFacts, refuseUnmovable, targetNode } from './migration.ts'

const GiB = 2 ** 30

const node = (name: string, of: Partial<Node> = {}): Node => ({
  node: name,
  status: 'online',
  cpu: 0.1,
  maxcpu: 8,
  mem: 8 * GiB,
  maxmem: 32 * GiB,
  disk: 0,
  maxdisk: 0,
  uptime: 1,
  ...of,
})
const storage = (name: string, on: string, of: Partial<Storage> = {}): Storage => ({
  storage: name,
  node: on,
  status: 'available',
  plugin: 'zfspool',
  shared: false,
  content: ['rootdir', 'images'],
  used: 0,
  total: 100 * GiB,
  ...of,
})
const web: Guest = {
  vmid: 110,
  type: 'lxc',
  node: 'pve',
  name: 'web',
  status: 'running',
  template: false,
  tags: [],
  uptime: 1,
  cpu: 0,
  maxcpu: 2,
  mem: GiB,
  maxmem: 2 * GiB,
  disk: 4 * GiB,
  maxdisk: 8 * GiB,
}
const overview: Overview = {
  at: '',
  nodes: [node('pve'), node('pve2'), node('pve3', { status: 'offline' })],
  guests: [web],
  storages: [
    storage('tesla', 'pve'),
    storage('tesla', 'pve2'),
    storage('nas', 'pve', { shared: true }),
    storage('nas', 'pve2', { shared: true }),
    storage('fast', 'pve'),
    storage('other', 'pve2'),
    storage('small', 'pve2', { used: 97 * GiB }),
  ],
  filtered: false,
}
const facts = (of: Partial<MigrationFacts> = {}): MigrationFacts => ({
  name: 'web',
  guest: web,
  config: { rootfs: 'tesla:subvol-110-disk-0,size=8G' },
  overview,
  target: 'pve2',
  running: true,
  ...of,
})
const refusal = (work: () => unknown): HomelabError => {
  try {
    work()
  } catch (error) {
    if (error instanceof HomelabError) return error
  }
  throw new Error('it was not refused')
}

describe('the target', () => {
  it.each([
    ['pve', 'conflict', 'on pve already'],
    ['pv2', 'not-found', 'Did you mean pve2?'],
    ['pve3', 'conflict', 'pve3 is offline'],
  ])('%s is refused: %s', (wanted, code, text) => {
    const error = refusal(() => targetNode(overview, facts(), wanted))
    expect(error.code).toBe(code)
    expect(error.message).toContain(text)
    expect(error.hint).toBeDefined()
  })
  it('is found however it is written', () => {
    expect(targetNode(overview, facts(), ' PVE2 ').node).toBe('pve2')
  })
})

describe('disks', () => {
  it('are copied from local storage, and stay on shared', () => {
    const { copied, warnings } = checkMigration(
      facts({ config: { rootfs: 'nas:110/vm-110-disk-0.raw,size=8G', mp0: 'tesla:data,mp=/data,size=2G' } }),
    )
    expect(copied).toEqual([{ key: 'mp0', from: 'tesla', to: 'tesla', size: 2 * GiB }])
    expect(warnings).toEqual([])
  })

  it('on a storage that the other node has not need another', () => {
    const config = { rootfs: 'fast:subvol-110-disk-0,size=8G' }
    const error = refusal(() => checkMigration(facts({ config })))
    expect(error.message).toContain('rootfs is on fast, which pve2 has not')
    expect(error.hint).toContain('`guest migrate 110 pve2 storage:')
    expect(checkMigration(facts({ config, storage: 'other' })).copied).toMatchObject([{ to: 'other' }])
  })

  it('need room for what is used, and are warned of for what they may grow to', () => {
    const full = refusal(() => checkMigration(facts({ storage: 'small' })))
    expect(full.message).toContain('needs 4.0 GiB, and 3.0 GiB are free')
    const little = checkMigration(facts({ storage: 'small', guest: { ...web, disk: GiB } }))
    expect(little.warnings[0]).toContain('may grow to 8.0 GiB')
  })
})

describe('memory', () => {
  const withFree = (free: number): Overview => ({
    ...overview,
    nodes: [node('pve'), node('pve2', { mem: 32 * GiB - free })],
  })
  it('is refused when there is none for what it uses, and not of one that is stopped', () => {
    const tight = facts({ overview: withFree(GiB / 2) })
    expect(refusal(() => checkMigration(tight)).message).toContain('no memory for web on pve2')
    expect(checkMigration({ ...tight, running: false }).warnings).toEqual([])
    expect(checkMigration(facts({ overview: withFree(1.5 * GiB) })).warnings[0]).toContain('may take 2.0 GiB')
  })
  it('is not judged without figures', () => {
    const hidden = { ...overview, nodes: [node('pve'), node('pve2', { mem: 0, maxmem: 0 })] }
    expect(checkMigration(facts({ overview: hidden })).warnings).toEqual([])
  })
})

describe('what is of the host', () => {
  it('keeps a container, unless it is on every node', () => {
    const config = { rootfs: 'tesla:a,size=8G', mp0: "/srv/it's,mp=/srv" }
    const error = refusal(() => checkMigration(facts({ config })))
    expect(error.message).toContain("its mp0 (/srv/it's) is of pve, and would be missing on pve2")
    expect(error.hint).toContain(`pct set 110 --mp0 '/srv/it'\\''s,mp=/srv,shared=1'`)
    expect(
      checkMigration(facts({ config: { ...config, mp0: '/srv,mp=/srv,shared=1' } })).copied,
    ).toHaveLength(1)
  })

  it('is warned of when it is a device of a container, and keeps a VM', () => {
    const config = { rootfs: 'tesla:a,size=8G', dev0: '/dev/dri/renderD128,gid=104' }
    expect(checkMigration(facts({ config })).warnings).toEqual([
      'dev0 gives it /dev/dri/renderD128: pve2 must have that too, or it does not start there.',
    ])
    const vm = { ...web, type: 'qemu' } as const
    const scsi = { scsi0: 'tesla:vm-110-disk-0,size=8G' }
    const obstacles = { localResources: ['hostpci0'], localDisks: [] }
    expect(refusal(() => checkMigration(facts({ guest: vm, config: scsi, obstacles }))).message).toContain(
      'it uses hostpci0 of pve',
    )
    const disc = { localResources: [], localDisks: [{ volid: 'local:iso/a.iso', size: 1, cdrom: true }] }
    expect(refusal(() => checkMigration(facts({ guest: vm, config: scsi, obstacles: disc }))).hint).toContain(
      'Eject',
    )
  })
})

it.each([
  [{ lock: 'backup' }, 'locked'],
  [{ status: 'unknown' as const }, 'conflict'],
  [{ hastate: 'error' }, 'conflict'],
])('a guest as %j is left where it is', (of, code) => {
  expect(refusal(() => refuseUnmovable({ name: 'web', guest: { ...web, ...of } })).code).toBe(code)
})
