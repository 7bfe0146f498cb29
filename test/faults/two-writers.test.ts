/** The rules of a tunnel have no owner: another writer at every moment, by chance. `npm run bench tunnel` has a thousand edits. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { twoClients } from '../bench/support/two-clients.ts'
import { twoWriters } from '../bench/support/two-writers.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

let simulator: Simulator
beforeAll(async () => {
  simulator = await startSimulator({ seed: 1 })
})
afterAll(() => simulator.stop())

test.each([1, 2, 3])('two writers, seed %i: nothing is lost that nobody is told of', async (seed) => {
  const found = await twoWriters(simulator, { edits: 100, chance: 0.15, seed })
  expect(found).toMatchObject({ overwrittenUnsaid: 0, dropped: 0, oursLostUnsaid: 0 })
  // The dice were not all on our side.
  expect(found.overwritten).toBeGreaterThan(5)
  expect(found.oursLost).toBeGreaterThan(5)
  expect(found.theirs).toBeGreaterThan(20)
})

test('two of our own at once, each without the lock of the other', async () => {
  const found = await twoClients(simulator, 200)
  expect(found.lostUnsaid).toBe(0)
  // They met, and each time both were told.
  expect(found.overwritten).toBeGreaterThan(5)
  expect(found.refused + found.lost).toBe(found.overwritten)
})
