/** Whoever has the file in their hands can write what they like. The log must say that somebody did, and where. */
import { expect, test } from 'vitest'
import { type Burglar, burglar, entry, logOf } from './audit.fixture.ts'
import { hashOf } from './audit-chain.ts'

interface Crime {
  readonly name: string
  readonly commit: (thief: Burglar) => void
  readonly seq: number
  readonly why: RegExp
}

const order =
  (...seqs: readonly number[]) =>
  (thief: Burglar) => {
    const rows = thief.rows()
    thief.rewrite(seqs.flatMap((seq) => rows.filter((row) => row.seq === seq)))
  }

/** Puts an entry of one's own at this place, the rest is renumbered. */
const insertAt = (place: number, hash: string | null) => (thief: Burglar) => {
  const rows = thief.rows()
  thief.rewrite(rows.toSpliced(place - 1, 0, { ...rows[0], command: 'stop all', hash }))
}

const columns = [
  'at',
  'caller_id',
  'caller_name',
  'surface',
  'channel',
  'command',
  'operation',
  'decision',
  'plan',
  'approval',
  'run',
  'result',
]
const bogus = 'ab'.repeat(32)

const crimes: readonly Crime[] = [
  ...columns.map((column) => ({
    name: `another ${column}`,
    commit: ({ sql }: Burglar) => sql(`UPDATE audit SET ${column} = 'x' WHERE seq = 4`),
    seq: 4,
    why: /^changed/,
  })),
  {
    name: 'a text emptied',
    commit: ({ sql }) => sql('UPDATE audit SET plan = NULL WHERE seq = 1'),
    seq: 1,
    why: /^changed/,
  },
  {
    name: 'the newest changed',
    commit: ({ sql }) => sql(`UPDATE audit SET run = 'x' WHERE seq = 9`),
    seq: 9,
    why: /^changed/,
  },
  {
    name: 'another hash',
    commit: ({ sql }) => sql(`UPDATE audit SET hash = '${bogus}' WHERE seq = 4`),
    seq: 4,
    why: /^changed/,
  },
  {
    name: 'no hash',
    commit: ({ sql }) => sql('UPDATE audit SET hash = NULL WHERE seq = 4'),
    seq: 4,
    why: /^changed: its hash was taken out/,
  },
  {
    name: 'changed and hashed anew',
    commit: (thief) => {
      const [first, second] = thief.rows() as unknown as { hash: string; seq: number }[]
      const forged = { ...second, command: 'status' } as unknown as Parameters<typeof hashOf>[1]
      thief.sql(
        `UPDATE audit SET command = 'status', hash = '${hashOf(first?.hash ?? '', forged)}' WHERE seq = 2`,
      )
    },
    seq: 3,
    why: /^changed: it does not fit entry 2.*that one was changed and hashed anew/,
  },
  {
    name: 'the first deleted',
    commit: ({ sql }) => sql('DELETE FROM audit WHERE seq = 1'),
    seq: 2,
    why: /^missing: entry 1 before/,
  },
  {
    name: 'one deleted',
    commit: ({ sql }) => sql('DELETE FROM audit WHERE seq = 4'),
    seq: 5,
    why: /^missing: entry 4 before/,
  },
  {
    name: 'three deleted',
    commit: ({ sql }) => sql('DELETE FROM audit WHERE seq BETWEEN 4 AND 6'),
    seq: 7,
    why: /^missing: the entries 4 to 6 before/,
  },
  {
    name: 'one deleted, the rest renumbered',
    commit: order(1, 2, 3, 5, 6, 7, 8, 9),
    seq: 4,
    why: /^missing: an entry was taken out before it/,
  },
  {
    name: 'the first two deleted, the rest renumbered',
    commit: order(3, 4, 5, 6, 7, 8, 9),
    seq: 1,
    why: /^missing: 2 entries were taken out before it/,
  },
  {
    name: 'the newest two deleted',
    commit: ({ sql }) => sql('DELETE FROM audit WHERE seq > 7'),
    seq: 8,
    why: /^missing: the log ends here, and there was an entry 9/,
  },
  { name: 'all deleted', commit: ({ sql }) => sql('DELETE FROM audit'), seq: 1, why: /^missing/ },
  {
    name: 'two neighbours swapped',
    commit: order(1, 2, 3, 5, 4, 6, 7, 8, 9),
    seq: 4,
    why: /^reordered.*is entry 5 now/,
  },
  {
    name: 'the first and the last swapped',
    commit: order(9, 2, 3, 4, 5, 6, 7, 8, 1),
    seq: 1,
    why: /^reordered.*is entry 9 now/,
  },
  {
    name: 'one moved down',
    commit: order(1, 2, 4, 5, 6, 3, 7, 8, 9),
    seq: 3,
    why: /^reordered.*is entry 6 now/,
  },
  {
    name: 'one moved up',
    commit: order(1, 2, 7, 3, 4, 5, 6, 8, 9),
    seq: 3,
    why: /^reordered.*is entry 4 now/,
  },
  { name: 'one put in', commit: insertAt(4, bogus), seq: 4, why: /^inserted.*is entry 5 now/ },
  { name: 'one put in without a hash', commit: insertAt(4, null), seq: 4, why: /^inserted/ },
  { name: 'one put in before the first', commit: insertAt(1, bogus), seq: 1, why: /^inserted/ },
  {
    name: 'one put in before the first, numbered 0',
    commit: ({ sql }) =>
      sql(
        `INSERT INTO audit SELECT 0, at, caller_id, caller_name, surface, command, operation, decision, plan, run, result, channel, approval, hash FROM audit WHERE seq = 1`,
      ),
    seq: 0,
    why: /^inserted/,
  },
  {
    name: 'one put in at the end',
    commit: ({ sql }) =>
      sql(
        `INSERT INTO audit (at, caller_id, caller_name, surface, command, operation, decision) VALUES ('', '', '', '', '', '', '')`,
      ),
    seq: 10,
    why: /^inserted/,
  },
  {
    name: 'an entry twice',
    commit: order(1, 2, 3, 3, 4, 5, 6, 7, 8, 9),
    seq: 4,
    why: /^inserted.*is entry 5 now/,
  },
]

