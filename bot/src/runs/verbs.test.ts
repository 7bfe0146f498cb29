import { HomelabError, type Json, type Verbs } from '@homelab/core'
import { expect, test } from 'vitest'
import {
  type Body,
  crashAt,
  gate,
  openTestRuns,
  request,
  runToEnd,
  stateFile,
  untilAborted,
} from './runs.fixture.ts'

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
