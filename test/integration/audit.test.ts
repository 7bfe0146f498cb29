/** The audit log as an admin and an outsider see it: the operations over a store on disk, and the script of docs/audit.md. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { type AuditView, type Card, createRegistry, type Json, parseCommand, runInline } from '@homelab/core'
import { systemClock } from '@homelab/core/node'
import { operations } from '@homelab/core/operations'
import { describe, expect, it } from 'vitest'
import {
  burglar,
  entry,
  logOf,
  now,
  oldFile,
  openFile,
  storeFile,
} from '../../bot/src/store/audit.fixture.ts'
import { hashOf, start } from '../../bot/src/store/audit-chain.ts'
import type { Store } from '../../bot/src/store/store.ts'
import { environment, homeFolder, startBot, terminal, writeFileFor } from '../support/bot.ts'
import { startSimulator } from '../support/simulator.ts'

const registry = createRegistry(operations)

/** What typing this shows. */
async function type(store: Store, line: string): Promise<{ readonly card: Card; readonly output: Json }> {
  const parsed = parseCommand(line, registry.all)
  if (parsed.kind !== 'command') throw new Error(`"${line}" is not a command`)
  const services = { audit: store.audit, clock: { ...systemClock, now } }
  const output = await runInline(parsed.operation, parsed.input, services, { clock: systemClock })
  return { output, card: parsed.operation.card(output, parsed.input) }
}

const shown = (card: Card): string => JSON.stringify(card)

describe('audit list', () => {
  it('shows the newest first and leads on to the older ones', async () => {
    const { store } = await logOf(60)

    const { card } = await type(store, 'audit list plex since:1h')

    const [table] = card.sections ?? []
    const rows = table?.kind === 'table' ? table.rows : []
    expect(rows).toHaveLength(25)
    expect(rows[0]?.slice(0, 4)).toEqual(['60', '2026-11-23 09:00:00', 'mary', 'restart plex 60'])
    const next = card.buttons?.[0]?.action
    if (next?.kind !== 'command') throw new Error('there is no way to the older ones')
    const older = await type(store, next.text)
    expect(older.output).toMatchObject({ entries: { 0: { seq: 35 }, 24: { seq: 11 } } })
    const last = await type(store, 'audit list plex limit:100')
    expect(last.card.buttons).toBeUndefined()
  })

  it('finds a text that looks like an option, also on the next page', async () => {
    const { store } = await logOf(1)
    for (let number = 1; number <= 3; number++)
      await store.audit.append(entry(number, { command: 'logs limit:3 "x y"' }))

    const { card } = await type(store, `audit list 'limit:3 "x' limit:2`)

    const next = card.buttons?.[0]?.action
    if (next?.kind !== 'command') throw new Error('there is no way to the older ones')
    expect((await type(store, next.text)).output).toMatchObject({ entries: [{ seq: 2 }] })
  })

  it.each([
    ['since:banana', /since: is like 30m, 12h, 2d, today/],
    ['since:2026-02-30', /no such time as 2026-02-30/],
    ['since:2026-11-23T25:00', /no such time/],
    ['limit:0', /limit/],
    ['limit:1000000', /limit/],
    ['before:-1', /before/],
  ])('refuses %s by name', async (option, message) => {
    const { store } = await logOf(1)

    await expect(type(store, `audit list ${option}`)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringMatching(message),
    })
  })

  it('says that there is nothing', async () => {
    const { store } = await logOf(1)

    expect((await type(store, 'audit list nobody')).card.title).toBe('No such entries in the audit log')
    expect((await type(store, 'audit list since:1s')).output).toMatchObject({ entries: { length: 1 } })
  })
})

describe('audit show', () => {
  it('shows all of an entry, with the way to its run', async () => {
    const { store } = await logOf(1)
    await store.audit.append(entry(2, { decision: 'approved', approval: 'by harmeet (slack:U2)' }))

    const { card } = await type(store, 'audit show 2')

    for (const part of [
      'discord:1 in discord:77',
      'restart plex 2',
      'by harmeet (slack:U2)',
      'Restart plex (CT 110',
    ])
      expect(shown(card)).toContain(part)
    expect(card.buttons?.[0]?.action).toEqual({ kind: 'command', text: 'run show 4f7k2m' })
  })

  it('says what the newest is when there is no such entry, and that it is empty when it is', async () => {
    const { store } = await logOf(3)
    const empty = await logOf(0)

    await expect(type(store, 'audit show 99')).rejects.toMatchObject({
      code: 'not-found',
      hint: expect.stringContaining('newest is 3'),
    })
    await expect(type(empty.store, 'audit show 1')).rejects.toMatchObject({
      hint: expect.stringContaining('empty'),
    })
    await expect(type(store, 'audit show plex')).rejects.toMatchObject({ code: 'usage' })
  })
})

