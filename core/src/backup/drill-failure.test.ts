import { expect, test } from 'vitest'
import { type ErrorCode, HomelabError } from '../errors.ts'
import type { Json } from '../operation/types.ts'
import type { Clock } from '../ports.ts'
import { blame, noteFailure, type Trial } from './drill-failure.ts'
import { evidenceIn } from './proofs.ts'
import type { Snapshot } from './restic/restic.ts'

test.each([
  ['failed', { reason: 'rows' }, 'backup'],
  ['failed', { reason: 'unreadable' }, 'backup'],
  ['failed', { reason: 'incomplete' }, 'backup'],
  ['failed', { reason: 'empty' }, 'backup'],
  // A pack that is cut, gone or not what it was; also before the job, when its lists are read.
  ['failed', { reason: 'restic', trouble: 'damaged' }, 'backup'],
  ['failed', { trouble: 'damaged' }, 'backup'],
  // Nobody knows why.
  ['failed', { reason: 'restic', trouble: 'unknown' }, 'nobody'],
  ['failed', { reason: 'restic', trouble: 'killed' }, 'nobody'],
  ['failed', {}, 'nobody'],
  // Of the keys, the disk, the server: the backup may be as good as ever.
  ['unauthorised', { reason: 'restic', trouble: 'wrong-password' }, 'nobody'],
  ['failed', { reason: 'restic', trouble: 'no-space' }, 'nobody'],
  ['failed', { reason: 'restore', elsewhere: true }, 'nobody'],
  ['failed', { reason: 'drop' }, 'nobody'],
  ['failed', { reason: 'no-room' }, 'nobody'],
  ['failed', { reason: 'version' }, 'nobody'],
  // The dump is whole; one orphaned row would shut its prune for ever.
  ['failed', { reason: 'originals' }, 'nobody'],
  ['failed', { reason: 'lost' }, 'nobody'],
  // Nothing was tried.
  ['unreachable', { reason: 'restic', trouble: 'unreachable' }, undefined],
  ['locked', { reason: 'restic', trouble: 'locked' }, undefined],
  ['cancelled', { reason: 'cancelled' }, undefined],
  ['conflict', { reason: 'busy' }, undefined],
  ['config', { reason: 'no-restic' }, undefined],
] satisfies [ErrorCode, object, string | undefined][])('%s of %o: %s', (code, data, whose) => {
  expect(blame(new HomelabError(code, 'x', { data }), 'abc')).toBe(whose)
})

test('what went wrong before a snapshot was chosen says nothing of any', () => {
  expect(blame(new HomelabError('failed', 'x', { data: { reason: 'rows' } }), undefined)).toBeUndefined()
  expect(blame(new Error('x'), 'abc')).toBe('nobody')
})

/** A repository that is locked or away for a while, and keeps what comes when its answer is lost. */
function desk(troubles: readonly (HomelabError | 'lost answer')[]) {
  const left = [...troubles]
  const kept: Snapshot[] = []
  let time = Date.UTC(2026, 10, 27)
  const began = time
  const clock: Clock = {
    now: () => new Date(time),
    monotonic: () => time,
    async sleep(ms, signal) {
      signal?.throwIfAborted()
      time += ms
    },
  }
  const restic = {
    async note(tags: readonly string[]) {
      const trouble = left.length > 1 ? left.shift() : left[0]
      if (trouble instanceof HomelabError) throw trouble
      kept.push({ id: 'f', time: clock.now().toISOString(), hostname: 'homelab', tags: [...tags] })
      if (trouble === 'lost answer') throw new HomelabError('unclear', 'pve was gone in the middle of it')
    },
    snapshots: async () => kept,
  }
  const cancelled = new AbortController()
  const logged: string[] = []
  const verbs = {
    signal: cancelled.signal,
    step: async <T extends Json>(_: string, work: () => Promise<T>) => await work(),
    log: (line: string) => void logged.push(line),
  }
  const rotten = new HomelabError('failed', 'A file is rotten.', {
    hint: 'Look at it.',
    data: { reason: 'restic', trouble: 'damaged', paths: ['/a', '/c', '/elsewhere'] },
  })
  const trial: Trial = { run: 'r1', of: 'abc', files: new Set(['/a', '/b', '/c/1', '/cd']) }
  const tell = (error = rotten, tried = trial) =>
    noteFailure(error, tried, { plan: 'photos', restic, clock }, verbs)
  return {
    tell,
    rotten,
    kept: () => evidenceIn(kept, 'photos').failed,
    cancelled,
    logged,
    ms: () => time - began,
  }
}
const locked = new HomelabError('locked', 'Another restic holds the lock.', { data: { trouble: 'locked' } })
const away = new HomelabError('unreachable', 'B2 does not answer.', { data: { trouble: 'unreachable' } })

test('is kept when a lock is over and the repository answers again, with the files that were tried', async () => {
  const { tell, kept, rotten } = desk([locked, away, locked, new HomelabError('timeout', 'x'), 'lost answer'])
  expect(await tell()).toBe(rotten)
  // Of a folder what was tried in it, or itself.
  expect(kept()).toMatchObject([
    { of: 'abc', run: 'r1', whose: 'backup', paths: ['/a', '/c/1', '/elsewhere'] },
  ])
})

test('names no file of what is fetched whole', async () => {
  const { tell, kept, rotten } = desk(['lost answer'])
  await tell(rotten, { run: 'r1', of: 'abc', files: new Set() })
  expect(kept()).toMatchObject([{ whose: 'backup', paths: [] }])
})

test('of what is nobody’s, that it is not kept is only in the log: it stops no prune', async () => {
  const { tell, logged } = desk([
    new HomelabError('failed', 'There is no room left in B2.', { data: { trouble: 'no-space' } }),
  ])
  const unkept = new HomelabError('failed', 'x', { hint: 'Look.', data: { reason: 'version' } })
  expect(await tell(unkept)).toBe(unkept)
  expect(unkept.hint).toBe('Look.')
  expect(logged).toEqual([expect.stringContaining('There is no room left in B2.')])
})

test('is told when it cannot be kept, after some minutes or at once', async () => {
  const long = desk([locked])
  expect(await long.tell()).toMatchObject({
    code: 'failed',
    message: 'A file is rotten.',
    hint: 'Look at it. The repository does not know of it, and a prune would go on: Another restic holds the lock.',
    data: { trouble: 'damaged' },
  })
  expect(long.ms()).toBeGreaterThanOrEqual(300_000)
  expect(long.kept()).toEqual([])
  const full = desk([
    new HomelabError('failed', 'There is no room left in B2.', { data: { trouble: 'no-space' } }),
  ])
  expect(await full.tell()).toMatchObject({ hint: expect.stringContaining('There is no room left in B2.') })
  expect(full.ms()).toBe(0)
})

test('is not waited for by a run that is cancelled', async () => {
  const { tell, cancelled, ms } = desk([
    locked,
    new HomelabError('locked', 'x', { data: { trouble: 'locked' } }),
  ])
  const told = tell()
  cancelled.abort(new HomelabError('cancelled', 'Cancelled by mary.'))
  await expect(told).rejects.toMatchObject({ code: 'cancelled' })
  expect(ms()).toBeLessThan(300_000)
})
