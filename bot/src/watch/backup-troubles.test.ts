/** Looks as they would come, on a clock that the tests set: what is told of them, once, and once more when it is over. */
import type { PlanStatus } from '@homelab/core/backup'
import { describe, expect, it } from 'vitest'
import { troubleCard } from './backup-cards.ts'
import { troubleFinding } from './backup-findings.ts'
import { type BackupsSeen, BackupsState, judge, nothingYet, told } from './backup-troubles.ts'

const HOUR = 3_600_000
const start = Date.parse('2026-03-01T08:00:00Z')
const fresh: PlanStatus = {
  plan: 'photos',
  title: 'Photos',
  repository: 'B2',
  state: 'fresh',
  last: start,
  freshMs: 26 * HOUR,
  count: 3,
  bytes: 100,
  pending: 0,
  shrunk: [],
}
const { last: _, ...without } = fresh
const stale: PlanStatus = { ...fresh, state: 'stale' }
const unknown: PlanStatus = { ...without, state: 'unknown', count: 0, why: 'the node is away' }
const never: PlanStatus = { ...without, state: 'never', count: 0 }

/** A watch that lives on a clock. */
function watching() {
  let now = start
  let state = nothingYet
  return {
    pass(ms: number) {
      now += ms
    },
    /** As a bot that starts again has it. */
    restart() {
      state = BackupsState.parse(JSON.parse(JSON.stringify(state)))
    },
    /** The titles of the cards that this look shows. */
    look(
      rows: readonly PlanStatus[],
      more: Partial<Pick<BackupsSeen, 'busy' | 'repositories'>> = {},
    ): readonly string[] {
      const at = new Date(now)
      const seen = { rows, busy: new Set<string>(), repositories: new Map(), ...more }
      state = judge(state, seen, at)
      const titles = state.troubles
        .filter(({ untold }) => untold)
        .map((trouble) => troubleCard(trouble, at).title)
      state = told(state)
      return titles
    },
    get state() {
      return state
    },
  }
}

describe('a plan', () => {
  it('that is fresh is nothing to tell', () => {
    const watch = watching()
    expect(watch.look([fresh])).toEqual([])
    watch.pass(HOUR)
    expect(watch.look([fresh])).toEqual([])
    expect(watch.state.troubles).toEqual([])
  })

  it.each([
    [stale, 'Photos: no fresh backup in B2'],
    [never, 'Photos: no proven backup in B2'],
    [
      { ...fresh, shrunk: [{ what: 'files' as const, before: 10, now: 5, percent: 50 }] },
      'Photos: the newest backup in B2 is smaller',
    ],
  ])('that is not is told once, and once when it is again: %#', (bad, title) => {
    const watch = watching()
    watch.look([fresh])
    expect(watch.look([bad])).toEqual([title])
    const [open] = watch.state.troubles
    watch.pass(HOUR)
    expect(watch.look([bad])).toEqual([])
    watch.restart()
    expect(watch.look([bad])).toEqual([])
    expect(watch.state.troubles[0]?.id).toBe(open?.id)
    expect(watch.look([fresh])).toHaveLength(1)
    expect(watch.look([fresh])).toEqual([])
    expect(watch.state.troubles).toEqual([])
  })

  it('says what to press', () => {
    const watch = watching()
    watch.look([stale])
    const [trouble] = watch.state.troubles
    if (trouble === undefined) throw new Error('it is not told')
    expect(troubleCard(trouble, new Date(start + 30 * HOUR))).toMatchObject({
      text: expect.stringContaining('1 d 6 h ago; it may be 1 d 2 h old'),
      buttons: [{ action: { kind: 'command', text: 'backup run photos' } }, {}],
    })
  })

  it('that is being backed up just now is waited for', () => {
    const watch = watching()
    expect(watch.look([stale], { busy: new Set(['photos']) })).toEqual([])
    expect(watch.look([fresh])).toEqual([])
    watch.look([stale])
    // It is not over before the proof is there.
    expect(watch.look([stale], { busy: new Set(['photos']) })).toEqual([])
    expect(watch.state.troubles).toHaveLength(1)
  })

  it('that gets worse changes its card; one that left the file ends it', () => {
    const watch = watching()
    watch.look([stale])
    const [open] = watch.state.troubles
    expect(watch.look([never])).toEqual(['Photos: no proven backup in B2'])
    expect(watch.state.troubles[0]?.id).toBe(open?.id)
    expect(watch.look([])).toEqual(['Photos is not backed up to B2 any more'])
  })
})

