/** What it is worth that HA looks after a guest, and what can be replicated. */
import { expect, it } from 'vitest'
import type { Storage } from '../../proxmox/types.ts'
import { replicated } from '../replication/add.ts'
import { ties } from './ask.ts'

const storage = (name: string, node: string, of: Partial<Storage> = {}): Storage => ({
  storage: name,
  node,
  status: 'available',
  plugin: 'zfspool',
  shared: false,
  content: ['rootdir'],
  used: 0,
  total: 1,
  ...of,
})
const overview = {
  storages: [
    storage('tesla', 'pve'),
    storage('tesla', 'pve2'),
    storage('nas', 'pve', { shared: true, plugin: 'nfs' }),
    storage('lvm', 'pve', { plugin: 'lvmthin' }),
    storage('alone', 'pve'),
  ],
}
const guest = { vmid: 110, type: 'lxc', node: 'pve' } as const

it.each([
  ['on shared storage', { rootfs: 'nas:110/a.raw' }, false, []],
  ['on its node alone', { rootfs: 'tesla:a' }, false, ['when that is gone, HA has nothing to start']],
  ['replicated', { rootfs: 'tesla:a' }, true, ['as it was at the last replication']],
  ['with a folder', { rootfs: 'nas:a', mp0: '/srv,mp=/srv' }, false, ['Its mp0 (/srv) is of pve alone']],
  ['with a shared folder', { rootfs: 'nas:a', mp0: '/srv,mp=/srv,shared=1' }, false, []],
] as const)('a guest %s', (_, config, isReplicated, words) => {
  const found = ties(guest, config, overview, isReplicated)
  expect(found).toEqual(words.map((text) => expect.stringContaining(text)))
})

const copy = (config: Record<string, string>) =>
  replicated({ name: 'web', guest, node: 'pve2', config, overview })

it('copies disks on ZFS, and leaves out what its owner has', () => {
  expect(copy({ rootfs: 'tesla:a,size=8G', mp0: '/srv,mp=/srv,replicate=0' })).toEqual({
    volumes: [{ key: 'rootfs', size: 8 * 2 ** 30 }],
    left: ['mp0 (/srv)'],
  })
})

it.each([
  ['lvm:a', 'which is no ZFS'],
  ['alone:a', 'pve2 has no ZFS storage "alone"'],
])('does not copy %s', (rootfs, text) => {
  expect(() => copy({ rootfs })).toThrow(text)
})
