import { expect, test } from 'vitest'
import { HomelabError } from '../errors.ts'
import { parseInventory } from '../inventory/index.ts'
import type { Archive } from '../proxmox/backup-types.ts'
import { nextTurn, type RotationServices } from './guest-rotation.ts'
import type { GuestPlan } from './vzdump.ts'

const [plan] = parseInventory(`
repositories: { local: { storage: local } }
backups: { guests: { method: vzdump, guests: [web, mail], to: [local], schedule: daily } }
`).backups as readonly GuestPlan[]
const config = { rootfs: 'tesla:subvol-1-disk-0,size=8G' }

const archive = (vmid: number, day: number, more: Partial<Archive> = {}) =>
  ({
    volid: `local:backup/vzdump-lxc-${vmid}-${day}`,
    vmid,
    type: 'lxc',
    size: 100,
    ctime: Date.UTC(2026, 10, day) / 1000,
    notes: 'x, plan guests',
    ...more,
  }) as Archive

/** @param configOf what Proxmox answers of an archive */
async function turn(archives: readonly Archive[], configOf = async (_: string): Promise<object> => config) {
  if (plan === undefined) throw new Error('no plan')
  const targets = ['web', 'mail'].map((name, index) => ({
    name,
    guest: { vmid: 110 + index, name, node: 'pve', type: 'lxc' },
  }))
  const services = {
    lab: { resolve: async () => targets, overview: async () => ({ guests: [], storages: [] }) },
    proxmox: {
      backups: {
        archives: async () => archives,
        config: async (place: { readonly archive: string }) => await configOf(place.archive),
      },
    },
    shells: { has: () => true },
    clock: { now: () => new Date('2026-11-26T12:00:00Z') },
  } as unknown as RotationServices
  return await nextTurn(plan, 'local', services, new AbortController().signal)
}

test('a newest archive of no bytes is drilled, and not the one before it', async () => {
  expect(await turn([archive(110, 20, { size: 0 }), archive(110, 10), archive(111, 20)])).toMatchObject({
    name: 'web',
    archive: { volid: 'local:backup/vzdump-lxc-110-20' },
    copy: { broken: 'The archive is empty: it has 0 bytes.' },
    passedOver: [],
  })
})

test('one without a configuration is not passed over', async () => {
  const damaged = async (volid: string) => {
    if (volid.includes('-110-'))
      throw new HomelabError('failed', 'It holds no configuration of a guest.', { data: { ofArchive: true } })
    return config
  }
  expect(await turn([archive(110, 20), archive(111, 20)], damaged)).toMatchObject({
    name: 'web',
    copy: { broken: 'It holds no configuration of a guest.' },
  })
})

test.each(['unreachable', 'unauthorised', 'not-found', 'timeout', 'failed'] as const)(
  'that it could not be read (%s) is no fault of the archive',
  async (code) => {
    const away = async (volid: string) => {
      if (volid.includes('-110-')) throw new HomelabError(code, 'no')
      return config
    }
    expect(await turn([archive(110, 20), archive(111, 20)], away)).toMatchObject({
      name: 'mail',
      copy: { storage: 'tesla' },
      passedOver: [{ name: 'web', why: 'no' }],
    })
  },
)

test('one that was begun and came to no end has had its turn, and others that failed are named', async () => {
  const tried = archive(110, 20, { notes: 'x, plan guests, tried 2026-11-25T02:00:00Z' })
  expect(await turn([tried, archive(111, 20)])).toMatchObject({ name: 'mail', failing: [] })
  const failed = archive(110, 20, { notes: 'x, plan guests, drill failed 2026-11-25T02:00:00Z' })
  expect(await turn([failed, archive(111, 20)])).toMatchObject({ name: 'mail', failing: ['web'] })
})
