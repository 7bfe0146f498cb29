/** Whose a guest is now, on a real lab of the fixture and with the operations that there are. */
import { createRegistry, type Json, type RunView } from '@homelab/core'
import { parseInventory } from '@homelab/core/inventory'
import { operations } from '@homelab/core/operations'
import { expect, test } from 'vitest'
import { createLab } from '../../../core/src/inventory/lab.ts'
import { file, overview } from './incidents.fixture.ts'
import { occupiedGuests } from './occupied.ts'

const inventory = parseInventory(
  `${file}repositories:\n  local: { storage: local }\nbackups:\n  media: { method: vzdump, guests: ['@media'], to: [local], schedule: weekly }\n`,
)

const run = (operation: string, input: Json): RunView => ({
  id: operation,
  operation,
  title: operation,
  input,
  caller: { id: 'discord:1', name: 'harmeet' },
  state: 'running',
  createdAt: '2026-03-02T12:00:00.000Z',
})

const occupied = async (active: readonly RunView[], facts: Readonly<Record<string, Json>> = {}) => {
  const found = await occupiedGuests({
    runs: { active: async () => active },
    registry: createRegistry(operations),
    lab: createLab({
      inventory: () => inventory,
      proxmox: { overview: async () => overview },
      clock: { monotonic: () => 0 },
    }),
    inventory: () => inventory,
    facts: { get: (name) => facts[name] },
  })
  return [...found].sort()
}

test('what a run is about, what is backed up, and what somebody stopped', async () => {
  expect(await occupied([])).toEqual([])
  expect(await occupied([run('service.stop', { services: ['plex'] })])).toEqual([110])
  expect(await occupied([run('backup.run', { plan: 'media' })])).toEqual([110, 111])
  expect(await occupied([run('backup.list', { plan: 'gone' })])).toEqual([])
  expect(await occupied([], { 'watch.stopped': { '120': '2026-03-02T11:00:00.000Z' } })).toEqual([120])
})
