import { HomelabError } from '@homelab/core'
import { expect, test } from 'vitest'
import {
  type Body,
  crashAt,
  crashCopy,
  gate,
  mary,
  openTestRuns,
  request,
  runToEnd,
  stateFile,
  untilAborted,
} from './runs.fixture.ts'
import type { Point } from './types.ts'

test('cancel aborts the signal, runs the undos last first, and ends as cancelled', async () => {
  const order: string[] = []
  const states: string[] = []
  const begun = gate()
  const runs = await openTestRuns(stateFile(), {
    work: async ({ undo, follow, signal }) => {
      undo('first', async () => void order.push('first'))
      undo('bad', () => Promise.reject(new Error('cannot')))
      undo('second', async () => void order.push('second'))
      await follow('task', async (own) => {
        begun.open()
        expect(own).toBe(signal)
        return await untilAborted(own)
      })
      return null
    },
  })
  const { run } = await runs.start(request('work'))
  runs.watch(run.id, (view) => states.push(view.state))
  await begun.opened

  const view = await runs.cancel(run.id, mary)

  expect(view.state).toBe('cancelling')
  expect(await runs.finished(run.id)).toMatchObject({
    state: 'cancelled',
    error: {
      code: 'cancelled',
      message: 'Cancelled by mary. Not taken back: bad (cannot).',
      data: { notUndone: [{ name: 'bad', why: 'cannot' }] },
    },
  })
  expect(order).toEqual(['second', 'first'])
  expect(states).toEqual(['running', 'cancelling', 'cancelled'])
  expect((await runs.log(run.id, 9)).map((line) => line.text)).toEqual([
    'undone: second',
    'could not undo bad: cannot',
    'undone: first',
  ])
})

test('what an undo has to say is in the log', async () => {
  const runs = await openTestRuns(stateFile(), {
    work: async ({ undo, log }) => {
      undo('rule', async () => log('somebody else lost one'))
      throw new Error('broken')
    },
  })
  const { run } = await runs.start(request('work'))
  await runs.finished(run.id)
  expect((await runs.log(run.id, 9)).map((line) => line.text)).toEqual([
    'somebody else lost one',
    'undone: rule',
  ])
})

test('an operation that swallows the cancellation is cancelled all the same', async () => {
  const begun = gate()
  const runs = await openTestRuns(stateFile(), {
    work: async ({ follow }) => {
      begun.open()
      return await follow('task', untilAborted).catch(() => 'as if nothing had happened')
    },
  })
  const { run } = await runs.start(request('work'))
  await begun.opened
  await runs.cancel(run.id, mary)

  expect((await runs.finished(run.id)).state).toBe('cancelled')
})

test('work that does not stop is left behind after a time of grace', async () => {
  const begun = gate()
  const runs = await openTestRuns(stateFile(), {
    work: ({ follow }) =>
      follow('task', () => {
        begun.open()
        return new Promise<null>(() => {})
      }),
  })
  const { run } = await runs.start(request('work'))
  await begun.opened
  await runs.cancel(run.id, mary)

  expect((await runs.finished(run.id)).state).toBe('cancelled')
})

test('at the deadline the run is stopped, undone and fails with timeout', async () => {
  const undone: string[] = []
  const runs = await openTestRuns(stateFile(), {
    work: async ({ undo, follow }) => {
      undo('it', async () => void undone.push('it'))
      return await follow('task', untilAborted)
    },
  })

  const end = await runToEnd(runs, 'work', { deadlineMs: 50 })

  expect(end).toMatchObject({ state: 'failed', error: { code: 'timeout' } })
  expect(undone).toEqual(['it'])
})

test('a cancel goes on after a crash: done steps are passed, nothing new begins, the undos run', async () => {
  const file = stateFile()
  const begun = gate()
  const did: string[] = []
  const body: Body = async ({ step, undo, follow }) => {
    await step('look', async () => did.push('look'))
    undo('it', async () => void did.push('undo'))
    await follow('task', (signal) => {
      did.push('follow')
      begun.open()
      return untilAborted(signal)
    })
    return null
  }
  const first = await openTestRuns(file, { work: body })
  const { run } = await first.start(request('work'))
  await begun.opened
  let copy = ''
  first.watch(run.id, (view) => {
    if (view.state === 'cancelling') copy ||= crashCopy(file)
  })
  await first.cancel(run.id, mary)
  await first.finished(run.id)
  did.length = 0

  const again = await openTestRuns(copy, { work: body })

  expect(await again.finished(run.id)).toMatchObject({
    state: 'cancelled',
    error: { message: 'Cancelled by mary.' },
  })
  expect(did).toEqual(['undo'])
})

