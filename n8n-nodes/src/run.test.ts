import { HomelabError, type Json, type Operation, type Verbs } from '@homelab/core'
import { describe, expect, it, vi } from 'vitest'
import { n8nClock } from './clock.ts'
import { type RunOptions, runOperation } from './run.ts'

/** A peer with one task that is begun, followed and taken back; `end` ends it. */
function peer() {
  const done = { begun: 0, undone: 0, looks: 0 }
  const ended = Promise.withResolvers<Json>()
  const operation = {
    id: 'test.run',
    output: { parse: (value: unknown) => value },
    async run(_: unknown, __: unknown, verbs: Verbs) {
      const name = await verbs.step('name', () => Promise.resolve(`job ${done.begun + 1}`))
      verbs.undo('take back', () => {
        done.undone += 1
        return Promise.resolve()
      })
      await verbs.change('begin', {
        act: () => {
          done.begun += 1
          return Promise.resolve(name)
        },
        find: () => Promise.resolve(undefined),
      })
      return await verbs.follow('end', async (signal) => {
        done.looks += 1
        const stopped = Promise.withResolvers<never>()
        signal.addEventListener('abort', () => stopped.reject(signal.reason), { once: true })
        if (signal.aborted) throw signal.reason
        return await Promise.race([ended.promise, stopped.promise])
      })
    },
  } as unknown as Operation
  const run = (options: Partial<RunOptions> = {}) =>
    runOperation(
      operation,
      {},
      {},
      {
        clock: n8nClock,
        signal: new AbortController().signal,
        onCancel: 'leave',
        ...options,
      },
    )
  return { done, run, end: ended.resolve, fail: ended.reject }
}

describe('an operation that is left', () => {
  it('undoes nothing, and is found again by its journal without a second beginning', async () => {
    const { done, run, end } = peer()
    const left = await run({ limitMs: 0 })
    expect(left).toMatchObject({ state: 'running', changes: ['job 1'] })
    if (left.state !== 'running') return
    expect(await run({ limitMs: 0, journal: left.journal })).toMatchObject({ state: 'running' })
    end('good')
    expect(await run({ limitMs: 0, journal: left.journal })).toEqual({ state: 'done', output: 'good' })
    expect(done).toEqual({ begun: 1, undone: 0, looks: 3 })
  })

  it('begins nothing that its journal does not have', async () => {
    const { done, run } = peer()
    await expect(run({ limitMs: 0, journal: {} })).rejects.toMatchObject({ code: 'bug' })
    expect(done).toMatchObject({ begun: 0, undone: 0 })
  })

  it('takes back what failed while it stayed, and nothing when a look meets a failure', async () => {
    const { done, run, fail } = peer()
    const left = await run({ limitMs: 0 })
    if (left.state !== 'running') throw new Error('it was not left')
    fail(new HomelabError('failed', 'broken'))
    await expect(run({ limitMs: 1_000, journal: left.journal })).rejects.toThrow('broken')
    expect(done.undone).toBe(0)
    await expect(run({ limitMs: 1_000 })).rejects.toThrow('broken')
    expect(done.undone).toBe(1)
  })

  it('goes on when the execution is cancelled, or ends with it', async () => {
    for (const [onCancel, undone] of [
      ['leave', 0],
      ['end', 1],
    ] as const) {
      const { done, run } = peer()
      const stop = new AbortController()
      const running = run({ signal: stop.signal, onCancel })
      await vi.waitFor(() => expect(done.looks).toBe(1))
      stop.abort()
      await expect(running).rejects.toThrow()
      expect({ onCancel, ...done }).toEqual({ onCancel, begun: 1, looks: 1, undone })
    }
  })
})
