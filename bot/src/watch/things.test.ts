import type { Guest, Overview } from '@homelab/core'
import type { Task } from '@homelab/core/proxmox'
import { expect, test } from 'vitest'
import { type Lookout, stoppedBySomebody, thingsOf } from './things.ts'

const guest = (change: Partial<Guest> = {}): Guest => ({
  vmid: 110,
  name: 'plex',
  type: 'lxc',
  node: 'pve',
  status: 'stopped',
  template: false,
  tags: [],
  uptime: 0,
  cpu: 0,
  maxcpu: 1,
  mem: 0,
  maxmem: 1,
  disk: 0,
  maxdisk: 1,
  ...change,
})

const task = (type: string, startTime: number, change: Partial<Task> = {}): Task => ({
  upid: `UPID:pve:${type}:${startTime}`,
  node: 'pve',
  type,
  id: '110',
  user: 'root@pam',
  startTime,
  endTime: startTime + 5,
  exitStatus: 'OK',
  ...change,
})

type Node = Overview['nodes'][number]

function stateOf(of: Guest, more: Partial<Lookout> = {}, node: Partial<Node> = {}): string | undefined {
  const pve: Node = {
    node: 'pve',
    status: 'online',
    cpu: 0,
    maxcpu: 8,
    mem: 1,
    maxmem: 2,
    disk: 1,
    maxdisk: 2,
    uptime: 86_400,
    ...node,
  }
  const overview: Overview = { at: '', nodes: [pve], guests: [of], storages: [], filtered: false }
  const target = { name: of.name, guest: of, dependents: [] }
  const rows = [{ name: of.name, stack: 'media', target }]
  const none = new Set<number>()
  const things = thingsOf({ overview, rows, tasks: [], busy: none, stopped: none, ...more })
  return things.find(({ kind }) => kind === 'guest')?.state
}

test('a guest that does not run is down, unless somebody is at it or wanted it so', () => {
  const plex = new Set([110])
  const { exitStatus: _status, endTime: _end, ...running } = task('vzreboot', 100)

  expect(stateOf(guest({ status: 'running' }))).toBe('up')
  expect(stateOf(guest())).toBe('down')
  expect(stateOf(guest({ status: 'paused' }))).toBe('down')
  expect(stateOf(guest({ status: 'unknown' }))).toBe('unclear')
  expect(stateOf(guest({ template: true }))).toBeUndefined()
  expect(stateOf(guest({ lock: 'backup' }))).toBe('unclear')
  expect(stateOf(guest(), { busy: plex })).toBe('unclear')
  expect(stateOf(guest(), { stopped: plex })).toBe('off')
  expect(stateOf(guest({ status: 'running' }), { stopped: plex })).toBe('unclear')
  expect(stateOf(guest(), { tasks: [running] })).toBe('unclear')
  expect(stateOf(guest(), { tasks: [task('vzshutdown', 100)] })).toBe('off')
  expect(stateOf(guest(), { tasks: [task('vzshutdown', 100, { id: '111' })] })).toBe('down')
})

test('what stands on a node is not judged while the node is offline or has just booted', () => {
  expect(stateOf(guest(), {}, { status: 'offline' })).toBe('unclear')
  expect(stateOf(guest(), {}, { uptime: 60 })).toBe('unclear')
  // A token that may not see the node still sees its guests.
  expect(stateOf(guest(), {}, { status: 'unknown', uptime: 0 })).toBe('down')
})

test.each<readonly [string, readonly Task[], boolean]>([
  ['nothing', [], false],
  ['a stop', [task('vzstop', 10)], true],
  ['a VM that was shut down', [task('qmshutdown', 10)], true],
  ['HA that was told to stop it', [task('hastop', 10)], true],
  ['a stop with warnings', [task('vzstop', 10, { exitStatus: 'WARNINGS: 1' })], true],
  ['a stop that failed', [task('vzstop', 10, { exitStatus: 'got timeout' })], false],
  ['a start after a stop', [task('vzstop', 10), task('vzstart', 20)], false],
  ['a stop after a start', [task('vzstart', 10), task('vzstop', 20)], true],
  ['a start that failed after a stop', [task('vzstop', 10), task('vzstart', 20, { exitStatus: 'no' })], true],
  ['a backup after a stop', [task('vzstop', 10), task('vzdump', 20)], true],
  ['a reboot', [task('vzreboot', 10)], false],
])('%s: on purpose %s', (_name, own, purpose) => {
  expect(stoppedBySomebody(own, own)).toBe(purpose)
})

test('the shutdown of a node is nobody’s wish for its guests', () => {
  const own = [task('vzshutdown', 105)]
  const during = task('stopall', 100, { id: '', endTime: 130 })

  expect(stoppedBySomebody(own, [...own, during])).toBe(false)
  expect(stoppedBySomebody(own, [...own, { ...during, node: 'pve2' }])).toBe(true)
  expect(stoppedBySomebody(own, [...own, { ...during, startTime: 50, endTime: 60 }])).toBe(true)
})
