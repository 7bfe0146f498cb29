import { describe, expect, it } from 'vitest'
import {
  acceptedTags,
  allOf,
  evidenceIn,
  type FailureNote,
  failedDrillTags,
  lookedTags,
  openFailure,
  openPaths,
  type Proven,
  shrunk,
  unsolved,
} from './proofs.ts'
import type { Snapshot } from './restic/restic.ts'

let made = 0
const day = (number: number) => new Date(Date.UTC(2026, 10, number)).toISOString()
const snapshot = (time: string, tags: readonly string[]): Snapshot => {
  made += 1
  return { id: made.toString(16).padStart(64, '0'), time, hostname: 'pve', paths: ['/x'], tags: [...tags] }
}
/** A snapshot and its proof. */
function saved(on: number, bytes: number, { short = false } = {}): readonly Snapshot[] {
  const data = snapshot(day(on), ['plan=photos', `run=r${on}`])
  // As 0.14 says it.
  const of = short ? data.id.slice(-8) : data.id
  const id = short ? data.id.slice(-8) + data.id.slice(8) : data.id
  const proof = snapshot(day(on), [
    'proof',
    'plan=photos',
    `run=r${on}`,
    `of=${of}`,
    'files=3',
    `bytes=${bytes}`,
  ])
  return [{ ...data, id }, proof]
}
const lessOf = (all: readonly Snapshot[], limit = 30) =>
  shrunk(evidenceIn(all, 'photos'), limit, new Date(day(20)))

it('counts a snapshot with its proof only, by a short id too, and not by one of another run', () => {
  const alone = snapshot(day(3), ['plan=photos', 'run=r3'])
  const foreign = snapshot(day(3), ['proof', 'plan=photos', 'run=r9', `of=${alone.id}`, 'files=1', 'bytes=1'])
  const { proven, pending, orphans } = evidenceIn(
    [...saved(1, 100), ...saved(2, 100, { short: true }), alone, foreign],
    'photos',
  )
  expect(proven.map(({ run }) => run)).toEqual(['r1', 'r2'])
  expect(pending.map(({ run }) => run)).toEqual(['r3'])
  expect(orphans).toEqual([foreign.id])
})

it('says that it shrank for as long as more is kept, and of many small losses too', () => {
  expect(lessOf([...saved(1, 100), ...saved(2, 90)])).toEqual([])
  const lost = [...saved(1, 100), ...saved(2, 10)]
  expect(lessOf(lost)).toMatchObject([{ what: 'bytes', before: 100, now: 10, percent: 90 }])
  // On the next day it is no better.
  expect(lessOf([...lost, ...saved(3, 10)])).toMatchObject([{ before: 100, now: 10 }])
  const slowly = [1, 2, 3, 4].flatMap((on) => saved(on, 100 - 10 * on))
  expect(lessOf(slowly, 15)).toMatchObject([{ before: 90, now: 60 }])
})

it('compares none from a clock that was wrong, which would hide a loss until then', () => {
  const lost = [...saved(1, 100), ...saved(2, 10)]
  expect(lessOf([...lost, ...saved(28, 100)])).toMatchObject([{ before: 100, now: 10 }])
})

it('knows a proof that was copied to another repository with what it proves', () => {
  const [data, proof] = saved(1, 100) as [Snapshot, Snapshot]
  const copied = [
    { ...data, id: 'a'.repeat(64), original: data.id },
    { ...proof, id: 'b'.repeat(64), original: proof.id },
  ]
  const { proven, pending, orphans } = evidenceIn(copied, 'photos')
  expect(proven.map(({ snapshot: id }) => id)).toEqual(['a'.repeat(64)])
  expect([...pending, ...orphans]).toEqual([])
})

it('compares with nothing before what somebody has looked at', () => {
  const all = [...saved(1, 100), ...saved(2, 10)]
  const newest = evidenceIn(all, 'photos').proven.at(-1) as Proven
  const accepted = [...all, snapshot(day(2), acceptedTags(newest))]
  expect(lessOf(accepted)).toEqual([])
  expect(evidenceIn(accepted, 'photos').pending).toEqual([])
  expect(lessOf([...accepted, ...saved(3, 2)])).toMatchObject([{ before: 10, now: 2 }])
})

