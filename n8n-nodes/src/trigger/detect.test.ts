/** What one look after another tells of, and what it remembers in between. */
import type { Guest, Storage, Task } from '@homelab/core/proxmox'
import { describe, expect, it } from 'vitest'
import { staleBackups } from './backups.ts'
import { changedGuests } from './guests.ts'
import { fullStorages } from './storages.ts'
import { endedTasks, nodesWithGaps } from './tasks.ts'
import type { Found, TaskMemory } from './types.ts'

/** As n8n stores it between two looks. */
const stored = <T>(value: T): T => JSON.parse(JSON.stringify(value))

const guest = (vmid: number, status: Guest['status'], more: Partial<Guest> = {}): Guest => ({
  vmid,
  name: `ct${vmid}`,
  type: 'lxc',
  node: 'pve',
  status,
  template: false,
  tags: [],
  uptime: 0,
  cpu: 0,
  maxcpu: 1,
  mem: 0,
  maxmem: 1,
  disk: 0,
  maxdisk: 1,
  ...more,
})

describe('guests', () => {
  it('that change are told once, and none at the first look', () => {
    const first = changedGuests([guest(110, 'running'), guest(111, 'stopped')], undefined)
    expect(first.events).toEqual([])
    const second = changedGuests([guest(110, 'stopped'), guest(111, 'stopped')], stored(first.memory))
    expect(second.events).toMatchObject([
      { event: 'guestStateChanged', vmid: 110, from: 'running', to: 'stopped' },
    ])
    expect(changedGuests([guest(110, 'stopped')], stored(second.memory)).events).toEqual([])
  })

  it('of a node that does not answer have not stopped', () => {
    const first = changedGuests([guest(110, 'running')], undefined)
    const away = changedGuests([guest(110, 'unknown')], stored(first.memory))
    const back = changedGuests([guest(110, 'running')], stored(away.memory))
    expect([away.events, back.events]).toEqual([[], []])
    expect(changedGuests([guest(110, 'stopped')], stored(away.memory)).events).toHaveLength(1)
  })

  it('that are new or gone are not a change, and the gone are forgotten', () => {
    const first = changedGuests([guest(110, 'running')], undefined)
    const second = changedGuests(
      [guest(120, 'running'), guest(121, 'stopped', { template: true })],
      first.memory,
    )
    expect([second.events, second.memory]).toEqual([[], { 120: 'running' }])
  })
})

describe('tasks', () => {
  let count = 0
  const task = (endTime: number | undefined, more: Partial<Task> = {}): Task => ({
    upid: `UPID:${more.node ?? 'pve'}:${(++count).toString(16).padStart(8, '0')}:0:0:vzdump:110:root@pam:`,
    node: 'pve',
    type: 'vzdump',
    id: '110',
    user: 'root@pam',
    startTime: (endTime ?? 1_000) - 60,
    ...(endTime === undefined ? {} : { endTime, exitStatus: 'OK' }),
    ...more,
  })
  const look = (tasks: readonly Task[], before?: TaskMemory): Found<TaskMemory> =>
    endedTasks(tasks, before === undefined ? undefined : stored(before), 1_000_000)

  it('that end are told once each, in their order, and none of before the first look', () => {
    const old = [task(900_000), task(999_990)]
    const running = task(undefined)
    const first = look([...old, running])
    expect(first.events).toEqual([])
    const ended = { ...running, endTime: 1_000_030, exitStatus: 'job errors' }
    const next = task(1_000_020, { exitStatus: 'WARNINGS: 2' })
    const second = look([ended, ...old, next], first.memory)
    expect(second.events).toMatchObject([
      { event: 'taskFinished', upid: next.upid, outcome: 'warnings', vmid: 110 },
      { event: 'taskFailed', upid: running.upid, outcome: 'failed', exitStatus: 'job errors' },
    ])
    expect(look([ended, ...old, next], second.memory).events).toEqual([])
  })

  it('that the list shows late are still told', () => {
    const first = look([task(1_000_000)])
    const late = task(999_900)
    const second = look([task(1_000_100), late], first.memory)
    expect(second.events.map(({ upid }) => upid)).toContain(late.upid)
    // And of a node that was away: not what it did before the trigger began.
    const back = look([task(500_000, { node: 'pve2' }), task(1_000_050, { node: 'pve2' })], second.memory)
    expect(back.events).toMatchObject([{ node: 'pve2', endTime: new Date(1_000_050_000).toISOString() }])
  })

  it('may be more than the list shows: then the node is asked', () => {
    const first = look([task(1_000_000)])
    const fresh = [task(1_000_010), task(1_000_020)]
    expect(nodesWithGaps([...fresh, task(999_000)], first.memory)).toEqual([])
    expect(nodesWithGaps(fresh, first.memory)).toEqual(['pve'])
    expect(nodesWithGaps(fresh, undefined)).toEqual([])
  })

  it('are remembered in a bounded space', () => {
    let memory = look([task(1_000_000)]).memory
    for (let round = 1; round <= 30; round++)
      memory = look(
        Array.from({ length: 50 }, () => task(1_000_000 + round)),
        memory,
      ).memory
    expect(JSON.stringify(memory).length).toBeLessThan(60_000)
    expect(memory.nodes.pve?.seen).toHaveLength(500)
  })
})