test.for<Point>(['failing.saved', 'undo.before', 'undo.after', 'undo.saved'])(
  'the undos go on after a crash at %s, with the error of before',
  async (point) => {
    const did: string[] = []
    let mood = 'the first error'
    const body: Body = async ({ step, undo }) => {
      undo('a', async () => void did.push('undo a'))
      await step('look', async () => did.push('look'))
      undo('b', async () => void did.push('undo b'))
      throw new HomelabError('failed', mood)
    }
    const { copy } = await crashAt(point, point === 'failing.saved' ? '' : 'b', body)
    did.length = 0
    mood = 'another error'

    const again = await openTestRuns(copy, { work: body })

    const [run] = await again.active()
    expect(await again.finished(run?.id ?? '')).toMatchObject({
      state: 'failed',
      error: { message: 'the first error' },
    })
    expect(did).toEqual(point === 'undo.saved' ? ['undo a'] : ['undo b', 'undo a'])
  },
)

test('what could not be undone before a crash is said at the end', async () => {
  const body: Body = async ({ undo }) => {
    undo('first', async () => {})
    undo('bad', () => Promise.reject(new HomelabError('conflict', 'Somebody else has it.')))
    throw new HomelabError('failed', 'No.')
  }
  const { copy } = await crashAt('undo.saved', 'bad', body)
  const runs = await openTestRuns(copy, { work: body })
  const [run] = await runs.active()
  expect(await runs.finished(run?.id ?? '')).toMatchObject({
    state: 'failed',
    error: { message: 'No. Not taken back: bad (Somebody else has it).' },
  })
})

test('nothing is undone after success, and an undo that hangs does not hold the run for ever', async () => {
  const undone: string[] = []
  const runs = await openTestRuns(stateFile(), {
    good: async ({ undo }) => {
      undo('it', async () => void undone.push('it'))
      return null
    },
    bad: async ({ undo }) => {
      undo('stuck', () => new Promise(() => {}))
      throw new HomelabError('failed', 'no')
    },
  })

  expect((await runToEnd(runs, 'good')).state).toBe('succeeded')
  expect(undone).toEqual([])
  const end = await runToEnd(runs, 'bad')
  expect(end).toMatchObject({
    state: 'failed',
    error: { message: 'no Not taken back: stuck (It was not done after 500 ms).' },
  })
  expect((await runs.log(end.id, 9)).map((line) => line.text)).toEqual([
    'could not undo stuck: It was not done after 500 ms.',
  ])
})

test('a shutdown leaves the run to be resumed, whatever the operation makes of the abort', async () => {
  const file = stateFile()
  const begun = gate()
  const first = await openTestRuns(file, {
    work: async ({ follow, undo }) => {
      undo('it', () => Promise.reject(new Error('must not be undone')))
      begun.open()
      return await follow('task', untilAborted).catch(() => 'swallowed')
    },
  })
  const { run } = await first.start(request('work'))
  await begun.opened

  await first.close()

  const again = await openTestRuns(file, { work: ({ follow }) => follow('task', async () => 'went on') })
  expect(await again.finished(run.id)).toMatchObject({ state: 'succeeded', result: 'went on' })
})

test('work that goes on after a shutdown disturbs nobody', async () => {
  const file = stateFile()
  const begun = gate()
  const door = gate()
  const late = gate()
  const first = await openTestRuns(file, {
    work: async ({ report, log, step }) => {
      begun.open()
      await door.opened
      report({ text: 'late' })
      log('late')
      await step('late', async () => null).catch(() => late.open())
      return 'too late'
    },
  })
  const { run } = await first.start(request('work'))
  await begun.opened
  await first.close()
  door.open()
  await late.opened

  const again = await openTestRuns(file, { work: async () => 'done again' })

  expect(await again.finished(run.id)).toMatchObject({ state: 'succeeded', result: 'done again' })
  expect(await again.log(run.id, 9)).toEqual([])
})

test('a run that is being undone can no longer be cancelled, after a restart neither', async () => {
  const file = stateFile()
  const undoing = gate()
  const body: Body = async ({ undo }) => {
    undo('slow', async () => {
      undoing.open()
      await new Promise((resolve) => setTimeout(resolve, 100))
    })
    throw new HomelabError('failed', 'no')
  }
  const first = await openTestRuns(file, { work: body })
  const { run } = await first.start(request('work'))
  await undoing.opened
  await expect(first.cancel(run.id, mary)).rejects.toThrow(`Run ${run.id} is already ending.`)

  const again = await openTestRuns(crashCopy(file), { work: body })

  await expect(again.cancel(run.id, mary)).rejects.toThrow(`Run ${run.id} is already ending.`)
  expect((await again.finished(run.id)).state).toBe('failed')
})