describe('audit verify', () => {
  it('shows the head to note, and later that it is still there', async () => {
    const { store } = await logOf(3)
    const { card, output } = await type(store, 'audit verify')
    const { head } = output as { head: string }
    expect(card).toMatchObject({ title: 'The audit log is whole: 3 entries', tone: 'ok' })
    expect(shown(card)).toContain(head)
    await store.audit.append(entry(4))

    const later = await type(store, `audit verify head:${head}`)

    expect(later.card).toMatchObject({
      title: /4 entries/,
      tone: 'ok',
      text: 'The hash that was noted is in it.',
    })
  })

  it('names the first entry that does not fit', async () => {
    const { file, store } = await logOf(9)
    burglar(file).sql(`UPDATE audit SET caller_name = 'eve' WHERE seq = 5`)

    const { card } = await type(store, 'audit verify')

    expect(card).toMatchObject({
      title: 'The audit log is broken at entry 5',
      tone: 'error',
      text: /^changed/,
    })
  })

  it.each(['head:abc', `head:${'g'.repeat(64)}`])('refuses %s by what it should be', async (head) => {
    const { store } = await logOf(1)

    await expect(type(store, `audit verify ${head}`)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('is the 64 digits that an earlier `audit verify` showed'),
    })
  })

  it('tells an empty log and one of before the chain', async () => {
    const empty = await logOf(0)
    const old = await openFile(oldFile(2))

    expect((await type(empty.store, 'audit verify')).card.title).toBe('The audit log is empty')
    expect((await type(old, 'audit verify')).card.title).toBe('2 entries, all of before the chain')
  })
})

/** The script as a stranger would copy it from the page. */
async function check(ndjson: string): Promise<{ readonly code: number | null; readonly text: string }> {
  const page = readFileSync(new URL('../../docs/audit.md', import.meta.url), 'utf8')
  const script = /```js\n(.*?)```/s.exec(page)?.[1] ?? ''
  const folder = dirname(storeFile())
  writeFileSync(join(folder, 'check-audit.mjs'), script)
  writeFileSync(join(folder, 'audit.ndjson'), ndjson)
  return await node(['check-audit.mjs', 'audit.ndjson'], folder)
}

async function node(args: readonly string[], cwd: string) {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], { cwd })
  let text = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => (text += data.toString()))
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, text }
}

describe('audit export', () => {
  const exported = async (store: Store, line = 'audit export') => {
    const { card, output } = await type(store, line)
    const text = card.attachments?.[0]?.text ?? ''
    return { card, output, text, lines: text.split('\n').filter((each) => each !== '') }
  }

  it('is one entry a line, oldest first, and a stranger can verify it', async () => {
    const { store } = await logOf(1_200)
    await store.audit.append(
      entry(0, { command: 'say "é\u202e\n\u2028"', caller: { id: 'a', name: '名前 😀', surface: 'api' } }),
    )

    const { card, lines, text } = await exported(store)

    expect(card.attachments?.[0]?.name).toBe('audit-1-1201.ndjson')
    expect(lines.map((line) => (JSON.parse(line) as { seq: number }).seq)).toEqual(
      Array.from({ length: 1_201 }, (_, index) => index + 1),
    )
    const { head } = await store.audit.verify()
    expect(await check(text)).toEqual({ code: 0, text: `it is whole; its head is ${head}\n` })
  })

  it('a stranger sees each line that was changed, taken out, put in or moved', async () => {
    const { store } = await logOf(6)
    const { lines } = await exported(store)
    const [first = '', second = '', third = '', ...rest] = lines
    const crimes = [
      [first, second.replace('mary', 'eve'), third, ...rest],
      [first, second.replace(/,"hash":"[0-9a-f]+"/, ''), third, ...rest],
      [first, third, ...rest],
      [first, third, second, ...rest],
      [first, first, second, third, ...rest],
      [first, second, third.replace(/,"hash":.*/, '}'), ...rest],
    ]

    for (const crime of crimes) {
      const { code, text } = await check(crime.join('\n'))
      expect(code, text).toBe(1)
      expect(text).toMatch(/entry \d does not fit/)
    }
  })

  it('a part, and a log with entries of before the chain, can be verified too', async () => {
    const old = await openFile(oldFile(5))
    for (let number = 1; number <= 5; number++) await old.audit.append(entry(number))
    const { head } = await old.audit.verify()
    const whole = `it is whole; its head is ${head}\n`

    const all = await exported(old)
    const part = await exported(old, 'audit export since:today')

    expect(part.lines).toHaveLength(5)
    expect((await check(part.text)).text).toBe(whole)
    expect((await check(all.text)).text).toBe(whole)
    expect((await check(all.text.replace('restart old 3', 'status'))).text).toContain('entry 6 does not fit')
    expect((await check(part.text.replace('restart plex 3', 'status'))).text).toContain(
      'entry 8 does not fit',
    )
  })

  it('what has no room is named, with the way to it, and the two parts fit together', async () => {
    const { store } = await logOf(0)
    const long = 'x'.repeat(3_900)
    for (let number = 1; number <= 1_100; number++) await store.audit.append(entry(number, { command: long }))

    const { card, output, text, lines } = await exported(store)

    const { first } = output as { first: number }
    expect(first).toBeGreaterThan(1)
    expect(lines).toHaveLength(1_101 - first)
    expect(text.length).toBeLessThanOrEqual(4_000_000)
    const action = card.buttons?.[0]?.action
    if (action?.kind !== 'command') throw new Error('there is no way to the rest')
    const rest = await exported(store, action.text)
    expect((await check(rest.text + text)).code).toBe(0)
  })

  it('of nothing there is no file', async () => {
    const { store } = await logOf(0)

    expect((await exported(store)).card).toEqual({
      title: 'No such entries in the audit log',
      tone: 'neutral',
    })
  })
})

