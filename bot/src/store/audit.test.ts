import { describe, expect, test } from 'vitest'
import { burglar, entry, logOf, now, oldFile, openFile, storeFile } from './audit.fixture.ts'
import { hashOf, start } from './audit-chain.ts'

describe('the chain', () => {
  test('a log that nobody touched is whole, and its head is the hash of the newest entry', async () => {
    const { store } = await logOf(3)

    const [newest] = await store.audit.list({ limit: 1 })

    expect(await store.audit.verify()).toEqual({ entries: 3, head: newest?.hash })
    expect(newest?.hash).toMatch(/^[0-9a-f]{64}$/)
  })

  test('an empty log has no head', async () => {
    const { store } = await logOf(0)

    expect(await store.audit.verify()).toEqual({ entries: 0 })
  })

  test('appends at the same time are written one after the other, in the order of the calls', async () => {
    const { store } = await logOf(0)

    await Promise.all(Array.from({ length: 200 }, (_, index) => store.audit.append(entry(index))))

    const commands = (await store.audit.list({ limit: 200 })).map(({ command }) => command).reverse()
    expect(commands).toEqual(Array.from({ length: 200 }, (_, index) => `restart plex ${index}`))
    expect(await store.audit.verify()).toMatchObject({ entries: 200, head: expect.any(String) })
  })

  test('two stores on one file, which the lock of the runs forbids, cannot tear the chain', async () => {
    const { file, store } = await logOf(1)
    const other = await openFile(file)

    const written = await Promise.allSettled(
      Array.from({ length: 12 }, (_, index) => (index % 2 ? store : other).audit.append(entry(index))),
    )

    // One that found the file taken was refused, and whoever asked knows: a change that is not in the log is not made.
    const done = written.filter(({ status }) => status === 'fulfilled').length
    expect(done).toBeGreaterThan(0)
    const check = await store.audit.verify()
    expect(check.broken).toBeUndefined()
    expect(check.entries).toBe(1 + done)
  })

  test('what cannot be written does not stop what comes after it', async () => {
    const { file, store } = await logOf(1)
    const thief = burglar(file)
    thief.sql(`CREATE TRIGGER full BEFORE INSERT ON audit WHEN NEW.command = 'restart plex 2' BEGIN
      SELECT RAISE(ABORT, 'disk full'); END`)

    const written = await Promise.allSettled([2, 3].map((number) => store.audit.append(entry(number))))

    expect(written.map(({ status }) => status)).toEqual(['rejected', 'fulfilled'])
    expect(await store.audit.verify()).toMatchObject({ entries: 2, head: expect.any(String) })
  })

  test('texts that a file or a JSON could bend come back as they were hashed', async () => {
    const { file, store } = await logOf(0)
    const texts = [
      'half an emoji \ud83d',
      'nul \0 in it',
      '\ufeffbom',
      'e\u0301 \u202e rtl',
      '"],["',
      '\n\r\u2028',
    ]
    for (const text of texts)
      await store.audit.append(
        entry(1, { command: text, result: text, caller: { id: text, name: text, surface: 'chat' } }),
      )

    const again = await openFile(file)

    expect(await again.audit.verify()).toMatchObject({ entries: texts.length, head: expect.any(String) })
    expect((await again.audit.list({ limit: 9 })).map(({ command }) => command).reverse()).toEqual(
      texts.map((text) => text.toWellFormed()),
    )
  })

  test('no field can pass for a part of its neighbour', () => {
    const row = {
      seq: 1,
      at: 'a',
      caller_id: 'b',
      caller_name: 'c',
      surface: 'd',
      channel: null,
      command: 'e',
      operation: 'f',
      decision: 'g',
      plan: null,
      approval: null,
      run: null,
      result: null,
    }
    const others = Object.keys(row).flatMap((key) => [
      { ...row, [key]: key === 'seq' ? 2 : 'other' },
      { ...row, [key]: key === 'seq' ? 3 : '' },
    ])

    const hashes = new Set([row, ...others].map((each) => hashOf(start, each)))

    expect(hashes.size).toBe(1 + others.length)
    expect(hashOf('0', row)).not.toBe(hashOf(start, row))
  })
})

describe('entries of before the chain', () => {
  test('are covered by the first one of it', async () => {
    const file = oldFile(1_200)
    const store = await openFile(file)
    expect(await store.audit.verify()).toEqual({ entries: 1_200 })

    await store.audit.append(entry(1))
    await store.audit.append(entry(2))

    expect(await store.audit.verify()).toMatchObject({ entries: 1_202, head: expect.any(String) })
    expect(await store.audit.get(1_200)).not.toHaveProperty('hash')
    burglar(file).sql(`UPDATE audit SET caller_name = 'eve' WHERE seq = 600`)
    expect((await store.audit.verify()).broken).toEqual({
      seq: 1_201,
      why: 'the entries before it, up to 1200, are not those that the chain began with',
    })
  })

  test('one of them cannot be taken out, nor one be put before them', async () => {
    for (const crime of ['DELETE FROM audit WHERE seq = 2', 'UPDATE audit SET seq = 0 WHERE seq = 1']) {
      const file = oldFile(3)
      const store = await openFile(file)
      await store.audit.append(entry(1))

      burglar(file).sql(crime)

      expect((await store.audit.verify()).broken, crime).toMatchObject({ seq: 4, why: /began with/ })
    }
  })
})

describe('looking things up', () => {
  test('a text is found in every part of an entry, capitals or not', async () => {
    const { store } = await logOf(1_100)
    await store.audit.append(
      entry(0, {
        caller: { id: 'slack:U9', name: 'Zoë', surface: 'chat' },
        decision: 'denied',
        result: 'needs admin',
      }),
    )
    await store.audit.append(entry(0, { approval: 'by harmeet in Slack', channel: 'discord:99' }))

    const found = async (text: string) => (await store.audit.list({ limit: 2, text })).map(({ seq }) => seq)

    expect(await found('ZOË')).toEqual([1_101])
    expect(await found('slack:u9')).toEqual([1_101])
    expect(await found('denied')).toEqual([1_101])
    expect(await found('needs ADMIN')).toEqual([1_101])
    expect(await found('Harmeet')).toEqual([1_102])
    expect(await found('discord:99')).toEqual([1_102])
    expect(await found('plex 1')).toEqual([1_100, 1_099])
    expect(await found('plex 1 ')).toEqual([])
    expect(await found((await store.audit.get(7))?.hash?.slice(0, 12) ?? '')).toEqual([7])
    expect(await found('%')).toEqual([])
  })

  test('since and before cut the list at its two ends', async () => {
    const file = oldFile(4)
    const store = await openFile(file)
    for (let number = 1; number <= 4; number++) await store.audit.append(entry(number))
    const seqs = async (filter: object) =>
      (await store.audit.list({ limit: 9, ...filter })).map(({ seq }) => seq)

    expect(await seqs({ since: now().toISOString() })).toEqual([8, 7, 6, 5])
    expect(await seqs({ before: 6 })).toEqual([5, 4, 3, 2, 1])
    expect(await seqs({ before: 7, since: '2026-11-10' })).toEqual([6, 5])
    expect(await seqs({ before: 1 })).toEqual([])
    expect(await store.audit.get(99)).toBeUndefined()
  })

  test('a list over more than a page is whole', async () => {
    const { store } = await logOf(1_234, storeFile())

    expect((await store.audit.list({ limit: 5_000 })).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 1_234 }, (_, index) => 1_234 - index),
    )
  })
})
