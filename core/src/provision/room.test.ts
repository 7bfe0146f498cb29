import { expect, test } from 'vitest'
import { overviewOf } from '../inventory/fixture.ts'
import { Blueprint } from './blueprint.ts'
import { roomFor } from './room.ts'

const GIB = 2 ** 30
const nothing = { room: { claimed: () => ({ memory: 0, disk: 0 }) } } as unknown as Parameters<
  typeof roomFor
>[3]
const overview = (free: number) =>
  ({
    ...overviewOf([]),
    nodes: [{ node: 'pve', maxmem: 16 * GIB, mem: 0 }],
    storages: [{ node: 'pve', storage: 'tesla', shared: false, total: free * GIB, used: 0 }],
  }) as unknown as Parameters<typeof roomFor>[1]
const blueprint = (create: object) => Blueprint.parse({ title: 'X', stack: 'apps', create, disk: 8 })
const place = { node: 'pve', storage: 'tesla' }
const machine = {
  ...{ disk: 'scsi0', bytes: 32 * GIB, total: 32 * GIB },
  ...{ bridge: 'vmbr0', cloudInit: true, fixed: false, agent: true },
}

test('a clone needs room for the disk of its template, whatever the blueprint says', () => {
  const vm = blueprint({ by: 'vm', template: 'base' })
  const cloned = { ...place, machine }
  expect(() => roomFor(vm, overview(20), cloned, nothing)).toThrow('it wants 32.0 GiB on tesla')
  expect(roomFor(vm, overview(40), cloned, nothing)).toMatchObject({ disk: 32 * GIB })
})

test('a container needs what the blueprint says', () => {
  const container = blueprint({ by: 'template' })
  expect(roomFor(container, overview(20), place, nothing)).not.toHaveProperty('disk')
  expect(() => roomFor(container, overview(7), place, nothing)).toThrow('it wants 8.0 GiB on tesla')
})
