import { expect, test } from 'vitest'
import { throttled } from '../cloudflare/errors.ts'
import { HomelabError } from '../errors.ts'
import type { Verbs } from '../operation/types.ts'
import { patient, sayingWhen } from './undo.ts'

/** Cloudflare, blocked until a moment, and a clock that goes by sleeping. */
function blocked(seconds: number) {
  const start = Date.parse('2026-11-26T04:00:00Z')
  let now = start
  const until = new Date(start + seconds * 1000)
  const log: string[] = []
  const undos: (() => Promise<void>)[] = []
  const clock = {
    now: () => new Date(now),
    sleep: async (ms: number) => {
      now += ms
    },
  }
  const verbs = {
    log: (line: string) => void log.push(line),
    undo: (_: string, revert: () => Promise<void>) => void undos.push(revert),
  } as unknown as Verbs
  let undone = 0
  const revert = async () => {
    if (now < until.getTime()) throw throttled(until)
    undone++
  }
  return { verbs: patient(verbs, clock), revert, undos, log, undone: () => undone, waited: () => now - start }
}

test('what is undone waits until the block ends, and is done then', async () => {
  const { verbs, revert, undos, log, undone, waited } = blocked(300)
  verbs.undo('the DNS record a', revert)
  await undos[0]?.()
  expect(undone()).toBe(1)
  expect(waited()).toBe(300_000)
  expect(log).toHaveLength(1)
  expect(log[0]).toContain('undoing the DNS record a waits until 04:05:00 UTC')
})

test('no longer than a block lasts', async () => {
  const { verbs, revert, undos, undone, waited } = blocked(3_600)
  verbs.undo('the DNS record a', revert)
  await expect(undos[0]?.()).rejects.toThrow('Cloudflare takes no more calls')
  expect(undone()).toBe(0)
  expect(waited()).toBe(0)
})

test('and not for anything else', async () => {
  const { verbs, undos, waited } = blocked(300)
  verbs.undo('the DNS record a', async () => {
    throw new HomelabError('conflict', 'Somebody else has it.')
  })
  await expect(undos[0]?.()).rejects.toThrow('Somebody else has it.')
  expect(waited()).toBe(0)
})

test('the run says when it is taken back', async () => {
  const error = await sayingWhen(Promise.reject(throttled(new Date('2026-11-26T04:05:00Z')))).catch(
    (failure: unknown) => failure,
  )
  expect(error).toMatchObject({ code: 'failed', data: { until: '2026-11-26T04:05:00.000Z' } })
  expect((error as HomelabError).hint).toContain('taken back when the block ends, at 04:05:00 UTC')
})
