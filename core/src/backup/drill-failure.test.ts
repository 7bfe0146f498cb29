import { expect, test } from 'vitest'
import { type ErrorCode, HomelabError } from '../errors.ts'
import { blame } from './drill-failure.ts'

test.each([
  ['failed', { reason: 'rows' }, 'backup'],
  ['failed', { reason: 'unreadable' }, 'backup'],
  ['failed', { reason: 'incomplete' }, 'backup'],
  // What restic has no words for: a pack that is cut or not what it was.
  ['failed', { reason: 'restic', trouble: 'unknown' }, 'backup'],
  // Of the keys, the disk, the server: the backup may be as good as ever.
  ['unauthorised', { reason: 'restic', trouble: 'wrong-password' }, 'nobody'],
  ['failed', { reason: 'restic', trouble: 'no-space' }, 'nobody'],
  ['failed', { reason: 'no-room' }, 'nobody'],
  ['failed', { reason: 'version' }, 'nobody'],
  ['failed', { reason: 'lost' }, 'nobody'],
  // Nothing was tried.
  ['unreachable', { reason: 'restic', trouble: 'unreachable' }, undefined],
  ['locked', { reason: 'restic', trouble: 'locked' }, undefined],
  ['cancelled', { reason: 'cancelled' }, undefined],
] satisfies [ErrorCode, object, string | undefined][])('%s of %o: %s', (code, data, whose) => {
  expect(blame(new HomelabError(code, 'x', { data: { ...data, of: 'abc' } }))).toBe(whose)
})

test('what went wrong before a snapshot was chosen says nothing of any', () => {
  expect(blame(new HomelabError('failed', 'x', { data: { reason: 'rows' } }))).toBeUndefined()
  expect(blame(new Error('x'))).toBeUndefined()
})
