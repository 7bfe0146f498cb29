import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Alert } from '@homelab/core/alerts'
import { parseInventory } from '@homelab/core/inventory'
import { createSecrets } from '@homelab/core/node'
import { expect, onTestFinished, test } from 'vitest'
import { serve } from '../api/serve.ts'
import { openStore } from '../store/index.ts'
import { createIntake } from './intake.ts'

const secret = 'a-secret-of-30-characters-0001'
const other = 'another-secret-of-30-chars-002'

interface Setting {
  readonly now?: () => Date
}

async function setting({ now = () => new Date('2026-11-26T06:00:00.000Z') }: Setting = {}) {
  const folder = mkdtempSync(join(tmpdir(), 'homelab-intake-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const secretFile = join(folder, 'secret')
  writeFileSync(secretFile, `${secret}\n`, { mode: 0o600 })
  let file = parseInventory(
    `alerts:
  sources:
    alertmanager: { secret: "file:${secretFile}" }
    scripts: { secret: env:SCRIPTS }
    short: { secret: env:SHORT }
    gone: { secret: env:NOT_THERE }
    kuma: { secret: env:SCRIPTS }
`,
    { file: 'homelab.yaml' },
  )
  const store = await openStore(join(folder, 'desk.db'), now)
  onTestFinished(() => store.close())
  const logged: { readonly text: string; readonly facts: object }[] = []
  const note = (facts: object, text: string) => void logged.push({ text, facts })
  const intake = createIntake({
    inventory: () => file,
    secrets: createSecrets({ env: { SCRIPTS: other, SHORT: 'short-secret-15' } }),
    inbox: store.inbox,
    now,
    log: { warn: note, error: note },
  })
  const server = await serve(intake.app, { host: '127.0.0.1', port: 0, setting: 'the test' })
  onTestFinished(() => server.close())
  const post = (
    source: string,
    body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
    authorization = `Bearer ${other}`,
    more: RequestInit = {},
  ) =>
    fetch(`${server.url}/alerts/${source}`, {
      method: 'POST',
      body,
      ...more,
      headers: { ...(authorization === '' ? {} : { authorization }), ...more.headers },
    })
  const send = (body: unknown, source = 'scripts') => post(source, JSON.stringify(body))
  const kept = async (): Promise<readonly Alert[]> =>
    (await store.inbox.next(100_000)).flatMap(({ alerts }) => alerts)
  return {
    folder,
    secretFile,
    store,
    intake,
    logged,
    url: server.url,
    post,
    send,
    kept,
    edit: (text: string) => {
      file = parseInventory(text, { file: 'homelab.yaml' })
    },
  }
}

const basic = (login: string) => `Basic ${Buffer.from(login).toString('base64')}`

test('an alert is answered 200 when it is in the database, and not before', async () => {
  const { send, kept, folder, intake } = await setting()
  const answer = await send({ name: 'DiskFull', labels: { service: 'plex' } })
  const beside = new DatabaseSync(join(folder, 'desk.db'), { readOnly: true })
  onTestFinished(() => beside.close())
  expect(beside.prepare('SELECT count(*) AS rows FROM inbox').get()).toEqual({ rows: 1 })
  expect([answer.status, await answer.json()]).toEqual([200, { accepted: 1 }])
  expect(await kept()).toMatchObject([{ source: 'scripts', name: 'DiskFull', labels: { service: 'plex' } }])
  expect(intake.counts().get('scripts')).toEqual({
    accepted: 1,
    refused: 0,
    malformed: 0,
    failed: 0,
    lastAt: '2026-11-26T06:00:00.000Z',
  })
})

test('a secret is shown as a token or as the password of any login, and whatever the Content-Type says', async () => {
  const { post, kept } = await setting()
  const body = JSON.stringify({ name: 'x' })
  const type = (value: string) => ({ headers: { 'content-type': value } })
  const statuses = [
    await post('scripts', body, `bearer   ${other}`, type('text/plain')),
    await post(
      'scripts',
      `\ufeff${body}`,
      basic(`anybody:${other}`),
      type('application/x-www-form-urlencoded'),
    ),
    await post('scripts', new TextEncoder().encode(body), basic(`:${other}`), type('nonsense')),
    await post('scripts', body, undefined, { method: 'PUT' }),
  ].map(({ status }) => status)
  expect(statuses).toEqual([200, 200, 200, 200])
  expect(await kept()).toHaveLength(4)
})

test('wrong secrets get the same answer for a source that there is and for one that there is not, and are counted', async () => {
  const { post, kept, intake } = await setting()
  const seen = async (response: Response) => {
    const headers = [...response.headers].filter(([name]) => name !== 'date')
    return JSON.stringify([response.status, headers, await response.text()])
  }
  const tries: [string, string][] = [
    ['scripts', ''],
    ['scripts', 'Bearer wrong'],
    ['scripts', `Bearer ${secret}`],
    ['scripts', `Bearer ${other}x`],
    ['scripts', `Digest ${other}`],
    ['scripts', basic(other)],
    ['scripts', 'Basic !!!'],
    ['nobody', `Bearer ${other}`],
    ['nobody', ''],
    ['constructor', `Bearer ${other}`],
    ['short', 'Bearer short-secret-15'],
    ['gone', 'Bearer '],
  ]
  const answers = new Set<string>()
  for (const [source, authorization] of tries)
    answers.add(await seen(await post(source, '{"name":"x"}', authorization)))
  expect([...answers]).toHaveLength(1)
  expect([...answers][0]).toMatch(/^\[401,/)
  expect([...answers][0]).not.toContain(other)
  expect(await kept()).toEqual([])
  const refused = Object.fromEntries([...intake.counts()].map(([name, each]) => [name, each.refused]))
  expect(refused).toEqual({ scripts: 7, '': 3, short: 1, gone: 1 })
})

test('a refused sender with a large body gets its answer all the same', async () => {
  const { post } = await setting()
  expect((await post('scripts', 'x'.repeat(4_000_000), 'Bearer wrong')).status).toBe(401)
})

test('secrets that cannot be used are told once, without the secret', async () => {
  const { send, logged } = await setting()
  await send({ name: 'x' })
  await send({ name: 'x' })
  const told = logged
    .filter(({ text }) => text.startsWith('the secret of a source'))
    .map(({ facts }) => facts)
  expect(told).toEqual([
    { source: 'short', why: 'its secret has fewer than 16 characters' },
    { source: 'gone', why: expect.stringContaining('NOT_THERE') },
  ])
  expect(JSON.stringify(logged)).not.toContain('short-secret-15')
})

test('a secret that is replaced in its file counts from then on, and one that cannot be read for a while is not forgotten', async () => {
  let at = Date.parse('2026-11-26T06:00:00.000Z')
  const { post, secretFile, edit } = await setting({ now: () => new Date(at) })
  const status = async (token: string) =>
    (await post('alertmanager', '{"alerts":[]}', `Bearer ${token}`)).status
  expect(await status(secret)).toBe(200)
  writeFileSync(secretFile, 'the-secret-after-that-one', { mode: 0o600 })
  at += 5_001
  expect([await status('the-secret-after-that-one'), await status(secret)]).toEqual([200, 401])
  rmSync(secretFile)
  at += 30_000
  expect(await status('the-secret-after-that-one')).toBe(200)
  at += 60_000
  expect(await status('the-secret-after-that-one')).toBe(401)
  writeFileSync(secretFile, 'the-secret-after-that-one', { mode: 0o600 })
  at += 5_001
  expect(await status('the-secret-after-that-one')).toBe(200)
  edit('alerts: { sources: { other: { secret: env:SCRIPTS } } }')
  expect(await status('the-secret-after-that-one')).toBe(401)
  edit('name: nothing')
  expect(await status('the-secret-after-that-one')).toBe(404)
})

test('what can never be right is refused with the reason, and somebody is told of it', async () => {
  let at = Date.parse('2026-11-26T06:00:00.000Z')
  const { post, send, kept, intake } = await setting({ now: () => new Date(at) })
  const reason = async (response: Response) => [
    response.status,
    ((await response.json()) as { message: string }).message,
  ]
  expect(await reason(await post('scripts', ''))).toEqual([400, 'The message is empty.'])
  expect(await reason(await post('scripts', '{"name": "x'))).toEqual([
    400,
    expect.stringMatching(/^The message is no JSON/),
  ])
  expect(await reason(await send({ name: 'x', status: 'odd' }))).toEqual([
    400,
    'This is no alert: its "status" must be firing or resolved, not "odd".',
  ])
  expect(await reason(await send({ alerts: [] }, 'kuma'))).toEqual([
    400,
    expect.stringContaining('This is no message of Uptime Kuma'),
  ])
  expect(intake.counts().get('scripts')).toMatchObject({ accepted: 0, malformed: 3 })
  // Once a minute for each source: what is sent wrong is sent often.
  expect(
    (await kept()).map(({ source, title, text, once }) => [source, title, text?.split('.')[0], once]),
  ).toEqual([
    ['scripts', 'scripts sent what is not understood', 'The message is empty', true],
    ['kuma', 'kuma sent what is not understood', expect.stringContaining('Uptime Kuma'), true],
  ])
  at += 60_001
  await post('scripts', '')
  expect(await kept()).toHaveLength(3)
})

test('the text of a message that is no JSON is neither answered nor logged', async () => {
  const { post, logged, kept } = await setting()
  const answer = await post('scripts', 'password=hunter2')
  expect([await answer.text(), JSON.stringify(logged), JSON.stringify(await kept())].join()).not.toContain(
    'hunter',
  )
})

test('more than 8 MiB is refused, with or without its length said, and the next is taken', async () => {
  const { post, send, kept } = await setting()
  const mebibyte = new TextEncoder().encode('x'.repeat(1024 * 1024))
  const endless = new ReadableStream<Uint8Array>({
    pull: (controller) => controller.enqueue(mebibyte),
  })
  const long = JSON.stringify({ name: 'x', text: 'y'.repeat(8 * 1024 * 1024) })
  expect((await post('scripts', long)).status).toBe(413)
  const streamed = await post('scripts', endless, undefined, { duplex: 'half' } as RequestInit).then(
    ({ status }) => status,
    // It is cut off while it still sends.
    () => 413,
  )
  expect(streamed).toBe(413)
  expect((await send({ name: 'after' })).status).toBe(200)
  expect((await kept()).map(({ name }) => name)).toEqual(['NotUnderstood', 'after'])
})

test('a sender that is gone before the end has sent nothing', async () => {
  const { url, send, kept, intake, logged } = await setting()
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(
    `POST /alerts/scripts HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${other}\r\ncontent-length: 100\r\n\r\n{"name":"half"`,
  )
  // Answered after that came.
  await send({ name: 'first' })
  socket.destroy()
  await once(socket, 'close')
  await send({ name: 'second' })
  expect((await kept()).map(({ name }) => name)).toEqual(['first', 'second'])
  expect(intake.counts().get('scripts')).toMatchObject({ accepted: 2, malformed: 0, failed: 0 })
  expect(logged.filter(({ text }) => !text.startsWith('the secret'))).toEqual([])
})

test('what cannot be kept is answered 503, and is taken when it can', async () => {
  const { folder, send, kept, intake } = await setting()
  const beside = new DatabaseSync(join(folder, 'desk.db'))
  onTestFinished(() => beside.close())
  beside.exec("CREATE TRIGGER full BEFORE INSERT ON inbox BEGIN SELECT RAISE(ABORT, 'the disk is full'); END")
  const answer = await send({ name: 'x' })
  expect([answer.status, answer.headers.get('retry-after')]).toEqual([503, '5'])
  expect(await answer.text()).not.toContain('disk')
  expect(await kept()).toEqual([])
  beside.exec('DROP TRIGGER full')
  expect((await send({ name: 'x' })).status).toBe(200)
  expect(await kept()).toHaveLength(1)
  expect(intake.counts().get('scripts')).toMatchObject({ accepted: 1, failed: 1 })
})

test('a database that stays locked is a 503, too', async () => {
  const { folder, send, kept } = await setting()
  const beside = new DatabaseSync(join(folder, 'desk.db'))
  beside.exec('BEGIN EXCLUSIVE')
  const locked = await send({ name: 'x' })
  beside.exec('ROLLBACK')
  beside.close()
  expect([locked.status, (await send({ name: 'x' })).status]).toEqual([503, 200])
  expect(await kept()).toHaveLength(1)
})

test('a closed database is a 503', async () => {
  const { store, send } = await setting()
  await store.close()
  expect((await send({ name: 'x' })).status).toBe(503)
})

const firing = (index: number) => ({
  status: 'firing',
  labels: { alertname: 'Flood', instance: `host-${index}`, job: 'node', severity: 'warning' },
  annotations: { summary: `host-${index} is down` },
  startsAt: '2026-11-26T05:59:00Z',
  endsAt: '0001-01-01T00:00:00Z',
  fingerprint: index.toString(16).padStart(16, '0'),
})

test('ten thousand alerts in one message are kept', async () => {
  const { post, kept } = await setting()
  const body = JSON.stringify({ version: '4', alerts: Array.from({ length: 10_000 }, (_, at) => firing(at)) })
  const answer = await post('alertmanager', body, `Bearer ${secret}`)
  expect([answer.status, await answer.json()]).toEqual([200, { accepted: 10_000 }])
  expect(new Set((await kept()).map(({ fingerprint }) => fingerprint)).size).toBe(10_000)
})

test('ten thousand alerts in hundreds of messages, fifty at a time, are kept', async () => {
  const { post, kept, intake } = await setting()
  let next = 0
  const sender = async () => {
    for (let at = next++; at < 400; at = next++) {
      const alerts = Array.from({ length: 25 }, (_, index) => firing(at * 25 + index))
      const answer = await post('alertmanager', JSON.stringify({ version: '4', alerts }), `Bearer ${secret}`)
      expect(answer.status).toBe(200)
      await answer.arrayBuffer()
    }
  }
  await Promise.all(Array.from({ length: 50 }, sender))
  expect(new Set((await kept()).map(({ fingerprint }) => fingerprint)).size).toBe(10_000)
  expect(intake.counts().get('alertmanager')?.accepted).toBe(400)
})

test('labels with markup and of 10 KB, and times that cannot be, are kept as what can be shown', async () => {
  const { send, kept } = await setting()
  await send({
    name: 'x',
    startsAt: '2031-01-01T00:00:00Z',
    labels: { html: '<img src=x onerror=1> @everyone', big: 'b'.repeat(10_240), zero: 'a\u0000b' },
  })
  expect(await kept()).toMatchObject([
    {
      startsAt: '2026-11-26T06:00:00.000Z',
      labels: {
        html: '<img src=x onerror=1> @everyone',
        big: expect.stringMatching(/^b{299}…$/),
        zero: 'a b',
      },
    },
  ])
})

test('only POST and PUT are taken, and that is told to who has the secret only', async () => {
  const { url, kept } = await setting()
  const get = (authorization: string) => fetch(`${url}/alerts/scripts`, { headers: { authorization } })
  expect((await get('Bearer wrong')).status).toBe(401)
  expect((await get(`Bearer ${other}`)).status).toBe(405)
  expect((await fetch(`${url}/alerts`, { method: 'POST' })).status).toBe(404)
  expect(await kept()).toEqual([])
})
