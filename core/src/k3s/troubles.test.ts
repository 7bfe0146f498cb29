import { describe, expect, it } from 'vitest'
import { nodeTrouble, podTrouble, workloadTrouble } from './troubles.ts'
import type { ClusterNode, Pod, PodContainer, Workload } from './types.ts'

const now = new Date('2026-11-26T12:00:00Z')
const ago = (minutes: number): string => new Date(now.getTime() - minutes * 60_000).toISOString()

const container = (more: Partial<PodContainer> = {}): PodContainer => ({
  name: 'app',
  init: false,
  image: 'jellyfin/jellyfin:10.11',
  ready: true,
  restarts: 0,
  state: 'running',
  ...more,
})
const pod = (more: Partial<Pod> = {}, ...containers: Partial<PodContainer>[]): Pod => ({
  namespace: 'media',
  name: 'jellyfin-5d9c-x',
  phase: 'Running',
  ready: false,
  readySince: ago(30),
  createdAt: ago(60),
  containers: (containers.length === 0 ? [{}] : containers).map(container),
  ...more,
})
const deployment = (more: Partial<Workload> = {}): Workload => ({
  kind: 'deployment',
  namespace: 'media',
  name: 'jellyfin',
  generation: 2,
  observedGeneration: 2,
  wanted: 2,
  total: 2,
  updated: 2,
  available: 2,
  strategy: 'RollingUpdate',
  paused: false,
  partition: 0,
  selector: 'app=jellyfin',
  ...more,
})

describe('a pod', () => {
  it.each<[string, Pod, object | undefined]>([
    ['that is ready', pod({ ready: true }), undefined],
    ['that has done its work', pod({ phase: 'Succeeded' }), undefined],
    [
      'that crashes again and again',
      pod(
        {},
        {
          ready: false,
          state: 'waiting',
          reason: 'CrashLoopBackOff',
          message: 'back-off 5m0s restarting failed container',
          restarts: 14,
          last: { reason: 'OOMKilled', exitCode: 137, at: ago(3) },
        },
      ),
      {
        problem: 'CrashLoopBackOff',
        detail: '14 restarts, last exit 137 (OOMKilled)',
        container: 'app',
        since: ago(30),
        starting: false,
      },
    ],
    [
      'whose image cannot be had',
      pod(
        { phase: 'Pending' },
        { ready: false, state: 'waiting', reason: 'ImagePullBackOff', message: 'Back-off pulling\n image' },
      ),
      {
        problem: 'ImagePullBackOff',
        detail: 'jellyfin/jellyfin:10.11, Back-off pulling image',
        starting: false,
      },
    ],
    [
      'whose configuration lacks a secret',
      pod(
        { phase: 'Pending' },
        {
          ready: false,
          state: 'waiting',
          reason: 'CreateContainerConfigError',
          message: 'secret "db" not found',
        },
      ),
      { problem: 'CreateContainerConfigError', detail: 'secret "db" not found' },
    ],
    [
      'that no node takes',
      pod({
        phase: 'Pending',
        unschedulable: '0/1 nodes are available: 1 Insufficient memory.',
        containers: [],
      }),
      { problem: 'Pending', detail: '0/1 nodes are available: 1 Insufficient memory.', starting: false },
    ],
    [
      'that ran out of memory and runs again',
      pod({ ready: true }, { restarts: 1, last: { reason: 'OOMKilled', exitCode: 137, at: ago(10) } }),
      {
        problem: 'OOMKilled',
        detail: 'it ran out of memory and was started again, 1 restart',
        since: ago(10),
      },
    ],
    [
      'that did so yesterday',
      pod({ ready: true }, { restarts: 1, last: { reason: 'OOMKilled', exitCode: 137, at: ago(1500) } }),
      undefined,
    ],
    [
      'whose init container fails',
      pod(
        { phase: 'Pending' },
        {
          name: 'migrate',
          init: true,
          ready: false,
          state: 'waiting',
          reason: 'CrashLoopBackOff',
          restarts: 2,
          last: { exitCode: 1, reason: 'Error' },
        },
        { ready: false, state: 'waiting', reason: 'PodInitializing' },
      ),
      { problem: 'init: CrashLoopBackOff', container: 'migrate', detail: '2 restarts, last exit 1 (Error)' },
    ],
    [
      'whose image is pulled just now',
      pod(
        { phase: 'Pending', createdAt: ago(1) },
        { ready: false, state: 'waiting', reason: 'ContainerCreating' },
      ),
      { problem: 'ContainerCreating', starting: true },
    ],
    [
      'that does not get beyond that',
      pod(
        { phase: 'Pending', createdAt: ago(20) },
        { ready: false, state: 'waiting', reason: 'ContainerCreating' },
      ),
      { problem: 'ContainerCreating', starting: false },
    ],
    [
      'that was ready a minute ago',
      pod({ readySince: ago(1) }, { ready: false }),
      { problem: 'not ready', starting: true },
    ],
    [
      'that is not ready for long',
      pod({}, { ready: false }),
      { problem: 'not ready', detail: 'app does not pass its check', since: ago(30), starting: false },
    ],
    [
      'that was evicted',
      pod({ phase: 'Failed', reason: 'Evicted', message: 'The node was low on resource: memory.' }),
      { problem: 'Evicted', detail: 'The node was low on resource: memory.' },
    ],
    ['that failed days ago', pod({ phase: 'Failed', readySince: ago(3000) }), undefined],
    ['that ends in order', pod({ endsBy: ago(0) }), undefined],
    ['that cannot be ended', pod({ endsBy: ago(9) }), { problem: 'cannot be ended', since: ago(9) }],
    [
      'that ended with an error',
      pod({}, { ready: false, state: 'terminated', reason: 'Error', exitCode: 2, restarts: 3 }),
      { problem: 'Error', detail: 'last exit 2 (Error), 3 restarts' },
    ],
    [
      'of a node that is gone',
      pod({ phase: 'Unknown', node: 'pi', containers: [] }),
      { problem: 'not heard of', detail: 'its node pi does not answer' },
    ],
  ])('%s', (_name, given, expected) => {
    const trouble = podTrouble(given, now)
    if (expected === undefined) expect(trouble).toBeUndefined()
    else expect(trouble).toMatchObject(expected)
  })
})

