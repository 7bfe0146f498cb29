import type { RunView } from '@homelab/core'
import { describe, expect, it } from 'vitest'
import type { RunListener } from '../runs/types.ts'
import { createExpectations } from './expectations.ts'

let ids = 0
const run = (seconds: number, rest: Partial<RunView> = {}): RunView => ({
  id: `r${++ids}`,
  operation: 'service.restart',
  title: 'Restart plex',
  input: null,
  caller: { id: 'console:local', name: 'you' },
  state: 'succeeded',
  createdAt: '2026-11-23T10:00:00.000Z',
  startedAt: '2026-11-23T10:00:00.000Z',
  finishedAt: new Date(Date.parse('2026-11-23T10:00:00.000Z') + seconds * 1000).toISOString(),
  ...rest,
})

/** @param before oldest first */
function history(before: readonly RunView[]) {
  const listeners = new Set<RunListener>()
  const { promise, resolve } = Promise.withResolvers<readonly RunView[]>()
  return {
    list: () => promise,
    onAny(listener: RunListener) {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    end: (view: RunView) => {
      for (const listener of listeners) listener(view)
    },
    read: () => resolve(before.toReversed()),
  }
}

async function known(...before: readonly RunView[]) {
  const runs = history(before)
  const expectations = createExpectations(runs)
  runs.read()
  await expectations.ready
  return { ...runs, ...expectations }
}

const plex = { operation: 'service.restart', title: 'Restart plex' }
const immich = { operation: 'service.restart', title: 'Restart immich' }

describe('how long a run usually takes', () => {
  it('is the median of the last five with the same title', async () => {
    const { expectedMs } = await known(run(900), run(50), run(10), run(40), run(30), run(20))
    expect(expectedMs(plex)).toBe(30_000)
  })

  it('lies in the middle of two', async () => {
    expect((await known(run(10), run(20))).expectedMs(plex)).toBe(15_000)
  })

  it('is that of the operation when this title is new, and of nothing when both are', async () => {
    const { expectedMs } = await known(run(10), run(20, { title: 'Restart sonarr' }), run(60))
    expect(expectedMs(immich)).toBe(20_000)
    expect(expectedMs({ operation: 'backup.run', title: 'Back up' })).toBeUndefined()
  })

  it('learns from runs that end, and only from those that succeed', async () => {
    const { expectedMs, end } = await known(run(10))
    end(run(500, { state: 'failed' }))
    end(run(500, { state: 'running' }))
    expect(expectedMs(plex)).toBe(10_000)
    const ended = run(30)
    end(ended)
    end(ended)
    expect(expectedMs(plex)).toBe(20_000)
  })

  it('puts what ends while the others are read after them', async () => {
    const runs = history([run(100), run(100), run(100), run(100), run(100)])
    const { expectedMs, ready } = createExpectations(runs)
    for (const seconds of [1, 2, 3]) runs.end(run(seconds))
    runs.read()
    await ready
    expect(expectedMs(plex)).toBe(3_000)
  })

  it('forgets names that have not come for long', async () => {
    const { expectedMs, end } = await known(run(10))
    for (let name = 0; name < 1_000; name++) end(run(20, { operation: `other.${name}`, title: 'Other' }))
    expect(expectedMs(plex)).toBeUndefined()
    expect(expectedMs({ operation: 'other.999', title: 'Other' })).toBe(20_000)
  })

  it('is not known, and says why, when runs cannot be read', async () => {
    const errors: unknown[] = []
    const expectations = createExpectations(
      { list: () => Promise.reject(new Error('disk')), onAny: () => () => undefined },
      (error) => errors.push(error),
    )
    await expectations.ready
    expect(expectations.expectedMs(plex)).toBeUndefined()
    expect(errors).toEqual([new Error('disk')])
  })
})
