import { expect, test } from 'vitest'
import { cameUp } from '../../backup/archive-notes.ts'
import { guestDrill } from './drill.ts'

test.each([
  ['running', 'boots', 'ok', 'came up'],
  ['degraded', 'boots', 'warning', 'units failed'],
  ['answers', 'runs', 'neutral', 'whether its system comes up is not known'],
  ['started', 'starts', 'neutral', 'its copy starts; whether its system comes up is not known'],
] as const)('the card says no more than is known: %s', (system, does, tone, known) => {
  const done = {
    name: 'web',
    archive: 'a:b/c',
    ageMs: 1,
    vmid: 9_900,
    restoreSeconds: 1,
    bootSeconds: 1,
    leftOut: [],
    units: [],
  }
  const card = guestDrill.card({ ...done, system, proven: cameUp(system) }, { guest: 'web' })
  expect(card).toMatchObject({ title: `The archive of web ${does}`, tone })
  expect(JSON.stringify(card)).toContain(known)
})
