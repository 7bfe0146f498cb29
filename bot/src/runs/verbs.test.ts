import { HomelabError, type Json, type Verbs } from '@homelab/core'
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
import type { Point } from './types.ts'

/** Runs one body, and leaves a copy of its state file as a crash at that point would. */
async function crashAt(point: Point, name: string, body: Body) {
  const file = stateFile()
  const copies: string[] = []
  const runs = await openTestRuns(
    file,
    { work: body },
    { probe: (at, _run, of) => at === point && of === name && copies.push(crashCopy(file)) },
  )
  const end = await runToEnd(runs, 'work')
  const [copy] = copies
  if (copy === undefined) throw new Error(`the run never came to ${point} of ${name}`)
  return { copy, end }
}

test('a step that is done is not done again after a crash, and its result is the same', async () => {
  const done: string[] = []
  const body: Body = async ({ step }) => {
    const first = await step('first', async () => ({ n: done.push('first') }))
    const second = await step('second', async () => done.push('second'))
    return { first, second }
  }
  const { copy } = await crashAt('step.saved', 'first', body)
  done.length = 0

  const again = await openTestRuns(copy, { work: body })

  const [run] = await again.active()
  expect(await again.finished(run?.id ?? '')).toMatchObject({ result: { first: { n: 1 }, second: 1 } })
  expect(done).toEqual(['second'])
})

test('a step sees the same value live as after a replay: plain JSON', async () => {
  const runs = await openTestRuns(stateFile(), {
    work: async ({ step }) =>
      await step('look', async () => ({ at: new Date(0), gone: undefined }) as unknown as Json),
  })

  expect((await runToEnd(runs, 'work')).result).toEqual({ at: '1970-01-01T00:00:00.000Z' })
})

test('a step that throws is tried once; what the operation makes of it holds after a crash', async () => {
  let tries = 0
  const body: Body = async ({ step }) => {
    try {
      return await step('look', async () => {
        tries += 1
        throw new HomelabError('locked', 'CT 110 is locked', { hint: 'wait', data: { vmid: 110 } })
      })
    } catch (error) {
      const { code, hint, data, message } = error as HomelabError
      return await step(
        'after',
        async () => ({ code, message, hint: hint ?? null, data: { ...data } }) as Json,
      )
    }
  }
  const expected = { code: 'locked', message: 'CT 110 is locked', hint: 'wait', data: { vmid: 110 } }

  const { copy, end } = await crashAt('step.before', 'after', body)

  expect(end).toMatchObject({ state: 'succeeded', result: expected })
  const again = await openTestRuns(copy, { work: body })
  const [run] = await again.active()
  expect(await again.finished(run?.id ?? '')).toMatchObject({ state: 'succeeded', result: expected })
  expect(tries).toBe(1)
})

test('an error that nobody catches fails the run, with code, hint and data; another kind is a bug', async () => {
  const runs = await openTestRuns(stateFile(), {
    known: async () => {
      throw new HomelabError('not-found', 'No guest 999', { hint: 'guest list', data: { vmid: 999 } })
    },
    bug: ({ step }) => step('look', () => Promise.reject(new TypeError('x is undefined'))),
  })

  expect(await runToEnd(runs, 'known')).toMatchObject({
    state: 'failed',
    error: { code: 'not-found', message: 'No guest 999', hint: 'guest list', data: { vmid: 999 } },
  })
  expect(await runToEnd(runs, 'bug')).toMatchObject({
    state: 'failed',
    error: { code: 'bug', message: 'x is undefined' },
  })
})

test('a name used twice, and a verb after the end, are refused', async () => {
  let late: Verbs | undefined
  const runs = await openTestRuns(stateFile(), {
    twice: async ({ step, follow }) => {
      await step('a', async () => null)
      return await follow('a', async () => null)
    },
    late: async (verbs) => {
      late = verbs
      return null
    },
  })

  expect((await runToEnd(runs, 'twice')).error?.message).toBe('The step name "a" is used twice.')
  await runToEnd(runs, 'late')
  await expect(late?.step('b', async () => 1)).rejects.toThrow('"b" was called after its run had ended.')
  expect(() => late?.undo('c', async () => {})).toThrow('after its run had ended')
})

