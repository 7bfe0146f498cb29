import type { Json } from '@homelab/core'
import { expect, it } from 'vitest'
import { operations } from '../nodes/ProxmoxVe/operations.ts'
import { listOutput, recordsOf } from './output.ts'

const surface = (id: string) => {
  const found = operations.find(({ operation }) => operation.id === id)
  if (found === undefined) throw new Error(`no ${id}`)
  return found
}

/** @param simplify as the field is set */
const node = (simplify = false) =>
  ({
    getNodeParameter: (name: string) => (name === 'simplify' ? simplify : name === 'returnAll'),
  }) as unknown as Parameters<typeof listOutput>[0]

it('a list has what its schema promises, as the schema would give it', () => {
  const guest = {
    vmid: 110,
    name: 'plex',
    type: 'lxc',
    node: 'pve',
    status: 'running',
    tags: ['media'],
    template: false,
    ...{ uptime: 1, cpu: 0.5, maxcpu: 4, mem: 1, maxmem: 2, disk: 3, maxdisk: 4 },
  }
  const value = {
    guests: [
      { ...guest, pool: 'x' },
      { ...guest, lock: 'backup' },
    ],
    total: 2,
    more: 1,
  } as Json
  const { operation } = surface('guest.list')
  const output = listOutput(node(), surface('guest.list'), 0)?.(value)
  expect(output).toEqual(operation.output.parse(value))
  expect(output).toEqual({ guests: [guest, { ...guest, lock: 'backup' }], total: 2 })
  for (const simplify of [false, true]) {
    const given = listOutput(node(simplify), surface('guest.list'), 0)?.(value) as Json
    const items = recordsOf(node(simplify), surface('guest.list'), given, 0)
    expect(items).toEqual(
      recordsOf(node(simplify), surface('guest.list'), operation.output.parse(value) as Json, 0),
    )
    expect(JSON.stringify(items)).not.toContain('pool')
  }
})

it('is left to the schema where that does more than to leave fields out, and where it is no list', () => {
  expect(listOutput(node(), surface('guest.show'), 0)).toBeUndefined()
  const lists = operations.filter(({ override }) => override.records !== undefined)
  for (const each of lists) {
    const { shape } = each.operation.output.shape[each.override.records ?? ''].def.element
    const nested = Object.values<{ def: { type: string } }>(shape ?? {}).some(({ def }) =>
      ['object', 'union', 'default', 'pipe', 'record', 'transform'].includes(def.type),
    )
    if (nested || shape === undefined) expect(listOutput(node(), each, 0), each.operation.id).toBeUndefined()
  }
})
