import { HomelabError } from '@homelab/core'
import { expect, test } from 'vitest'
import { type Body, crashCopy, gate, openTestRuns, request, stateFile, untilAborted } from './runs.fixture.ts'

test('a run in whose step the process died too often is given up and undone', async () => {
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
  let runs = await openTestRuns(file, { work: body }, { maxDeaths: 5 })
  const { run } = await runs.start(request('work'))
  for (let crash = 0; crash < 5; crash += 1) {
    file = crashCopy(file)
    runs = await openTestRuns(file, { work: body }, { maxDeaths: 5 })
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
  const options = { timing: { undoMs: 60_000 }, maxDeaths: 5 }
  let runs = await openTestRuns(file, { work: body }, options)
  const { run } = await runs.start(request('work'))
  for (let crash = 0; crash < 9; crash += 1) {
    await begun.opened
    begun = gate()
    file = crashCopy(file)
    runs = await openTestRuns(file, { work: body }, options)
  }
  await begun.opened
  runs = await openTestRuns(crashCopy(file), { work: body }, options)

  expect(await runs.finished(run.id)).toMatchObject({ state: 'failed', error: { message: 'its own error' } })
})
