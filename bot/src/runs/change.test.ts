import { HomelabError, TransportError } from '@homelab/core'
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
} from './runs.fixture.ts'
import type { Point } from './types.ts'

/** A peer that remembers what it was told to do, as tasks with ids. */
function peer() {
  const tasks: { id: string; at: number }[] = []
  let looks = 0
  return {
    tasks,
    looks: () => looks,
    act() {
      const id = `UPID-${tasks.length + 1}`
      tasks.push({ id, at: Date.now() })
      return id
    },
    find({ since, claimed }: { since: Date; claimed: (id: string) => boolean }) {
      looks += 1
      return tasks.find((task) => task.at >= since.getTime() && !claimed(task.id))?.id
    },
  }
}

const lostAnswer = () => new TransportError('The connection was cut.', true)

test('a change is sent once and its result kept', async () => {
  const pve = peer()
  const runs = await openTestRuns(stateFile(), {
    work: ({ change }) =>
      change('reboot', { act: async () => pve.act(), find: async (look) => pve.find(look) }),
  })

  expect(await runToEnd(runs, 'work')).toMatchObject({ state: 'succeeded', result: 'UPID-1' })
  expect(pve.tasks).toHaveLength(1)
  expect(pve.looks()).toBe(0)
})

test.for<[Point, { acts: number; looked: boolean }]>([
  ['intent.before', { acts: 2, looked: false }],
  ['intent.saved', { acts: 2, looked: true }],
  ['act.after', { acts: 1, looked: true }],
  ['change.saved', { acts: 1, looked: false }],
])('after a crash at %s the change is made once', async ([point, { acts, looked }]) => {
  const file = stateFile()
  const pve = peer()
  let copy = ''
  const body: Body = ({ change }) =>
    change('reboot', { act: async () => pve.act(), find: async (look) => pve.find(look) })
  const first = await openTestRuns(
    file,
    { work: body },
    {
      probe: (at) => {
        if (at !== point || copy !== '') return
        copy = crashCopy(file)
      },
    },
  )
  const { run } = await first.start(request('work'))
  await first.finished(run.id)
  // At a crash before the act, the peer would not have heard of it.
  if (acts === 2) pve.tasks.length = 0

  const again = await openTestRuns(copy, { work: body })

  expect(await again.finished(run.id)).toMatchObject({ state: 'succeeded', result: 'UPID-1' })
  expect(pve.tasks).toHaveLength(1)
  expect(pve.looks() > 0).toBe(looked)
})

test('a change that shows late after a crash is found, not repeated', async () => {
  const file = stateFile()
  const pve = peer()
  let copy = ''
  let visibleAt = 0
  const body: Body = ({ change }) =>
    change('reboot', {
      act: async () => pve.act(),
      find: async (look) => (Date.now() < visibleAt ? undefined : pve.find(look)),
    })
  const first = await openTestRuns(
    file,
    { work: body },
    {
      probe: (at) => {
        if (at === 'act.after') copy = crashCopy(file)
      },
    },
  )
  const { run } = await first.start(request('work'))
  await first.finished(run.id)
  visibleAt = Date.now() + 700

  const again = await openTestRuns(copy, { work: body }, { timing: { settleMs: 1_500 } })

  expect(await again.finished(run.id)).toMatchObject({ state: 'succeeded', result: 'UPID-1' })
  expect(pve.tasks).toHaveLength(1)
})

test('a peer that does not answer after a crash is asked until it does', async () => {
  const file = stateFile()
  const pve = peer()
  let copy = ''
  let refusals = 0
  const body: Body = ({ change }) =>
    change('reboot', {
      act: async () => pve.act(),
      find: async (look) => {
        refusals += 1
        if (refusals <= 2) throw new TransportError('Connection refused.', false)
        return pve.find(look)
      },
    })
  const first = await openTestRuns(
    file,
    { work: body },
    {
      probe: (at) => {
        if (at === 'act.after') copy = crashCopy(file)
      },
    },
  )
  const { run } = await first.start(request('work'))
  await first.finished(run.id)

  const again = await openTestRuns(copy, { work: body })

  expect(await again.finished(run.id)).toMatchObject({ state: 'succeeded', result: 'UPID-1' })
  expect(pve.tasks).toHaveLength(1)
})

