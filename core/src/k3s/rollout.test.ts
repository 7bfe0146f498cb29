import { expect, it } from 'vitest'
import { rolloutOf } from './rollout.ts'
import type { Workload } from './types.ts'

const workload = (more: Partial<Workload>): Workload => ({
  kind: 'deployment',
  namespace: 'media',
  name: 'jellyfin',
  generation: 3,
  observedGeneration: 3,
  wanted: 3,
  total: 3,
  updated: 3,
  available: 3,
  strategy: 'RollingUpdate',
  paused: false,
  partition: 0,
  selector: '',
  ...more,
})

it.each<[string, Partial<Workload>, object]>([
  ['all are new and can be used', {}, { state: 'done' }],
  // The status is whole, and of the template before.
  [
    'its controller has not seen the new template',
    { observedGeneration: 2 },
    { state: 'going', text: 'its controller has not begun', done: 0 },
  ],
  ['some are old', { updated: 1 }, { state: 'going', text: '1 of 3 made anew', done: 1, total: 3 }],
  ['an old one is still there', { total: 4 }, { state: 'going', text: '1 of the old ones still ends' }],
  ['a new one cannot be used yet', { available: 2 }, { state: 'going', text: '2 of 3 can be used', done: 2 }],
  [
    'Kubernetes has given it up',
    {
      updated: 1,
      progress: {
        status: 'False',
        reason: 'ProgressDeadlineExceeded',
        message: 'has timed out progressing.',
      },
    },
    { state: 'failed', why: 'has timed out progressing.' },
  ],
  [
    'it had given up the template before',
    { observedGeneration: 2, progress: { status: 'False', reason: 'ProgressDeadlineExceeded', message: '' } },
    { state: 'going' },
  ],
  [
    'a stateful set keeps those below its partition',
    { kind: 'statefulset', partition: 2, updated: 1 },
    { state: 'done' },
  ],
  [
    'a stateful set lacks one of the others',
    { kind: 'statefulset', partition: 1, updated: 1 },
    { state: 'going', text: '1 of 2 made anew' },
  ],
])('when %s', (_name, more, expected) => {
  expect(rolloutOf(workload(more))).toMatchObject(expected)
})
