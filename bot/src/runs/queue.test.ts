import { expect, test } from 'vitest'
import { nextRuns, type Queued } from './queue.ts'

const run = (id: string, locks: string[], started = false): Queued => ({ id, locks, started })

test('a run waits for the first unfinished run that wants one of its locks', () => {
  const { go, waiting } = nextRuns(
    [run('a', ['plex'], true), run('b', ['radarr', 'plex']), run('c', ['sonarr'])],
    9,
  )

  expect(go).toEqual(['c'])
  expect(waiting).toEqual(new Map([['b', { lock: 'plex', run: 'a' }]]))
})

test('nobody is overtaken: a later run waits behind one that waits itself', () => {
  const { go, waiting } = nextRuns([run('a', ['x'], true), run('b', ['x', 'y']), run('c', ['y'])], 9)

  expect(go).toEqual([])
  expect(waiting.get('c')).toEqual({ lock: 'y', run: 'b' })
})

test('two runs that want the same locks in another order do not block each other for ever', () => {
  expect(nextRuns([run('a', ['x', 'y']), run('b', ['y', 'x'])], 9).go).toEqual(['a'])
  expect(nextRuns([run('b', ['y', 'x'])], 9).go).toEqual(['b'])
})

test('no more go than there are free slots, and started ones keep theirs', () => {
  expect(nextRuns([run('a', []), run('b', [], true), run('c', [])], 2).go).toEqual(['a'])
  expect(nextRuns([run('a', [], true), run('b', [], true), run('c', [])], 1).go).toEqual([])
})

test('in 500 random mixes of locks no two runs hold one lock, and all come to their turn in bounded rounds', () => {
  let seed = 7
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed % below
  }
  for (let mix = 0; mix < 500; mix += 1) {
    let left = Array.from({ length: 12 }, (_, index) =>
      run(`r${index}`, [...new Set(Array.from({ length: 1 + random(3) }, () => `lock${random(4)}`))]),
    )
    let rounds = 0
    while (left.length > 0 && rounds <= 12) {
      rounds += 1
      const { go } = nextRuns(left, 4)
      const held = left.filter((one) => go.includes(one.id)).flatMap((one) => one.locks)
      expect(new Set(held).size).toBe(held.length)
      left = left.filter((one) => !go.includes(one.id))
    }
    expect(left).toEqual([])
  }
})

test('lets those that share a lock run side by side, and nobody beside who wants it alone', () => {
  const run = (id: string, lock: string, started = false) => ({ id, locks: [lock], started })
  const [backup, drill, prune, late] = [
    run('backup', 'repository/b2 (shared)', true),
    run('drill', 'repository/b2 (shared)'),
    run('prune', 'repository/b2'),
    run('late', 'repository/b2 (shared)'),
  ]
  const { go, waiting } = nextRuns([backup, drill, prune, late], 10)
  expect(go).toEqual(['drill'])
  // The later one does not overtake: it would starve who wants it alone.
  expect([...waiting]).toEqual([
    ['prune', { lock: 'repository/b2', run: 'backup' }],
    ['late', { lock: 'repository/b2', run: 'prune' }],
  ])
})
