import { expect, test } from 'vitest'
import { emptyInventory, serviceFrom } from '../inventory/index.ts'
import type { Target } from '../inventory/types.ts'
import { Blueprint } from './blueprint.ts'
import { describe } from './label.ts'
import { originOf } from './origin.ts'
import { writtenFor } from './wanted.ts'

const named = (name: string, more: object = {}) => ({
  name,
  own: true,
  blueprint: Blueprint.parse({ title: name, stack: 'apps', create: { by: 'template' }, ...more }),
})
const database = { name: 'n8n', role: 'n8n' }
const n8n = named('n8n', { database })
const all = [named('jellyfin'), n8n, named('paperless', { database: { name: 'paper', role: 'paper' } })]

/** @param written of the service, as homelab.yaml has it; others are beside it */
async function origin(name: string, written: object = {}, description = '', others: object = {}) {
  const service = serviceFrom(name, written)
  const services = [
    service,
    ...Object.entries(others).map(([other, its]) => serviceFrom(other, its as object)),
  ]
  const target = { name, service, guest: { vmid: 150, type: 'lxc', node: 'pve', name } } as unknown as Target
  const given = {
    lab: { inventory: { ...emptyInventory, services } },
    blueprints: { list: async () => all },
    proxmox: { guestConfig: async () => ({ description }) },
  }
  const { from, warnings } = await originOf(target, given as never, AbortSignal.abort())
  return [from?.name, ...warnings]
}

const maybe =
  'It looks like one of the blueprint n8n: whether the database n8n is its own is not known, and it stays. `blueprint: n8n` in its entry of homelab.yaml says that it is.'

test('a service is of the blueprint that provisioning has noted, else of that of its name', async () => {
  const written = writtenFor('flows', 150, n8n)
  expect(written).toMatchObject({ blueprint: 'n8n' })
  expect(writtenFor('n8n', 150, n8n)).not.toHaveProperty('blueprint')
  expect(await origin('flows', written)).toEqual(['n8n'])
  expect(await origin('n8n')).toEqual(['n8n'])
  // It has the name of one, and is another.
  expect(await origin('jellyfin', { blueprint: 'n8n' })).toEqual(['n8n'])
  expect(await origin('flows', { blueprint: 'gone' })).toEqual([
    undefined,
    'Its blueprint gone is gone: whether it has a database is not known. If it has one, it stays.',
  ])
})

test('the blueprint of its name is not its own when another service is noted to be of that and has the database', async () => {
  expect(await origin('n8n', {}, '', { flows: { blueprint: 'n8n' } })).toEqual([
    undefined,
    'It has the name of the blueprint n8n, from which flows was made: the database n8n is that of flows, and it stays.',
  ])
  // It is noted itself, or there is no database to lose.
  expect(await origin('n8n', { blueprint: 'n8n' }, '', { flows: { blueprint: 'n8n' } })).toEqual(['n8n'])
  expect(await origin('jellyfin', {}, '', { films: { blueprint: 'jellyfin' } })).toEqual(['jellyfin'])
})

test('what only looks like one is said, and is not taken for it', async () => {
  const label = describe('n8n', 'abcdefgh2345')
  expect(await origin('flows', { kind: 'n8n' })).toEqual([undefined, maybe])
  expect(await origin('flows', {}, label)).toEqual([undefined, maybe])
  expect(await origin('flows', {}, 'about n8n')).toEqual([undefined])
  // The database is that of the one beside it.
  expect(await origin('flows', { kind: 'n8n' }, label, { n8n: {} })).toEqual([undefined])
  expect(await origin('flows', { kind: 'n8n' }, label, { old: { blueprint: 'n8n' } })).toEqual([undefined])
  expect(await origin('desk', {}, describe('jellyfin', 'abcdefgh2345'))).toEqual([undefined])
})
