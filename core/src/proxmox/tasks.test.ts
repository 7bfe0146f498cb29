import { X509Certificate } from 'node:crypto'
import { afterEach, describe, expect, it } from 'vitest'
import { HomelabError } from '../errors.ts'
import { createHttp } from '../node/http.ts'
import { type Call, fastClock, type Reply, type Script, startServer } from '../node/testing.ts'
import type { Progress } from '../operation/types.ts'
import { Secret } from '../secret.ts'
import { createProxmox, parseUpid, tryParseUpid } from './index.ts'
import type { GuestRef } from './types.ts'
import { progressOf } from './wait.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

const start = new Date('2026-11-23T10:00:00Z')
const hex = (date: Date, ms = 0): string =>
  Math.floor((date.getTime() + ms) / 1000)
    .toString(16)
    .toUpperCase()
    .padStart(8, '0')
const makeUpid = (
  started = hex(start),
  type = 'vzreboot',
  user = 'root@pam!homelab',
  id = '110',
  pid = '0000ABCD',
) => `UPID:pve2:${pid}:00FF00FF:${started}:${type}:${id}:${user}:`
const upid = makeUpid()
const plex: GuestRef = { vmid: 110, type: 'lxc', node: 'pve2', name: 'plex' }

async function setUp(script: Script) {
  const server = await startServer(script)
  cleanups.push(async () => server[Symbol.asyncDispose]())
  const http = createHttp({ fingerprint: new X509Certificate(server.certificate).fingerprint256 })
  cleanups.push(() => http.close())
  const clock = fastClock(start)
  const auth = { kind: 'token', id: 'root@pam!homelab', secret: new Secret('secret') } as const
  const { tasks } = createProxmox({ http, clock, endpoints: [server.url], auth, random: () => 0.5 })
  const asked = (end: string) => server.calls.filter((call) => call.path.endsWith(end))
  return { server, clock, tasks, asked }
}

const running: Reply = { data: { status: 'running', upid } }
const ended = (exitstatus: string): Reply => ({ data: { status: 'stopped', exitstatus, upid } })

/** A task that runs for some polls; its log grows by one line at each. */
function taskScript(polls: number, exitstatus: string, lines: readonly string[] = []): Script {
  let polled = 0
  return ({ path, query }: Call) => {
    if (path.endsWith('/status')) {
      polled += 1
      return polled <= polls ? running : ended(exitstatus)
    }
    const written = polled <= polls ? lines.slice(0, polled) : lines
    if (written.length === 0) return { data: [{ n: 1, t: 'no content' }] }
    const from = Number(query.get('start'))
    return { data: written.map((t, index) => ({ n: index + 1, t })).slice(from) }
  }
}

async function failure(promise: Promise<unknown>): Promise<HomelabError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  )
  expect(error).toBeInstanceOf(HomelabError)
  return error as HomelabError
}

describe('UPID', () => {
  it('is taken apart, with a token, with nine digits of pstart, without an id', () => {
    expect(parseUpid('UPID:pve-1:0003B2A1:123456789:65A1B2C3:vzdump::root@pam!back-up:')).toEqual({
      text: 'UPID:pve-1:0003B2A1:123456789:65A1B2C3:vzdump::root@pam!back-up:',
      node: 'pve-1',
      type: 'vzdump',
      id: '',
      user: 'root@pam!back-up',
      startTime: 0x65a1b2c3,
    })
  })

  it.each([
    'OK',
    '',
    'UPID:pve:1:2:3:vzstart:110:root@pam:',
    `${upid}x`,
    upid.slice(0, -1),
    upid.replace('pve2', '-x'),
  ])('"%s" is none', (text) => {
    expect(tryParseUpid(text)).toBeUndefined()
    expect(() => parseUpid(text)).toThrow(HomelabError)
  })
})

