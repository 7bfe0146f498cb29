import { expect, test } from 'vitest'
import { type DatabasesDrill, databasesDrillText } from './drill-databases-script.ts'
import type { JobBase } from './types.ts'

const base: JobBase = {
  directory: '/var/lib/homelab/jobs/abc',
  environment: '/dev/shm/homelab/abc',
  lock: '/var/lib/homelab/locks/pg.drill',
  plan: 'pg',
  run: 'abc',
  host: 'db',
  restic: 'restic',
  secrets: [],
  before: [],
  after: [],
}
const drill = (database: string): DatabasesDrill => ({
  snapshot: '1234567890',
  files: 1,
  bytes: 1,
  path: '/staging/pg',
  postgres: { user: 'postgres', jobs: 1, staging: '/staging' } as DatabasesDrill['postgres'],
  databases: [{ folder: 'immich', version: '16.4', extensions: [], lines: [], database: 'immich' }],
  originals: [
    {
      database,
      query: 'SELECT path FROM asset',
      from: '/data',
      to: '/photos',
      snapshot: '0987654321',
      later: true,
      names: [],
      prefix: 'HL_ORIGINALS_0_',
    },
  ],
})

test('originals of a database that was not dumped are refused: nothing would be looked for', () => {
  expect(databasesDrillText(base, drill('immich'))).toContain('SELECT path FROM asset')
  expect(() => databasesDrillText(base, drill('imich'))).toThrow(
    expect.objectContaining({
      code: 'config',
      message: expect.stringContaining('imich'),
      hint: 'These are: immich.',
    }),
  )
})
