import { expect, test } from 'vitest'
import { HomelabError } from '../../errors.ts'
import { parseInventory } from '../../inventory/index.ts'
import { backupList } from './list.ts'

const inventory = parseInventory(`
repositories: { local: { storage: local } }
backups: { guests: { method: vzdump, guests: [web], to: [local], schedule: daily } }
`)

const archive = (size: number) => ({
  volid: `local:backup/vzdump-lxc-110-${size}.tar`,
  vmid: 110,
  size,
  ctime: 0,
})

async function list(
  archives: (place: { readonly node: string }) => Promise<readonly object[]>,
  file = inventory,
) {
  const services = {
    lab: {
      inventory: file,
      resolve: async () => [
        { name: 'web', guest: { vmid: 110, node: 'pve' } },
        { name: 'mail', guest: { vmid: 111, node: 'pve2' } },
      ],
    },
    proxmox: { backups: { archives } },
    clock: { now: () => new Date(60_000), monotonic: () => 0 },
    secrets: { get: async () => 'x' },
    shells: {
      host: () => {
        throw new HomelabError('unreachable', 'No SSH to pve')
      },
    },
  } as unknown as Parameters<typeof backupList.run>[1]
  const verbs = { signal: new AbortController().signal } as Parameters<typeof backupList.run>[2]
  const output = await backupList.run({ plan: 'guests', limit: 25 }, services, verbs)
  return { output, card: JSON.stringify(backupList.card(output, { plan: 'guests', limit: 25 })) }
}

test('an archive on a storage is never called proven', async () => {
  const { card, output } = await list(async () => [archive(100), archive(0)])
  expect(output.snapshots.map(({ proven }) => proven)).toEqual([false, false])
  expect(card).toContain('on the storage')
  expect(card).toContain('"empty"')
  expect(card).not.toContain('proven')
})

test('an archive whose drill failed says so, until one passes', async () => {
  const notes = (marks: string) => ({ notes: `web, plan guests${marks}` })
  const { card, output } = await list(async () => [
    {
      ...archive(100),
      ...notes(', drilled 2026-11-01T02:00:00Z running, drill failed 2026-11-20T02:00:00Z'),
    },
    { ...archive(101), ...notes(', drilled 2026-11-01T02:00:00Z running') },
  ])
  expect(output.snapshots.map(({ failed }) => failed)).toEqual(['2026-11-20T02:00:00.000Z', undefined])
  expect(card).toContain('{"text":"drill failed 2026-11-20","tone":"error"}')
  expect(card).toContain('{"text":"came up 2026-11-01","tone":"ok"}')
})

test('a place that is away hides nothing of the others, and is named', async () => {
  const away = new HomelabError('unreachable', 'No route to host')
  const { card, output } = await list(async ({ node }) => {
    if (node === 'pve2') throw away
    return [archive(100)]
  })
  expect(output).toMatchObject({ of: 1, unseen: [{ repository: 'local on pve2', why: 'No route to host' }] })
  expect(card).toContain('"tone":"warning"')
  expect(card).toContain('local on pve2: No route to host')
  await expect(list(() => Promise.reject(away))).rejects.toMatchObject({ code: 'unreachable' })
})

test('a repository of restic that is away does not hide the archives on the storage', async () => {
  const both = parseInventory(`
repositories: { local: { storage: local }, b2: { restic: 's3:x/y', password: env:B2 } }
backups: { guests: { method: vzdump, guests: [web], to: [local, b2], schedule: daily } }
`)
  const { card, output } = await list(async ({ node }) => (node === 'pve' ? [archive(100)] : []), both)
  expect(output).toMatchObject({ of: 1, unseen: [{ repository: 'b2' }] })
  expect(card).toContain('"title":"Nobody could look into"')
})
