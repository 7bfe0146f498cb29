import { HomelabError, type RunView } from '@homelab/core'
import { expect, test } from 'vitest'
import {
  type Body,
  crashCopy,
  gate,
  mary,
  openTestRuns,
  request,
  runToEnd,
  stateFile,
  untilAborted,
} from './runs.fixture.ts'

test('a run succeeds with its result and can be found in the history', async () => {
  const runs = await openTestRuns(stateFile(), { hello: async (_verbs, input) => ({ hello: input }) })

  const { run, existing } = await runs.start(
    request('hello', { input: { to: 'plex' }, title: 'Say hello', key: 'the message' }),
  )

  expect(existing).toBe(false)
  const end = await runs.finished(run.id)
  expect(end).toMatchObject({
    id: run.id,
    operation: 'hello',
    title: 'Say hello',
    input: { to: 'plex' },
    caller: { id: 'console:mary', name: 'mary' },
    state: 'succeeded',
    result: { hello: { to: 'plex' } },
  })
  expect(Date.parse(end.finishedAt ?? '')).toBeGreaterThanOrEqual(Date.parse(end.createdAt))
  expect(await runs.get(run.id)).toEqual(end)
  expect(await runs.byKey('the message')).toEqual(end)
  expect(await runs.byKey('another')).toBeUndefined()
  expect(await runs.list({ limit: 5 })).toEqual([end])
  expect(await runs.list({ active: true, limit: 5 })).toEqual([])
  expect(await runs.get('none')).toBeUndefined()
  await expect(runs.finished('none')).rejects.toMatchObject({ code: 'not-found' })
})

test('the same key twice is one run, also after a restart, and never another command', async () => {
  const file = stateFile()
  let calls = 0
  const bodies = {
    count: async () => {
      calls += 1
      return calls
    },
  }
  const first = await openTestRuns(file, bodies)
  const one = request('count', { input: { a: 1, b: 2 } })
  const { run } = await first.start(one)
  await first.finished(run.id)
  await first.close()
  const again = await openTestRuns(file, bodies)

  const second = await again.start({ ...one, input: { b: 2, a: 1 } })

  expect(second).toMatchObject({ existing: true, run: { id: run.id, state: 'succeeded', result: 1 } })
  await expect(again.start({ ...one, input: { a: 2 } })).rejects.toMatchObject({ code: 'conflict' })
  expect(calls).toBe(1)
})

test('one run at a time for each lock; the others wait, say for whom, and keep their turn', async () => {
  const gates = [gate(), gate(), gate()]
  const order: string[] = []
  const runs = await openTestRuns(stateFile(), {
    hold: async (_verbs, input) => {
      order.push(`begin ${String(input)}`)
      await gates[Number(input)]?.opened
      order.push(`end ${String(input)}`)
      return null
    },
  })
  const a = (await runs.start(request('hold', { input: 0, locks: ['guest/110'] }))).run
  const b = (await runs.start(request('hold', { input: 1, locks: ['guest/111', 'guest/110'] }))).run
  const c = (await runs.start(request('hold', { input: 2, locks: ['guest/111'] }))).run

  expect(b).toMatchObject({ state: 'waiting', waitingFor: { lock: 'guest/110', run: a.id } })
  expect(c).toMatchObject({ state: 'waiting', waitingFor: { lock: 'guest/111', run: b.id } })
  expect((await runs.active()).map((run) => run.id)).toEqual([a.id, b.id, c.id])
  for (const one of gates) one.open()
  await Promise.all([a, b, c].map((run) => runs.finished(run.id)))
  expect(order).toEqual(['begin 0', 'end 0', 'begin 1', 'end 1', 'begin 2', 'end 2'])
})

test('waiting survives a restart in the same order', async () => {
  const file = stateFile()
  const first = await openTestRuns(file, { hold: ({ follow }) => follow('hold', untilAborted) })
  const a = (await first.start(request('hold', { locks: ['x'] }))).run
  const b = (await first.start(request('hold', { locks: ['x'] }))).run
  await first.close()
  const order: string[] = []

  const again = await openTestRuns(file, {
    hold: ({ follow }) =>
      follow('hold', async () => {
        order.push('turn')
        return order.length
      }),
  })

  expect(await again.finished(a.id)).toMatchObject({ state: 'succeeded', result: 1 })
  expect(await again.finished(b.id)).toMatchObject({ state: 'succeeded', result: 2 })
})

test('no more runs at work than slots', async () => {
  const door = gate()
  let atWork = 0
  const seen: number[] = []
  const runs = await openTestRuns(
    stateFile(),
    {
      work: async () => {
        atWork += 1
        seen.push(atWork)
        await door.opened
        atWork -= 1
        return null
      },
    },
    { concurrency: 2 },
  )
  const all = await Promise.all([0, 1, 2, 3].map(() => runs.start(request('work'))))

  expect((await runs.active()).map((run) => run.state)).toEqual(['running', 'running', 'queued', 'queued'])
  door.open()
  await Promise.all(all.map(({ run }) => runs.finished(run.id)))
  expect(Math.max(...seen)).toBe(2)
})

test('watchers hear the current state, every change and always the end; progress comes at most every 200 ms', async () => {
  const runs = await openTestRuns(stateFile(), {
    busy: async ({ report, step }) => {
      for (let done = 1; done <= 50; done += 1) {
        report({ text: 'working', done, total: 50 })
        await step(`wait ${done}`, async () => null)
      }
      return 'done'
    },
  })
  const heard: RunView[] = []
  const anyone: string[] = []
  runs.onAny((run) => anyone.push(run.state))
  runs.onAny(() => {
    throw new Error('a broken watcher disturbs nobody')
  })
  const { run } = await runs.start(request('busy'))
  runs.watch(run.id, (view) => heard.push(view))

  const end = await runs.finished(run.id)

  expect(heard.at(-1)).toEqual(end)
  expect(heard[0]?.state).toBe('running')
  const progressed = heard.filter((view) => view.state === 'running' && view.progress)
  expect(progressed.length).toBeGreaterThan(0)
  expect(progressed.length).toBeLessThan(25)
  expect(anyone[0]).toBe('queued')
  expect(anyone.at(-1)).toBe('succeeded')
  const late: string[] = []
  runs.watch(run.id, (view) => late.push(view.state))
  await Promise.resolve()
  expect(late).toEqual(['succeeded'])
})

