import { defineOperation, type RunView } from '@homelab/core'
import { expect, it } from 'vitest'
import { z } from 'zod'
import type { RunListener } from '../runs/types.ts'
import { virtualClock } from './courier.fixture.ts'
import { createFollower } from './follow.ts'
import { operator, place } from './number-lab.fixture.ts'
import type { Posted } from './types.ts'

const operation = defineOperation({
  id: 'disk.scrub',
  chat: 'scrub',
  title: 'Scrub',
  description: 'Takes long and says nothing.',
  risk: 'change',
  permission: 'operator',
  input: z.object({}),
  output: z.object({}),
  needs: [],
  plan: async () => ({ summary: '', steps: [], affects: [], warnings: [], locks: [], state: null }),
  run: async () => ({}),
  card: () => ({ title: 'scrubbed', tone: 'ok' }),
})
const command = { text: 'scrub', caller: operator, place, key: 'k' }

it('lets time go on for a run that says nothing, ever less often, until it ends', async () => {
  const clock = virtualClock()
  const run: RunView = {
    id: 'r1',
    operation: operation.id,
    title: 'Scrub',
    input: {},
    caller: operator,
    state: 'running',
    createdAt: clock.now().toISOString(),
    startedAt: clock.now().toISOString(),
  }
  let listener: RunListener = () => {}
  const shown: Pick<Posted, 'card' | 'state'>[] = []
  const follow = createFollower({
    runner: {
      start: () => Promise.reject(new Error('not here')),
      watch(_id, given) {
        listener = given
        return () => {}
      },
    },
    clock,
    expectedMs: () => 40_000,
    kept: () => true,
    put: (_command, change) => void shown.push(change),
    note: () => {},
  })
  follow(command, operation, run)
  listener(run)
  await clock.pass(10_000)
  const often = shown.length
  const times = shown.map(({ card }) => card.progress?.at)
  expect(new Set(times).size).toBe(times.length)
  expect(shown.at(-1)?.card.progress).toMatchObject({ startedAt: run.startedAt, expectedMs: 40_000 })
  await clock.pass(600_000)
  await clock.pass(60_000)
  const late = shown.length
  expect(often).toBeGreaterThanOrEqual(8)
  expect(late - often).toBeLessThan(60)

  listener({ ...run, state: 'succeeded', result: {}, finishedAt: clock.now().toISOString() })
  expect(shown.at(-1)).toMatchObject({ state: 'done', card: { title: 'scrubbed' } })
  const ended = shown.length
  await clock.pass(120_000)
  expect(shown).toHaveLength(ended)
})