describe('wait', () => {
  it('asks the node in the UPID for its status only, every 0.3 s, then 1 s, then 2 s', async () => {
    const { tasks, clock, server, asked } = await setUp(taskScript(100, 'OK'))
    const end = await tasks.wait(upid)
    expect(end).toMatchObject({ upid, outcome: 'ok', exitStatus: 'OK', log: [] })
    expect(server.calls).toHaveLength(101)
    expect(asked(`/nodes/pve2/tasks/${upid}/status`)).toHaveLength(101)
    expect(new Set(clock.slept)).toEqual(new Set([300, 1000, 2000]))
    expect(clock.slept.filter((ms) => ms === 300)).toHaveLength(34)
  })

  it('polls a backup every second while it may be a small one, then every 5 s', async () => {
    const { tasks, clock } = await setUp(taskScript(6, 'OK'))
    await tasks.wait(upid, { pace: 'backup' })
    expect(clock.slept).toEqual([1000, 1000, 1000, 1000, 1000, 5000, 5000])
  })

  it('counts seconds by the server, whatever our clock says', async () => {
    const script = taskScript(2, 'OK')
    const { tasks } = await setUp(async (call) => {
      const reply = await script(call)
      const date = new Date(start.getTime() + 42_000).toUTCString()
      return typeof reply === 'string' ? {} : { ...reply, headers: { date } }
    })
    expect((await tasks.wait(upid)).seconds).toBe(42)
  })

  it('takes WARNINGS for success and reads the log', async () => {
    const { tasks, asked } = await setUp(taskScript(1, 'WARNINGS: 2', ['one', 'TASK WARNINGS: 2']))
    expect(await tasks.wait(upid)).toMatchObject({ outcome: 'warnings', log: ['one', 'TASK WARNINGS: 2'] })
    expect(asked('/log')[0]?.query.get('limit')).toBe('0')
  })

  it('follows the log for onLine and report, and misses no last line', async () => {
    const lines = ['a', 'b', 'c', 'INFO:  50% (1 of 2 GiB)', 'INFO: done', 'TASK OK']
    const { tasks } = await setUp(taskScript(5, 'OK', lines))
    const seen: string[] = []
    const reported: Progress[] = []
    const end = await tasks.wait(upid, {
      onLine: (line) => seen.push(line),
      report: (progress) => reported.push(progress),
    })
    expect(seen).toEqual(lines)
    expect(end.log).toEqual(lines)
    expect(reported).toEqual([{ text: lines[3], done: 50, total: 100, unit: 'percent' }])
  })

  it('an empty log is no line', async () => {
    const { tasks } = await setUp(taskScript(5, 'OK'))
    const seen: string[] = []
    expect((await tasks.wait(upid, { onLine: (line) => seen.push(line) })).log).toEqual([])
    expect(seen).toEqual([])
    expect(await tasks.log(upid)).toEqual([])
  })

  it.each([
    ['unable to create CT 110', 'failed'],
    ['unexpected status', 'failed'],
    ['CT is locked (backup)', 'locked'],
  ])('throws when it ended in "%s"', async (exitStatus, code) => {
    const lines = Array.from({ length: 30 }, (_, index) => `line ${index}`)
    const { tasks } = await setUp(taskScript(1, exitStatus, lines))
    const error = await failure(tasks.wait(upid))
    expect(error).toMatchObject({ code, data: { upid, exitStatus, log: lines.slice(-20) } })
    expect(error.message).toContain('vzreboot of CT 110 on pve2')
    if (code === 'locked') expect(error.data).toMatchObject({ lock: 'backup' })
  })

  it('outlasts a node that does not answer, and says so', async () => {
    const answers: (Reply | 'cut')[] = [
      running,
      { status: 595, reason: 'Connection refused' },
      { status: 596, reason: 'x' },
      { status: 502, reason: 'x' },
      'cut',
      running,
    ]
    const { tasks } = await setUp(({ path }) =>
      path.endsWith('/log') ? { data: [] } : (answers.shift() ?? ended('OK')),
    )
    const reported: string[] = []
    const end = await tasks.wait(upid, { report: ({ text }) => reported.push(text) })
    expect(end.outcome).toBe('ok')
    expect(reported).toContain('pve2 does not answer, still watching')
  })

  it('gives up when a node stays silent for a quarter of an hour', async () => {
    const { tasks, clock } = await setUp(() => ({ status: 595, reason: 'No route to host' }))
    expect(await failure(tasks.wait(upid))).toMatchObject({ code: 'unreachable' })
    expect(clock.monotonic()).toBeGreaterThan(15 * 60_000)
  })

  it.each([
    [{ status: 401, reason: 'no such token' }, 'unauthorised'],
    [{ status: 403, reason: 'Permission check failed (/nodes/pve2, Sys.Audit)' }, 'unauthorised'],
    [{ status: 400, body: '{"errors":{"upid":"no such task"}}' }, 'not-found'],
  ])('fails at once when it may not look: %o', async (reply, code) => {
    const { tasks, server } = await setUp(() => reply)
    expect(await failure(tasks.wait(upid))).toMatchObject({ code })
    expect(server.calls).toHaveLength(1)
  })

  it.each([
    ['our own end', new Error('shutting down'), true, false],
    ['a cancel that was not to stop it', new HomelabError('cancelled', 'enough'), false, false],
    ['a cancel', new HomelabError('cancelled', 'enough'), true, true],
    ['a deadline', new HomelabError('timeout', 'late'), true, true],
  ])(
    'on abort by %s stops the task or leaves it, and when it stops it waits for its end',
    async (_by, reason, stopOnAbort, stops) => {
      const controller = new AbortController()
      let stopped = false
      let polls = 0
      const { tasks, server } = await setUp(({ method }) => {
        if (method === 'DELETE') {
          stopped = true
          return {}
        }
        polls += 1
        if (polls === 3) controller.abort(reason)
        return stopped && polls > 5 ? ended('unexpected status') : running
      })
      await expect(tasks.wait(upid, { signal: controller.signal, stopOnAbort })).rejects.toBe(reason)
      expect(stopped).toBe(stops)
      expect(server.calls.filter((call) => call.method === 'DELETE').map((call) => call.path)).toEqual(
        stops ? [`/nodes/pve2/tasks/${upid}`] : [],
      )
      expect(polls).toBe(stops ? 6 : 3)
    },
  )

  it('reads percentages from log lines', () => {
    expect(progressOf('INFO:  37% (3.0 GiB of 8.0 GiB)')).toMatchObject({
      done: 37,
      total: 100,
      unit: 'percent',
    })
    expect(progressOf('transferred 1.5 GiB of 4.0 GiB (37.45%)')).toMatchObject({ done: 37.45 })
    expect(progressOf('compression 400% better')).toEqual({ text: 'compression 400% better' })
  })
})