test('when one of several steps fails the others are stopped and waited for before anything is undone', async () => {
  const order: string[] = []
  const runs = await openTestRuns(stateFile(), {
    work: async ({ step, follow, undo }) => {
      undo('all', async () => void order.push('undone'))
      await Promise.all([
        follow('long', async (signal) => {
          await untilAborted(signal).catch(() => {})
          await new Promise((resolve) => setTimeout(resolve, 30))
          order.push('stopped')
          return null
        }),
        step('bad', () => Promise.reject(new HomelabError('failed', 'no'))),
      ])
      return null
    },
  })

  expect(await runToEnd(runs, 'work')).toMatchObject({ state: 'failed', error: { message: 'no' } })
  expect(order).toEqual(['stopped', 'undone'])
})

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
    error: { code: 'cancelled', message: 'Cancelled by mary.' },
  })
  expect(order).toEqual(['second', 'first'])
  expect(states).toEqual(['running', 'cancelling', 'cancelled'])
  expect((await runs.log(run.id, 9)).map((line) => line.text)).toEqual([
    'undone: second',
    'could not undo bad: cannot',
    'undone: first',
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
  expect(end).toMatchObject({ state: 'failed', error: { message: 'no' } })
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

test('what was reported and logged before a crash is not said again on the way back', async () => {
  const file = stateFile()
  let begun = gate()
  const body: Body = async ({ step, log, report, follow }) => {
    log('looking')
    report({ text: 'looking' })
    await step('look', async () => null)
    log('following')
    report({ text: 'following' })
    begun.open()
    return await follow('task', untilAborted)
  }
  const first = await openTestRuns(file, { work: body })
  const { run } = await first.start(request('work'))
  await begun.opened
  await first.close()
  begun = gate()

  const again = await openTestRuns(file, { work: body })

  await begun.opened
  expect((await again.get(run.id))?.progress).toEqual({ text: 'following' })
  expect((await again.log(run.id, 9)).map((line) => line.text)).toEqual(['looking', 'following'])
})

test('a run in whose step the process died five times is given up and undone', async () => {
  let file = stateFile()
  const undone: string[] = []
  let died = 0
  const body: Body = async ({ undo, follow }) => {
    undo('it', async () => void undone.push('it'))
    return await follow('killer', async (signal) => {
      died += 1
      return await untilAborted(signal)
    })
  }
  let runs = await openTestRuns(file, { work: body })
  const { run } = await runs.start(request('work'))
  for (let crash = 0; crash < 5; crash += 1) {
    file = crashCopy(file)
    runs = await openTestRuns(file, { work: body })
  }

  const end = await runs.finished(run.id)

  expect(end).toMatchObject({ state: 'failed', error: { code: 'bug' } })
  expect(end.error?.message).toContain('died 5 times')
  expect(died).toBe(5)
  expect(undone).toEqual(['it'])
})

test('an orderly restart is no death', async () => {
  const file = stateFile()
  let calls = 0
  for (let restart = 0; restart < 8; restart += 1) {
    const begun = gate()
    const runs = await openTestRuns(file, {
      work: ({ follow }) =>
        follow('long', (signal) => {
          calls += 1
          begun.open()
          return untilAborted(signal)
        }),
    })
    if (restart === 0) await runs.start(request('work'))
    await begun.opened
    await runs.close()
  }

  expect(calls).toBe(8)
})

test('a crash in each of eight steps is no crash loop', async () => {
  let file = stateFile()
  let life = 0
  let begun = gate()
  const body: Body = async ({ follow }) => {
    for (let part = 0; part < 8; part += 1) {
      await follow(`part ${part}`, async (signal) => {
        if (part < life) return null
        begun.open()
        return await untilAborted(signal)
      })
    }
    return 'done'
  }
  let runs = await openTestRuns(file, { work: body })
  const { run } = await runs.start(request('work'))
  while (life < 8) {
    await begun.opened
    begun = gate()
    life += 1
    file = crashCopy(file)
    runs = await openTestRuns(file, { work: body })
  }

  expect(await runs.finished(run.id)).toMatchObject({ state: 'succeeded', result: 'done' })
})

test('an undo that ends the process is given up in the end, and the run fails with its own error', async () => {
  let file = stateFile()
  let begun = gate()
  const body: Body = async ({ undo }) => {
    undo('killer', () => {
      begun.open()
      return new Promise(() => {})
    })
    throw new HomelabError('failed', 'its own error')
  }
  const timing = { undoMs: 60_000 }
  let runs = await openTestRuns(file, { work: body }, { timing })
  const { run } = await runs.start(request('work'))
  for (let crash = 0; crash < 9; crash += 1) {
    await begun.opened
    begun = gate()
    file = crashCopy(file)
    runs = await openTestRuns(file, { work: body }, { timing })
  }
  await begun.opened
  runs = await openTestRuns(crashCopy(file), { work: body }, { timing })

  expect(await runs.finished(run.id)).toMatchObject({ state: 'failed', error: { message: 'its own error' } })
})

test('a run goes on only when the caller has what it opened', async () => {
  const file = stateFile()
  const first = await openTestRuns(file, { work: ({ follow }) => follow('task', untilAborted) })
  const { run } = await first.start(request('work'))
  await first.close()
  let opened = false

  const again = await openTestRuns(file, { work: async () => opened })
  opened = true

  expect(await again.finished(run.id)).toMatchObject({ result: true })
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
