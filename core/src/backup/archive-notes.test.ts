import { describe, expect, it } from 'vitest'
import { HomelabError } from '../errors.ts'
import { changeMarks, evidenceOf, isOf, lostWith, marksOf, passed, withMarks } from './archive-notes.ts'

const at = (text: string) => Date.parse(text)
const now = new Date('2026-11-26T12:00:00Z')
const plan = { name: 'guests' }
const noted = (...notes: readonly string[]) => notes.map((each) => ({ notes: `web, plan guests${each}` }))

describe('the notes of an archive', () => {
  it('are of its plan, whatever marks they bear', () => {
    for (const marks of [
      '',
      ', accepted',
      ', drilled 2026-11-26T02:00:00Z running',
      ', accepted, drilled 2026-11-26T02:00:00Z started, an older one drilled 2026-10-01T02:00:00Z degraded',
      ', drill failed 2026-11-26T02:00:00Z',
      ', accepted\nsomebody else wrote this',
    ])
      expect(isOf({ notes: `web, plan guests${marks}` }, plan), marks).toBe(true)
    for (const notes of [
      undefined,
      '',
      'web',
      'web, plan guests2',
      'web, plan guests, by hand',
      'web, plan guests, drilled yesterday running',
      'Ann: web, plan guests is good',
      'first line\nweb, plan guests',
    ])
      expect(isOf(notes === undefined ? {} : { notes }, plan), notes).toBe(false)
  })

  it('say the same again when they are written, with the rest as it was', () => {
    const notes =
      'web, plan guests, accepted, drilled 2026-11-26T02:00:00Z running, an older one drilled 2026-10-01T02:00:00Z started, drill failed 2026-11-27T02:00:00Z, an older one failed 2026-11-26T02:00:00Z, failure accepted 2026-11-26T02:00:00Z, tried 2026-11-28T02:00:00Z\n two \n'
    expect(withMarks(notes, (same) => same)).toBe(notes)
    expect(marksOf({ notes })).toEqual({
      accepted: true,
      drilled: { at: at('2026-11-26T02:00:00Z'), system: 'running' },
      older: { at: at('2026-10-01T02:00:00Z'), system: 'started' },
      failed: at('2026-11-27T02:00:00Z'),
      olderFailed: at('2026-11-26T02:00:00Z'),
      looked: at('2026-11-26T02:00:00Z'),
      tried: at('2026-11-28T02:00:00Z'),
    })
    expect(withMarks('', passed({ at: at('2026-11-26T02:00:00.7Z'), system: 'running' }))).toBe(
      'drilled 2026-11-26T02:00:00Z running',
    )
    expect(marksOf({ notes: 'drilled 2026-11-26T02:00:00Z running' }).drilled?.system).toBe('running')
  })

  it('forget a failure when it passes, and what an older one has shown when this one shows as much', () => {
    const notes = 'x, an older one drilled 2026-10-01T02:00:00Z running, drill failed 2026-11-20T02:00:00Z'
    const on = at('2026-11-26T02:00:00Z')
    expect(withMarks(notes, passed({ at: on, system: 'degraded' }))).toBe(
      'x, drilled 2026-11-26T02:00:00Z degraded',
    )
    expect(withMarks(notes, passed({ at: on, system: 'started' }))).toBe(
      'x, drilled 2026-11-26T02:00:00Z started, an older one drilled 2026-10-01T02:00:00Z running',
    )
  })
})