test.each(crimes)('$name is found at entry $seq', async ({ commit, seq, why }) => {
  const { file, store } = await logOf(9)

  commit(burglar(file))

  const { broken } = await store.audit.verify()
  expect(broken?.why).toMatch(why)
  expect(broken?.seq).toBe(seq)
})

test('after entries were cut off at the end and others came, the hole stays', async () => {
  const { file, store } = await logOf(5)
  burglar(file).sql('DELETE FROM audit WHERE seq > 3')

  await store.audit.append(entry(6))

  expect((await store.audit.verify()).broken).toEqual({
    seq: 6,
    why: 'missing: the entries 4 to 5 before it',
  })
})

test('a head that was noted is found as long as the log has it, also when the log has grown', async () => {
  const { store } = await logOf(3)
  const { head = '' } = await store.audit.verify()
  await store.audit.append(entry(4))

  expect(await store.audit.verify({ head: head.toUpperCase() })).toMatchObject({ entries: 4, head: /./ })
})

test('a head that was noted betrays a log that was cut short or made anew without a trace', async () => {
  const { file, store } = await logOf(5)
  const { head = '' } = await store.audit.verify()
  const thief = burglar(file)
  thief.rewrite(thief.rows().slice(0, 3))
  expect(await store.audit.verify()).toMatchObject({ entries: 3, head: expect.any(String) })

  expect((await store.audit.verify({ head })).broken).toEqual({
    seq: 3,
    why: 'the hash that was noted is not in the log: it was cut short, or made anew',
  })

  thief.rewrite([])
  await store.audit.append(entry(1))
  expect(await store.audit.verify()).toMatchObject({ entries: 1, head: expect.any(String) })
  expect((await store.audit.verify({ head })).broken).toMatchObject({ seq: 1, why: /made anew/ })
})

test('it can be called off', async () => {
  const { store } = await logOf(3)
  const reason = new Error('enough')

  await expect(store.audit.verify({ signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})