describe('latest', () => {
  const row = (text: string, status = 'OK') => ({ upid: text, status, user: 'root@pam', tokenid: 'homelab' })
  const own = makeUpid(hex(start, 2_000), 'vzreboot', 'root@pam!homelab', '110', '00000001')
  const newer = makeUpid(hex(start, 5_000), 'vzreboot', 'root@pam!homelab', '110', '00000002')
  const others = [
    makeUpid(hex(start, -3_000)),
    makeUpid(hex(start, 9_000), 'vzreboot', 'root@pam'),
    makeUpid(hex(start, 9_000), 'vzreboot', 'root@pam!other'),
    makeUpid(hex(start, 9_000), 'vzstart'),
    makeUpid(hex(start, 9_000), 'vzreboot', 'root@pam!homelab', '111'),
  ]

  it('is our own newest task of this kind on this guest that nobody claimed', async () => {
    const { tasks, server } = await setUp(() => ({
      data: [row(own), row('garbage'), ...others.map((text) => row(text)), row(newer, 'RUNNING')],
      headers: { date: start.toUTCString() },
    }))
    expect(await tasks.latest(plex, 'vzreboot', start)).toBe(newer)
    expect(await tasks.latest(plex, 'vzreboot', start, (text) => text === newer)).toBe(own)
    expect(await tasks.latest(plex, 'vzreboot', start, () => true)).toBeUndefined()
    expect(await tasks.latest(plex, 'vzreboot', new Date(start.getTime() + 60_000))).toBeUndefined()
    expect(server.calls[0]?.path).toBe('/nodes/pve2/tasks')
    expect(Object.fromEntries(server.calls[0]?.query ?? [])).toEqual({
      source: 'all',
      vmid: '110',
      typefilter: 'vzreboot',
    })
  })

  it.each([3 * 3_600_000, -3 * 3_600_000])('knows a server clock that is %i ms off', async (skew) => {
    const before = makeUpid(hex(start, skew - 10_000))
    const after = makeUpid(hex(start, skew))
    const answer = (data: unknown) => ({
      data,
      headers: { date: new Date(start.getTime() + skew).toUTCString() },
    })
    const { tasks, server } = await setUp(() => answer([row(before), row(after)]))
    expect(await tasks.latest(plex, 'vzreboot', start)).toBe(after)
    server.script = () => answer([row(before)])
    expect(await tasks.latest(plex, 'vzreboot', start)).toBeUndefined()
  })
})

describe('list', () => {
  const first = makeUpid(hex(start))
  const second = makeUpid(hex(start, 5_000), 'vzdump', 'root@pam', '')

  it('of one node asks for all sources and says which tasks run', async () => {
    const { tasks, server } = await setUp(() => ({
      data: [
        { upid: first, status: 'RUNNING' },
        { upid: second, status: 'job errors', endtime: 1_800_000_000 },
      ],
    }))
    expect(await tasks.list({ node: 'pve2', limit: 10 })).toMatchObject([
      { upid: second, exitStatus: 'job errors', endTime: 1_800_000_000, id: '' },
      { upid: first, user: 'root@pam!homelab' },
    ])
    expect(Object.fromEntries(server.calls[0]?.query ?? [])).toEqual({ source: 'all', limit: '10' })
    expect((await tasks.list({ node: 'pve2', active: true })).map((task) => task.upid)).toEqual([first])
    expect((await tasks.list({ node: 'pve2', errors: true })).map((task) => task.upid)).toEqual([second])
  })

  it('of the cluster sends no parameters and filters here', async () => {
    const { tasks, server } = await setUp(() => ({ data: [{ upid: first }, { upid: second, status: 'OK' }] }))
    expect((await tasks.list({ type: 'vzdump' })).map((task) => task.upid)).toEqual([second])
    expect((await tasks.list({ vmid: 110, active: true })).map((task) => task.upid)).toEqual([first])
    expect([...(server.calls[0]?.query ?? [])]).toEqual([])
  })
})
