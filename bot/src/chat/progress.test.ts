import type { CardProgress } from '@homelab/core'
import { describe, expect, it } from 'vitest'
import { progressView } from './progress.ts'

const start = '2026-11-23T10:00:00.000Z'
const after = (ms: number) => new Date(Date.parse(start) + ms)

describe('progress', () => {
  it.each<[CardProgress, number, string, string | undefined]>([
    [{ text: 'Waiting' }, 0, 'Waiting', undefined],
    [{ text: 'Waiting', startedAt: start }, 12_900, 'Waiting · 13 s', undefined],
    [{ text: 'Waiting', startedAt: start }, 900, 'Waiting · 0 s', undefined],
    [{ text: 'Waiting', startedAt: start }, 9_990, 'Waiting · 9 s', undefined],
    [{ text: 'Waiting', startedAt: start }, -5_000, 'Waiting · 0 s', undefined],
    [{ text: 'Waiting', startedAt: 'never' }, 5_000, 'Waiting', undefined],
    [
      { text: 'Rebooting plex', startedAt: start, expectedMs: 40_000 },
      12_000,
      'Rebooting plex · 12 s, usually 40 s',
      '▓▓▓░░░░░░░',
    ],
    [
      { text: 'Rebooting plex', startedAt: start, expectedMs: 40_000 },
      52_000,
      'Rebooting plex · 52 s, usually 40 s',
      '▓▓▓▓▓▓▓▓▓░',
    ],
    [{ text: 'Rebooting plex', expectedMs: 40_000 }, 0, 'Rebooting plex · usually 40 s', undefined],
    [{ text: 'Copying', done: 3, total: 9, unit: 'items' }, 0, 'Copying · 3 of 9', '▓▓▓░░░░░░░'],
    [
      { text: 'Copying', done: 1024, total: 4096, unit: 'bytes', startedAt: start },
      75_000,
      'Copying · 1.0 KiB of 4.0 KiB · 1 min 15 s',
      '▓▓░░░░░░░░',
    ],
    [{ text: 'Copying', done: 1024, unit: 'bytes' }, 0, 'Copying · 1.0 KiB', undefined],
    [{ text: 'Copying', done: 40, total: 100, unit: 'percent' }, 0, 'Copying · 40 %', '▓▓▓▓░░░░░░'],
    [{ text: 'Copying', done: 40, unit: 'percent' }, 0, 'Copying · 40 %', '▓▓▓▓░░░░░░'],
    [{ text: 'Copying', done: 12, total: 9 }, 0, 'Copying · 12 of 9', '▓▓▓▓▓▓▓▓▓▓'],
    [{ text: 'Copying', done: 4, total: 0 }, 0, 'Copying · 4', undefined],
    [{ text: 'Copying', done: Number.NaN, total: 9 }, 0, 'Copying', undefined],
  ])('of %o after %d ms reads %s', (progress, ms, text, bar) => {
    const view = progressView(progress, after(ms))
    expect(view.text).toBe(text)
    expect(view.bar).toBe(bar)
  })

  it('by what is measured goes before a guess, and a guess never says that it is over', () => {
    const guess = { text: 'Rebooting', startedAt: start, expectedMs: 40_000 }
    expect(progressView(guess, after(3_600_000)).share).toBe(0.95)
    expect(progressView({ ...guess, done: 1, total: 4 }, after(3_600_000)).share).toBe(0.25)
    expect(progressView({ ...guess, done: 4, total: 4 }, after(0)).share).toBe(1)
  })
})