test('a stopped watcher hears nothing more', async () => {
  const door = gate()
  const runs = await openTestRuns(stateFile(), { wait: () => door.opened.then(() => null) })
  const { run } = await runs.start(request('wait'))
  const heard: string[] = []
  const stop = runs.watch(run.id, (view) => heard.push(view.state))
  stop()

  door.open()
  await runs.finished(run.id)

  expect(heard).toEqual([])
})

test('a waiting run is cancelled at once and frees its place', async () => {
  const door = gate()
  const runs = await openTestRuns(stateFile(), { wait: () => door.opened.then(() => 'done') })
  const a = (await runs.start(request('wait', { locks: ['x'] }))).run
  const b = (await runs.start(request('wait', { locks: ['x', 'y'] }))).run
  const c = (await runs.start(request('wait', { locks: ['y'] }))).run
  expect(c.state).toBe('waiting')

  const cancelled = await runs.cancel(b.id, mary)

  expect(cancelled).toMatchObject({
    state: 'cancelled',
    error: { code: 'cancelled', message: 'Cancelled by mary.' },
  })
  expect(await runs.get(c.id)).toMatchObject({ state: 'running' })
  door.open()
  await Promise.all([a, c].map((run) => runs.finished(run.id)))
  await expect(runs.cancel(b.id, mary)).rejects.toThrow(/was cancelled at .* nothing is left to cancel/)
  await expect(runs.cancel(a.id, mary)).rejects.toMatchObject({ code: 'conflict' })
  await expect(runs.cancel('none', mary)).rejects.toMatchObject({ code: 'not-found' })
})

test('a waiting run fails at its deadline and names who held it up', async () => {
  const door = gate()
  const runs = await openTestRuns(stateFile(), { wait: () => door.opened.then(() => null) })
  const a = (await runs.start(request('wait', { locks: ['guest/110'] }))).run

  const end = await runToEnd(runs, 'wait', { locks: ['guest/110'], deadlineMs: 30 })

  expect(end).toMatchObject({
    state: 'failed',
    error: { code: 'timeout', message: 'It waited for guest/110 until its deadline.' },
  })
  expect(end.error?.hint).toContain(a.id)
  expect(end.startedAt).toBeUndefined()
  door.open()
})

test('a result that is too long is left out, with a line that says so; the run has succeeded', async () => {
  const runs = await openTestRuns(stateFile(), { long: async () => 'x'.repeat(2 * 1024 * 1024) })

  const end = await runToEnd(runs, 'long')

  expect(end.state).toBe('succeeded')
  expect(end.result).toBeUndefined()
  expect((await runs.log(end.id, 10)).map((line) => line.text)).toEqual([
    'The result is 2097154 bytes long; at most 1048576 can be kept.',
  ])
})

test('the log keeps the last 2,000 lines and survives a restart', async () => {
  const file = stateFile()
  const bodies: Record<string, Body> = {
    talk: async ({ log }) => {
      for (let line = 1; line <= 2_500; line += 1) log(`line ${line}`)
      return null
    },
  }
  const first = await openTestRuns(file, bodies)
  const end = await runToEnd(first, 'talk')
  expect((await first.log(end.id, 2)).map((line) => line.text)).toEqual(['line 2499', 'line 2500'])
  await first.close()

  const again = await openTestRuns(file, bodies)

  const lines = await again.log(end.id, 5_000)
  expect(lines).toHaveLength(2_000)
  expect(lines[0]?.text).toBe('line 501')
  expect(lines.at(-1)?.text).toBe('line 2500')
})

test('a run that waits for its end hears of a shutdown, and goes on after the next start', async () => {
  const file = stateFile()
  const first = await openTestRuns(file, { hold: ({ follow }) => follow('hold', untilAborted) })
  const { run } = await first.start(request('hold', { origin: { channel: 7 } }))
  const end = first.finished(run.id)
  const refused = expect(end).rejects.toMatchObject({ message: 'The bot is shutting down.' })

  await first.close()

  await refused
  await expect(first.start(request('hold'))).rejects.toBeInstanceOf(HomelabError)
  const again = await openTestRuns(file, { hold: async () => 'went on' })
  expect(await again.finished(run.id)).toMatchObject({ state: 'succeeded', result: 'went on' })
  expect(await again.origin(run.id)).toEqual({ channel: 7 })
  expect(await again.origin('none')).toBeUndefined()
})

test('runs that ended before the horizon are deleted with all that is kept of them; others stay', async () => {
  const file = stateFile()
  const bodies: Record<string, Body> = {
    quick: ({ step }) => step('a', async () => null),
    hold: ({ follow }) => follow('hold', untilAborted),
  }
  const first = await openTestRuns(file, bodies)
  const old = request('quick')
  const gone = await first.start(old)
  await first.finished(gone.run.id)
  const kept = await first.start(request('hold'))
  const copy = crashCopy(file)

  const again = await openTestRuns(copy, bodies, { retentionMs: -1 })

  expect(await again.get(gone.run.id)).toBeUndefined()
  expect(await again.get(kept.run.id)).toMatchObject({ state: 'running' })
  expect(await again.start(old)).toMatchObject({ existing: false })
})
