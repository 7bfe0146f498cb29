import { expect, test } from 'vitest'
import { parseInventory } from '../../inventory/index.ts'
import type { Verbs } from '../../operation/types.ts'
import { guestDrillPlace, planGuestDrill, runGuestDrill } from './drill-guest.ts'

const inventory = parseInventory(`
repositories: { local: { storage: local } }
backups: { guests: { method: vzdump, guests: [web], to: [local], schedule: daily } }
`)
const signal = new AbortController().signal

test('a broken newest archive fails its drill, and its notes say so', async () => {
  const archive = { volid: 'local:backup/vzdump-lxc-110-2', vmid: 110, type: 'lxc', size: 0, ctime: 2 }
  let notes = 'web, plan guests'
  const services = {
    lab: {
      inventory,
      resolve: async () => [{ name: 'web', guest: { vmid: 110, node: 'pve', type: 'lxc' } }],
    },
    proxmox: {
      backups: {
        archives: async () => [{ ...archive, notes }],
        notes: async () => notes,
        update: async (_place: object, given: { readonly notes: string }) => {
          notes = given.notes
        },
      },
    },
    clock: { now: () => new Date('2026-11-26T02:00:00Z'), monotonic: () => 0 },
  } as unknown as Parameters<typeof guestDrillPlace>[2]
  const verbs = {
    step: (_name: string, body: () => Promise<unknown>) => body(),
    log: () => {},
    signal,
  } as unknown as Verbs
  const [plan] = inventory.backups
  if (plan?.method !== 'vzdump') throw new Error('no plan')
  const place = guestDrillPlace(plan, undefined, services)
  // A schedule begins nothing whose plan fails.
  expect((await planGuestDrill(place, signal)).steps).toContain(
    'nothing can come out of it, and the drill fails: The archive is empty: it has 0 bytes.',
  )
  await expect(runGuestDrill(place, verbs)).rejects.toMatchObject({
    code: 'failed',
    message: 'The newest archive of web is broken. The archive is empty: it has 0 bytes.',
  })
  expect(notes).toBe('web, plan guests, drill failed 2026-11-26T02:00:00Z')
})