describe('a repository that cannot be looked at', () => {
  const quarter = HOUR / 4

  it('is told when its plan may be stale by now, once for all of its plans', () => {
    const watch = watching()
    const nextcloud = { ...fresh, plan: 'nextcloud', title: 'Nextcloud', last: start - 25 * HOUR }
    watch.look([fresh, nextcloud])
    const { last: _gone, ...mute } = { ...nextcloud, state: 'unknown' as const, why: 'the node is away' }
    const seen: string[] = []
    for (let count = 0; count < 12; count++) {
      watch.pass(quarter)
      seen.push(...watch.look([unknown, mute]).map((title) => `${(count + 1) / 4} h: ${title}`))
    }
    expect(seen).toEqual(['1.25 h: B2 cannot be looked at'])
    expect(watch.look([fresh, { ...nextcloud, last: start }])).toEqual(['B2 can be looked at again'])
  })

  it('is told after six hours when the plan has time', () => {
    const watch = watching()
    watch.look([fresh])
    const seen: string[] = []
    for (let count = 0; count < 30; count++) {
      watch.pass(quarter)
      if (watch.look([unknown]).length > 0) seen.push(`${(count + 1) / 4} h`)
    }
    expect(seen).toEqual(['6.25 h'])
  })

  it('is nothing to shout about by a bot that was away and has looked once', () => {
    const watch = watching()
    watch.look([fresh])
    watch.pass(quarter)
    watch.look([unknown])
    watch.pass(72 * HOUR)
    watch.restart()
    expect(watch.look([unknown])).toEqual([])
    watch.pass(quarter)
    expect(watch.look([unknown])).toEqual(['B2 cannot be looked at'])
  })

  it('neither ends nor repeats what was told of its plans', () => {
    const watch = watching()
    watch.look([stale])
    watch.pass(quarter)
    expect(watch.look([unknown])).toEqual([])
    watch.pass(quarter)
    expect(watch.look([unknown])).toEqual([])
    expect(watch.look([stale])).toEqual([])
    expect(watch.look([fresh])).toEqual(['Photos is fresh again in B2'])
  })
})

it('a damaged repository is told until it was read and is sound', () => {
  const watch = watching()
  const b2 = (damage: { part: number; cycle: number; at: number } | null | undefined) => ({
    repositories: new Map([['B2', { name: 'b2', damage }]]),
  })
  expect(watch.look([fresh], b2(null))).toEqual([])
  expect(watch.look([fresh], b2({ part: 2, cycle: 10, at: start }))).toEqual(['B2 is damaged'])
  expect(watch.state.troubles[0]?.press).toBe('backup verify b2 cycle:1')
  expect(watch.look([fresh], b2(undefined))).toEqual([])
  expect(watch.look([fresh], b2({ part: 2, cycle: 10, at: start }))).toEqual([])
  expect(watch.look([fresh], b2(null))).toEqual(['B2 was read and is sound again'])
})

describe('what the incidents are told', () => {
  const findings = (rows: readonly PlanStatus[], before = nothingYet) => {
    const state = judge(before, { rows, busy: new Set(), repositories: new Map() }, new Date(start))
    const all = state.troubles.map((trouble) => ({
      was: trouble.was,
      ...troubleFinding(trouble, { title: 'x', tone: 'error' }),
    }))
    return { all, state: told(state) }
  }

  it('goes by the plan and where it goes', () => {
    const { all } = findings([stale])
    expect(all).toMatchObject([
      {
        key: 'backup/photos@B2',
        kind: 'stale',
        state: 'firing',
        severity: 'warning',
        about: { plan: 'photos' },
      },
    ])
  })

  it('that was never there and that is old is one problem, and one that is smaller is another', () => {
    const first = findings([never])
    expect(first.all).toMatchObject([{ kind: 'stale', was: undefined }])
    const second = findings([stale], first.state)
    expect(second.all).toMatchObject([{ kind: 'stale', was: undefined }])
    const smaller: PlanStatus = { ...fresh, shrunk: [{ what: 'files', percent: 60, before: 10, now: 4 }] }
    const third = findings([smaller], second.state)
    expect(third.all).toMatchObject([{ kind: 'smaller', was: 'stale' }])
    expect(findings([fresh], third.state).all).toMatchObject([{ kind: 'smaller', state: 'resolved' }])
  })
})