describe('a deployment', () => {
  it.each<[string, Workload, object | undefined]>([
    ['that has all', deployment(), undefined],
    ['that is to have none', deployment({ wanted: 0, total: 0, updated: 0, available: 0 }), undefined],
    [
      'that is short of one',
      deployment({
        available: 1,
        progress: { status: 'True', reason: 'NewReplicaSetAvailable', message: '' },
      }),
      { problem: '1 of 2 available', starting: false },
    ],
    [
      'between two templates',
      deployment({ updated: 1, available: 1 }),
      { problem: '1 of 2 available', detail: 'rolling out: 1 of 2 made anew', starting: true },
    ],
    [
      'whose new pods begin',
      deployment({ available: 1, progress: { status: 'True', reason: 'ReplicaSetUpdated', message: '' } }),
      { starting: true },
    ],
    [
      'that was given up',
      deployment({
        progress: {
          status: 'False',
          reason: 'ProgressDeadlineExceeded',
          message: 'has timed out progressing.',
          since: ago(5),
        },
      }),
      { problem: 'roll-out given up', detail: 'has timed out progressing.', since: ago(5), starting: false },
    ],
  ])('%s', (_name, given, expected) => {
    const trouble = workloadTrouble(given)
    if (expected === undefined) expect(trouble).toBeUndefined()
    else expect(trouble).toMatchObject(expected)
  })
})

describe('a node', () => {
  const node = (more: Partial<ClusterNode>): ClusterNode => ({
    name: 'k3s',
    ready: 'True',
    version: 'v1.34.2+k3s1',
    roles: [],
    pressures: [],
    cordoned: false,
    ...more,
  })
  it('is well when it is cordoned: somebody wants that', () => {
    expect(nodeTrouble(node({ cordoned: true }))).toBeUndefined()
  })
  it('is not well under pressure, not ready, or not heard of', () => {
    expect(nodeTrouble(node({ pressures: ['DiskPressure', 'PIDPressure'] }))?.problem).toBe(
      'DiskPressure, PIDPressure',
    )
    expect(
      nodeTrouble(node({ ready: 'False', reason: 'container runtime is down', since: ago(4) })),
    ).toMatchObject({
      problem: 'not ready',
      detail: 'container runtime is down',
      since: ago(4),
    })
    expect(nodeTrouble(node({ ready: 'Unknown' }))?.problem).toBe('not heard of')
  })
})