test('an answer that is lost is looked for; what was made is found', async () => {
  const pve = peer()
  const runs = await openTestRuns(stateFile(), {
    work: ({ change }) =>
      change<string>('reboot', {
        act: async () => {
          pve.act()
          throw lostAnswer()
        },
        find: async (look) => pve.find(look),
      }),
  })

  expect(await runToEnd(runs, 'work')).toMatchObject({ state: 'succeeded', result: 'UPID-1' })
  expect(pve.tasks).toHaveLength(1)
})

test('an answer that is lost and leaves no trace fails as unclear and is not repeated, a crash in between included', async () => {
  const file = stateFile()
  let acts = 0
  let copy = ''
  const body: Body = ({ change }) =>
    change('reboot', {
      act: async () => {
        acts += 1
        throw lostAnswer()
      },
      find: async () => {
        copy ||= crashCopy(file)
        return undefined
      },
    })
  const runs = await openTestRuns(file, { work: body })

  const end = await runToEnd(runs, 'work')

  expect(end).toMatchObject({ state: 'failed', error: { code: 'unclear' } })
  expect(end.error?.hint).toContain('not repeated')
  const again = await openTestRuns(copy, { work: body })
  expect(await again.finished(end.id)).toMatchObject({ state: 'failed', error: { code: 'unclear' } })
  expect(acts).toBe(1)
})

test('a definite failure is a failure: nothing is looked for', async () => {
  const runs = await openTestRuns(stateFile(), {
    refused: ({ change }) =>
      change('reboot', {
        act: () => Promise.reject(new HomelabError('locked', 'CT 110 is locked (backup)')),
        find: () => Promise.reject(new Error('must not be asked')),
      }),
    unsent: ({ change }) =>
      change('reboot', {
        act: () => Promise.reject(new TransportError('No route to host.', false)),
        find: () => Promise.reject(new Error('must not be asked')),
      }),
  })

  expect((await runToEnd(runs, 'refused')).error).toMatchObject({ code: 'locked' })
  expect((await runToEnd(runs, 'unsent')).error).toMatchObject({ code: 'unreachable' })
})

test('two runs whose answers were lost never take one task for both', async () => {
  const pve = peer()
  const both = gate()
  const runs = await openTestRuns(stateFile(), {
    work: ({ change }) =>
      change<string>('reboot', {
        act: async () => {
          pve.act()
          if (pve.tasks.length === 2) both.open()
          await both.opened
          throw lostAnswer()
        },
        find: async (look) => {
          const found = pve.find({ since: new Date(0), claimed: look.claimed })
          await new Promise((resolve) => setImmediate(resolve))
          return found
        },
      }),
  })

  const ends = await Promise.all([runToEnd(runs, 'work'), runToEnd(runs, 'work')])

  expect(ends.map((end) => end.state)).toEqual(['succeeded', 'succeeded'])
  expect(new Set(ends.map((end) => end.result))).toEqual(new Set(['UPID-1', 'UPID-2']))
})

test('a change is not cut short by a cancel: its result is saved first, then it is undone', async () => {
  const pve = peer()
  const begun = gate()
  const answer = gate()
  const undone: string[] = []
  const runs = await openTestRuns(stateFile(), {
    work: async ({ change, undo, step }) => {
      undo('reboot', async () => void undone.push('reboot'))
      const upid = await change('reboot', {
        act: async () => {
          begun.open()
          await answer.opened
          return pve.act()
        },
        find: async (look) => pve.find(look),
      })
      return await step('never', async () => upid)
    },
  })
  const { run } = await runs.start(request('work'))
  await begun.opened
  await runs.cancel(run.id, mary)
  expect(undone).toEqual([])

  answer.open()

  expect((await runs.finished(run.id)).state).toBe('cancelled')
  expect(pve.tasks).toHaveLength(1)
  expect(undone).toEqual(['reboot'])
})

test('a change that a cancel cut short after it was sent is looked for', async () => {
  const pve = peer()
  const begun = gate()
  const runs = await openTestRuns(stateFile(), {
    work: ({ change, signal }) =>
      change('reboot', {
        act: () =>
          new Promise<string>((_resolve, reject) => {
            pve.act()
            begun.open()
            signal.addEventListener('abort', () => reject(signal.reason as Error))
          }),
        find: async (look) => pve.find(look),
      }),
  })
  const { run } = await runs.start(request('work'))
  await begun.opened
  await runs.cancel(run.id, mary)

  // Everything was done when the cancel came: that is what the run says.
  expect(await runs.finished(run.id)).toMatchObject({ state: 'succeeded', result: 'UPID-1' })
  expect(pve.looks()).toBe(1)
})
