import { expect, test } from 'vitest'
import { heard, nothing } from '../events.ts'
import { type Failure, jobError } from './errors.ts'

const failure = (changed: Partial<Failure>): Failure => ({
  spec: {
    directory: '/jobs/r',
    environment: '/run/r',
    lock: '/locks/photos',
    plan: 'photos',
    run: 'r',
    host: 'homelab-pve',
    restic: 'restic',
    secrets: [],
    before: [['pct', 'shutdown', '110']],
    after: [['sh', '-c', '# pct start\nfor try in 1 2; do pct start "$1"; done', 'homelab', '110']],
    saved: '/locks/photos@b2',
    source: { kind: 'files', paths: ['/photos'], exclude: [] },
  },
  end: { code: 69, stage: 'save', reason: 'restic' },
  said: nothing,
  complaints: '',
  where: 'pve',
  repository: 'b2',
  ...changed,
})

test('a lock is said to be somebody’s', () => {
  const complaints = 'unable to create lock in backend: repository is already locked by PID 12 on nas by root'
  expect(jobError(failure({ complaints }))).toMatchObject({
    code: 'locked',
    message: 'Another restic holds the lock of b2. It is PID 12 on nas.',
  })
})

test('what stays stopped is said, also when the backup failed for another reason', () => {
  const said = { hooks: [{ which: 'after', index: 0, code: 1 }] }
  expect(jobError(failure({ said, complaints: 'no space left on device' })).message).toBe(
    'There is no room left in b2. Besides, `pct start 110` (exit 1) failed after it: something may still be stopped.',
  )
  expect(jobError(failure({ said, end: { code: 76, stage: 'done', reason: 'after' } })).message).toBe(
    'The backup is good, but `pct start 110` (exit 1) failed after it: something may still be stopped.',
  )
})

test('a dump that finds no room says so', () => {
  const end = { code: 65, stage: 'dump', reason: 'dump' } as const
  const complaints = 'pg_dump: error: could not write to file: No space left on device'
  expect(jobError(failure({ end, complaints })).message).toContain('there is no room where it is staged')
})

test('a bucket that is not there is none, although restic was ended because it tried again', () => {
  const complaints =
    'Stat(<config/>) returned error, retrying after 720ms: Stat: The specified bucket does not exist\nFatal: unable to open config file: context canceled'
  const said = heard(nothing, JSON.stringify({ homelab: 'exit', program: 'restic', code: 130 }))
  expect(jobError(failure({ said, complaints }))).toMatchObject({
    code: 'not-found',
    message: 'There is no repository in b2.',
  })
})

test.each([
  [137, 'restic was killed while it worked on b2.'],
  // Nobody has told the job to end: it would say so itself.
  [143, 'restic was killed while it worked on b2.'],
  [11, 'Another restic holds the lock of b2.'],
  [1, 'restic failed on b2.'],
])('restic’s own exit code counts: %s', (code, message) => {
  const said = heard(nothing, JSON.stringify({ homelab: 'exit', program: 'restic', code }))
  expect(jobError(failure({ said })).message).toContain(message)
  expect(jobError(failure({ said })).code).not.toBe('cancelled')
})
