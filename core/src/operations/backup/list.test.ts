import { expect, test } from 'vitest'
import { parseInventory } from '../../inventory/index.ts'
import { backupList } from './list.ts'

const inventory = parseInventory(`
repositories: { local: { storage: local } }
backups: { guests: { method: vzdump, guests: [web], to: [local], schedule: daily } }
`)

test('an archive on a storage is never called proven', async () => {
  const archive = (size: number) => ({
    volid: `local:backup/vzdump-lxc-110-${size}.tar`,
    vmid: 110,
    size,
    ctime: 0,
  })
  const services = {
    lab: { inventory, resolve: async () => [{ name: 'web', guest: { vmid: 110, node: 'pve' } }] },
    proxmox: { backups: { archives: async () => [archive(100), archive(0)] } },
    clock: { now: () => new Date(60_000) },
  } as unknown as Parameters<typeof backupList.run>[1]
  const verbs = { signal: new AbortController().signal } as Parameters<typeof backupList.run>[2]
  const output = await backupList.run({ plan: 'guests', limit: 25 }, services, verbs)
  expect(output.snapshots.map(({ proven }) => proven)).toEqual([false, false])
  const card = JSON.stringify(backupList.card(output, { plan: 'guests', limit: 25 }))
  expect(card).toContain('on the storage')
  expect(card).toContain('"empty"')
  expect(card).not.toContain('proven')
})