describe('storages', () => {
  const storage = (used: number, more: Partial<Storage> = {}): Storage => ({
    storage: 'tank',
    node: 'pve',
    status: 'available',
    plugin: 'dir',
    shared: false,
    content: ['backup'],
    used,
    total: 100,
    ...more,
  })
  const threshold = { percent: 85, hysteresis: 5 }
  const run = (levels: readonly (number | 'away')[]): readonly number[] => {
    let memory: readonly string[] | undefined
    return levels.map((level) => {
      const found = fullStorages(
        [level === 'away' ? storage(0, { status: 'unknown', total: 0 }) : storage(level)],
        memory,
        threshold,
      )
      memory = stored(found.memory)
      return found.events.length
    })
  }

  it('that rise over the threshold are told once, until they fell well below it', () => {
    expect(run([50, 84, 85, 86, 84, 86, 81, 90, 79, 90])).toEqual([0, 0, 1, 0, 0, 0, 0, 0, 0, 1])
  })

  it('that are full at the first look, or away in between, are not told', () => {
    expect(run([95, 96])).toEqual([0, 0])
    expect(run([50, 90, 'away', 90])).toEqual([0, 1, 0, 0])
  })

  it('that several nodes share are one', () => {
    const shared = [1, 2, 3].map((n) => storage(90, { node: `pve${n}`, shared: true }))
    expect(fullStorages(shared, [], threshold).events).toHaveLength(1)
    const own = [1, 2].map((n) => storage(90, { node: `pve${n}` }))
    expect(fullStorages(own, [], threshold).events).toMatchObject([{ node: 'pve1' }, { node: 'pve2' }])
  })
})

describe('backups', () => {
  const hour = 3600
  const day = 24 * hour
  const start = 1_760_000_000
  const look = (
    at: number,
    newest: Readonly<Record<number, number>>,
    more: { readonly complete?: boolean; readonly guests?: readonly number[] } = {},
  ) => ({
    guests: (more.guests ?? [110, 111]).map((vmid) => guest(vmid, 'running')),
    newest: new Map(Object.entries(newest).map(([vmid, time]) => [Number(vmid), time])),
    complete: more.complete ?? true,
    now: at,
    maxAge: 26 * hour,
  })

  it('that become stale are told once, and again after a fresh one', () => {
    const first = staleBackups(look(start, { 110: start - hour, 111: start - 9 * day }), undefined)
    expect(first.events).toEqual([])
    const stale = staleBackups(
      look(start + 30 * hour, { 110: start - hour, 111: start - 9 * day }),
      first.memory,
    )
    expect(stale.events).toMatchObject([
      { event: 'backupStale', problem: 'stale', vmid: 110, ageHours: 31, maxAgeHours: 26 },
    ])
    const again = staleBackups(look(start + 31 * hour, { 110: start - hour }), stored(stale.memory))
    expect(again.events).toEqual([])
    const fresh = staleBackups(look(start + 32 * hour, { 110: start + 32 * hour }), stored(again.memory))
    const next = staleBackups(look(start + 60 * hour, { 110: start + 32 * hour }), stored(fresh.memory))
    expect([fresh.events, next.events.map(({ vmid }) => vmid)]).toEqual([[], [110]])
  })

  it('of a new guest are missed only after their time', () => {
    const first = staleBackups(look(start, {}, { guests: [110] }), undefined)
    const born = staleBackups(look(start + hour, {}, { guests: [110, 112] }), stored(first.memory))
    const later = staleBackups(look(start + 30 * hour, {}, { guests: [110, 112] }), stored(born.memory))
    expect([born.events, later.events]).toMatchObject([
      [],
      [{ vmid: 112, problem: 'missing', lastBackup: null }],
    ])
  })

  it('on a storage that does not answer are not missing, and grow old all the same', () => {
    const first = staleBackups(look(start, { 110: start, 111: start }), undefined)
    const away = staleBackups(look(start + hour, {}, { complete: false }), stored(first.memory))
    const old = staleBackups(look(start + 27 * hour, {}, { complete: false }), stored(away.memory))
    expect(away.events).toEqual([])
    expect(old.events).toMatchObject([{ problem: 'stale' }, { problem: 'stale' }])
  })
})
