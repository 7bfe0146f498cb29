import { expect, test } from 'vitest'
import { HomelabError } from '../errors.ts'
import type { Fact } from './detached.ts'
import { blame } from './drill-failure.ts'
import { wordsFor } from './restore-words.ts'

const said = (reason: string, complaints: string, facts: readonly Fact[] = []) =>
  wordsFor({ what: 'drill', plan: 'ledgers', where: 'db', repository: 'B2', of: 'abc' })(
    reason,
    complaints,
    facts,
  )
const whose = (reason: string, complaints: string, facts: readonly Fact[] = []) => {
  const { code, text, data = {} } = said(reason, complaints, facts)
  return blame(new HomelabError(code, text, { data: { reason, ...data } }), 'abc')
}
const failing = (error: string) => `pg_restore: error: could not execute query: ${error}\nCommand was: X`
const exit = (code: number): readonly Fact[] => [{ homelab: 'exit', program: 'restic', code }]

test.each([
  ['ERROR:  extension "vector" is not available', 'nobody'],
  [
    'ERROR:  could not open extension control file "/usr/share/x.control": No such file or directory',
    'nobody',
  ],
  ['ERROR:  could not access file "$libdir/x": No such file or directory', 'nobody'],
  ['ERROR:  role "tls" does not exist', 'nobody'],
  ['ERROR:  tablespace "fast" does not exist', 'nobody'],
  ['ERROR:  collation "de" for encoding "UTF8" does not exist', 'nobody'],
  ['ERROR:  could not extend file "base/1": No space left on device', 'nobody'],
  ['server closed the connection unexpectedly', 'nobody'],
  ['ERROR:  relation "entry" does not exist', 'backup'],
  ['ERROR:  invalid input syntax for type integer: "role "x" does not exist"', 'backup'],
])('a restore that ends with %s is of %s', (error, expected) => {
  expect(whose('restore', failing(error))).toBe(expected)
  expect(said('restore', failing(error)).hint?.includes('extension')).toBe(expected === 'nobody')
})

test.each([
  // Killed: it could say nothing.
  ['restore', '', [], 'nobody'],
  ['unreadable', '', [], 'nobody'],
  ['unreadable', 'pg_restore: error: could not read from input file: end of file', [], 'backup'],
  ['rows', '', [], 'backup'],
  // Read out of the repository while it is restored: the reader only sees its end.
  ['restore', 'pg_restore: error: unexpected end\nFatal: cannot dump file: connection refused', [], 'nobody'],
  ['restore', 'pg_restore: error: unexpected end\nFatal: cannot dump file: context canceled', [], 'backup'],
  ['make', 'pg_restore: error: x\ncannot dump file: ReadFull(<data/51>): EOF', [], 'backup'],
  ['restic', 'Fatal: There were 4 errors', exit(1), 'nobody'],
  ['restic', '', exit(137), 'nobody'],
  ['restic', '', exit(143), 'nobody'],
  ['restic', 'ignoring error for /tls: ciphertext verification failed', exit(1), 'backup'],
  ['restic', 'Fatal: connection refused', exit(1), undefined],
  ['drop', '', [], 'nobody'],
] satisfies [string, string, readonly Fact[], string | undefined][])(
  '%s, %s',
  (reason, complaints, facts, expected) => {
    expect(whose(reason, complaints, facts)).toBe(expected)
  },
)

test('names the files that are to be tried again', () => {
  const lines =
    'ignoring error for /a b.jpg: ciphertext verification failed\nignoring error for /c.jpg: UtimesNano: no such file or directory'
  expect(said('restic', lines, exit(1)).data).toMatchObject({ paths: ['/a b.jpg'], trouble: 'damaged' })
  expect(said('differs', '', [{ homelab: 'file', name: '/x, y' }]).data).toMatchObject({ paths: ['/x, y'] })
})

test('a bucket that is not there is none, although restic was ended because it tried again', () => {
  const lines =
    'Stat(<config/>) returned error, retrying after 1.49s: Stat: The specified bucket does not exist'
  expect(said('restic', lines, exit(130))).toMatchObject({
    code: 'not-found',
    data: { trouble: 'no-repository' },
  })
})

test('a restic that a signal ended has failed, and was not cancelled', () => {
  expect(said('restic', '', exit(143))).toMatchObject({ code: 'failed', data: { trouble: 'killed' } })
})