describe('in a terminal, with the whole bot', () => {
  it('`audit export > file` is the file, whole and verifiable, of what was really done', async () => {
    await using simulator = await startSimulator()
    await using home = await homeFolder()
    await writeFileFor(simulator, home.path)
    const env = environment(simulator)
    const alone = await terminal(['audit', 'list'], env, home.path)
    expect(alone.code).toBe(2)
    await using bot = await startBot([], env, home.path)
    await terminal(['restart', 'plex', 'wait:false'], env, home.path)
    await terminal(['stop', 'plex', '--dry-run'], env, home.path)

    const { code, stdout, stderr } = await terminal(['audit', 'export'], env, home.path)

    const entries = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditView)
    expect(entries.map(({ decision }) => decision)).toEqual(['started', 'succeeded', 'dry-run'])
    expect(entries[0]).toMatchObject({ seq: 1, caller: { id: 'cli:local' }, operation: 'service.restart' })
    expect(code).toBe(0)
    expect(stderr).toContain('Audit log, 3 entries')
    const verified = await terminal(['audit', 'verify'], env, home.path)
    const head = entries.at(-1)?.hash ?? 'none'
    expect(verified.stdout).toContain(head)
    expect((await check(stdout)).text).toBe(`it is whole; its head is ${head}\n`)
    const json = await terminal(['audit', 'verify', '--json'], env, home.path)
    expect(JSON.parse(json.stdout)).toEqual({ entries: 3, head })
    expect(bot.output()).not.toContain('a bug')
  }, 120_000)
})

/** A log that grew over years, written past the store for speed. */
function bigLog(file: string, entries: number): void {
  const raw = new DatabaseSync(file)
  const insert = raw.prepare(
    `INSERT INTO audit (seq, at, caller_id, caller_name, surface, command, operation, decision, plan, run, hash)
     VALUES (?, ?, 'discord:1', 'mary', 'chat', ?, 'service.restart', 'started', 'Restart plex (CT 110 on pve)', '4f7k2m', ?)`,
  )
  raw.exec('BEGIN')
  let hash = start
  for (let seq = 1; seq <= entries; seq++) {
    const row = { seq, at: now().toISOString(), command: `restart plex ${seq}` }
    hash = hashOf(hash, {
      ...row,
      caller_id: 'discord:1',
      caller_name: 'mary',
      surface: 'chat',
      channel: null,
      operation: 'service.restart',
      decision: 'started',
      plan: 'Restart plex (CT 110 on pve)',
      approval: null,
      run: '4f7k2m',
      result: null,
    })
    insert.run(row.seq, row.at, row.command, hash)
  }
  raw.exec('COMMIT')
  raw.close()
}

describe('100,000 entries', () => {
  it('are verified in pages: the memory does not grow with them, and other work goes on meanwhile', async () => {
    const file = storeFile()
    await (await openFile(file)).close()
    bigLog(file, 100_000)
    const store = new URL('../../bot/src/store/store.ts', import.meta.url).href
    // All of them at once are over 60 MB of objects: a heap of 40 MB, of which the program itself takes half, has no room for that.
    writeFileSync(
      join(dirname(file), 'verify.mjs'),
      `import { openStore } from ${JSON.stringify(store)}
       const { audit, close } = await openStore(${JSON.stringify(file)})
       let turns = 0
       const turn = () => { turns += 1; later = setImmediate(turn) }
       let later = setImmediate(turn)
       let most = 0
       const timer = setInterval(() => { most = Math.max(most, process.memoryUsage().heapUsed) }, 5)
       const began = performance.now()
       const check = await audit.verify()
       clearImmediate(later)
       clearInterval(timer)
       console.log(JSON.stringify({ ...check, turns, ms: performance.now() - began, heap: most }))
       await close()`,
    )

    const { code, text } = await node(['--max-old-space-size=40', 'verify.mjs'], dirname(file))

    expect(code, text).toBe(0)
    const result = JSON.parse(text) as { entries: number; head?: string; turns: number; broken?: unknown }
    expect(result).toMatchObject({ entries: 100_000, head: expect.any(String) })
    expect(result.broken).toBeUndefined()
    expect(result.turns).toBeGreaterThanOrEqual(200)
  })
})