describe('the evidence of a guest', () => {
  it('is the newest of all its archives, and that a copy only started proves nothing', () => {
    const own = noted(
      ', drilled 2026-11-01T02:00:00Z running',
      ', drilled 2026-11-08T02:00:00Z started',
      ', drilled 2026-10-01T02:00:00Z degraded',
      '',
    )
    expect(evidenceOf(own, now)).toEqual({
      tried: at('2026-11-08T02:00:00Z'),
      last: { at: at('2026-11-08T02:00:00Z'), system: 'started' },
      proven: { at: at('2026-11-01T02:00:00Z'), system: 'running' },
    })
    expect(evidenceOf(noted('', ', accepted'), now)).toEqual({})
  })

  it('has a failure while nothing passed since, which counts as a try', () => {
    const failed = ', drill failed 2026-11-10T02:00:00Z'
    expect(evidenceOf(noted(failed, ', drilled 2026-11-01T02:00:00Z running'), now)).toMatchObject({
      tried: at('2026-11-10T02:00:00Z'),
      failed: at('2026-11-10T02:00:00Z'),
      proven: { system: 'running' },
    })
    expect(evidenceOf(noted(failed, ', drilled 2026-11-17T02:00:00Z running'), now).failed).toBeUndefined()
  })

  it('is nothing of the future', () => {
    expect(evidenceOf(noted(', drilled 2027-11-01T02:00:00Z running'), now)).toEqual({})
  })

  it.each([
    ['nothing was tried', '', '', undefined],
    ['what goes was tried', ', drilled 2026-11-01T02:00:00Z running', '', '2026-11-01'],
    [
      'what stays is younger',
      ', drilled 2026-11-01T02:00:00Z running',
      ', drilled 2026-11-08T02:00:00Z running',
      undefined,
    ],
    [
      'what stays only started',
      ', drilled 2026-11-01T02:00:00Z running',
      ', drilled 2026-11-08T02:00:00Z started',
      '2026-11-01',
    ],
    [
      'what goes only started',
      ', drilled 2026-11-08T02:00:00Z started',
      ', drilled 2026-11-01T02:00:00Z running',
      undefined,
    ],
    [
      'what goes has it from another',
      ', an older one drilled 2026-11-01T02:00:00Z running',
      '',
      '2026-11-01',
    ],
    ['what goes failed', ', drill failed 2026-11-01T02:00:00Z', '', undefined],
  ])('is carried on when it would be lost: %s', (_, gone, kept, day) => {
    const { older } = lostWith(noted(gone), noted(kept), now)
    expect(older && new Date(older.at).toISOString().slice(0, 10)).toBe(day)
  })

  it('is carried on when it is a failure, or only that it was tried', () => {
    const failed = ', drill failed 2026-11-20T02:00:00Z'
    const [on, later] = [at('2026-11-20T02:00:00Z'), at('2026-11-22T02:00:00Z')]
    expect(lostWith(noted(failed), noted(''), now)).toEqual({ olderFailed: on })
    expect(lostWith(noted(failed), noted(failed), now)).toEqual({})
    expect(lostWith(noted(', tried 2026-11-22T02:00:00Z'), noted(failed), now)).toEqual({ tried: later })
    const passedSince = ', drilled 2026-11-22T02:00:00Z running'
    expect(lostWith(noted(failed), noted(passedSince), now)).toEqual({})
    expect(evidenceOf(noted(', tried 2026-11-22T02:00:00Z'), now)).toEqual({ tried: later })
  })

  it('is carried on when a failure was accepted, but for one that is accepted later anyway', () => {
    const accepted = (day: number) =>
      `, drill failed 2026-11-20T02:00:00Z, failure accepted 2026-11-${day}T02:00:00Z`
    const on = at('2026-11-24T02:00:00Z')
    expect(lostWith(noted(accepted(24)), noted(accepted(22)), now)).toEqual({ looked: on })
    expect(lostWith(noted(accepted(22)), noted('', accepted(24)), now)).toEqual({})
    expect(lostWith(noted(accepted(24)), noted(accepted(24)), now)).toEqual({})
  })
})

describe('a change of the notes', () => {
  const place = { node: 'pve', archive: 'local:backup/a' }
  const mark = passed({ at: at('2026-11-26T02:00:00Z'), system: 'running' })
  /** Notes as a storage keeps them. */
  function storage(update: (notes: string, keep: (notes: string) => void) => void) {
    let kept = 'web, plan guests'
    let changes = 0
    return {
      notes: async () => kept,
      update: async (_place: unknown, { notes = '' }: { readonly notes?: string }) => {
        changes += 1
        update(notes, (text) => {
          kept = text
        })
      },
      changes: () => changes,
    }
  }

  it('is sent once, and believed when it can be read', async () => {
    const one = storage((notes, keep) => keep(`${notes}\n`))
    await changeMarks(one, place, mark)
    await changeMarks(one, place, mark)
    expect([await one.notes(), one.changes()]).toEqual([
      'web, plan guests, drilled 2026-11-26T02:00:00Z running\n',
      1,
    ])
  })

  it('whose answer is lost has happened when it can be read', async () => {
    const lost = storage((notes, keep) => {
      keep(notes)
      throw new HomelabError('unclear', 'cut')
    })
    await changeMarks(lost, place, mark)
    expect(await lost.notes()).toContain('drilled')
  })

  it('that is not there afterwards has not happened, whatever was answered', async () => {
    await expect(
      changeMarks(
        storage(() => {}),
        place,
        mark,
      ),
    ).rejects.toMatchObject({ code: 'failed' })
    const refused = storage(() => {
      throw new HomelabError('unauthorised', 'no')
    })
    await expect(changeMarks(refused, place, mark)).rejects.toMatchObject({ code: 'unauthorised' })
  })
})