describe('a drill that failed', () => {
  const note = { plan: 'photos', of: 'abc', run: 'd', whose: 'backup', paths: [] } as const
  const failed = (on: number, more: Partial<FailureNote> = {}) =>
    snapshot(day(on), failedDrillTags({ ...note, ...more }))
  const passed = (on: number) => snapshot(day(on), ['drilled', 'plan=photos', 'of=abc', `run=d${on}`, 'ms=1'])
  const today = new Date(day(20))
  const openIn = (all: readonly Snapshot[]) => openFailure(evidenceIn(all, 'photos'), today)

  it('is no backup, and is held against the plan until one passes', () => {
    const all = [...saved(1, 100), failed(2), failed(3, { whose: 'nobody' })]
    const evidence = evidenceIn(all, 'photos')
    expect([evidence.pending, evidence.orphans]).toEqual([[], []])
    expect(evidence.failed.map(({ whose }) => whose)).toEqual(['backup', 'nobody'])
    expect(openIn(all)).toMatchObject({ of: 'abc', at: Date.parse(day(2)) })
    expect(openIn([...all, passed(4)])).toBeUndefined()
    expect(openIn([...saved(1, 100), failed(3, { whose: 'nobody' })])).toBeUndefined()
  })

  it('has no tag by which an older version would take it for a backup that was broken off', () => {
    expect(failedDrillTags(note).filter((tag) => tag.startsWith('plan='))).toEqual([])
    expect(evidenceIn([failed(2)], 'videos').failed).toEqual([])
  })

  it('is asked for together with all else of its plan', () => {
    const has = (tags: readonly string[]) => allOf('photos').any.some((tag) => tags.includes(tag))
    expect(has(failedDrillTags(note))).toBe(true)
    expect(has(['proof', 'plan=photos'])).toBe(true)
  })

  it('of a clock that was ahead hides no other, and is not open for ever', () => {
    expect(openIn([failed(2), passed(28)])).toMatchObject({ at: Date.parse(day(2)) })
    expect(openIn([passed(3), failed(28)])).toBeUndefined()
  })

  it('in another repository, from where it was copied, says nothing of this one', () => {
    const copied = (one: Snapshot): Snapshot => ({ ...one, original: 'f'.repeat(64) })
    expect(openIn([copied(failed(2))])).toBeUndefined()
    expect(openIn([failed(2), copied(passed(3))])).toBeDefined()
    const evidence = evidenceIn([copied(failed(2)), copied(passed(3))], 'photos')
    expect([evidence.drills, evidence.failed, evidence.pending, evidence.orphans]).toEqual([[], [], [], []])
  })

  it('says which files it was about, whatever they are called', () => {
    const paths = ['/a, b/é 100%.jpg', '/x=y', '/\ud800', '/fourth']
    const first = failed(2, { paths })
    expect(first.tags?.join(',').split(',')).toEqual(first.tags)
    const all = [failed(1, { paths: ['/closed'] }), passed(1), first, failed(3, { paths: ['/other'] })]
    expect([...openPaths(evidenceIn(all, 'photos'), today)]).toEqual([
      '/other',
      '/\ufffd',
      '/x=y',
      '/a, b/é 100%.jpg',
    ])
    const foreign = { ...failed(4), tags: ['drill-failed', 'drill-of=photos', 'path=%'] }
    expect(evidenceIn([foreign], 'photos').failed).toMatchObject([{ paths: [] }])
  })

  it('need not be looked at again once somebody has, and is in doubt as before', () => {
    const all = [...saved(1, 100), failed(2), snapshot(day(3), lookedTags('photos'))]
    const looked = evidenceIn(all, 'photos')
    expect([looked.pending, looked.orphans]).toEqual([[], []])
    expect(openFailure(looked, today)).toMatchObject({ at: Date.parse(day(2)) })
    expect(unsolved(looked, today)).toBeUndefined()
    expect(unsolved(evidenceIn([...all, failed(4)], 'photos'), today)).toMatchObject({
      at: Date.parse(day(4)),
    })
  })
})
