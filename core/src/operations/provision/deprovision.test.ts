import { expect, test } from 'vitest'
import { type CopySystem, cameUp } from '../../backup/archive-notes.ts'
import { deprovision } from './deprovision.ts'

const gone = {
  service: 'web',
  vmid: 140,
  type: 'qemu' as const,
  node: 'pve',
  archive: 'local:backup/vzdump-qemu-140-x.vma.zst',
  unexposed: [],
  kept: [],
  dropped: [],
  warnings: [],
}
const cardOf = (system?: CopySystem, more: object = {}) => {
  const known = system === undefined ? { proven: false } : { system, proven: cameUp(system) }
  const input = deprovision.input.parse({ service: 'web', confirm: 'web', ...more })
  return deprovision.card({ ...gone, ...known }, input)
}
const proof = (system?: CopySystem) => {
  const card = cardOf(system)
  const fields = card.sections?.flatMap((section) => (section.kind === 'fields' ? section.fields : []))
  return fields?.find(({ name }) => name === 'Proven')?.value
}

test.each([
  ['running', 'a copy of it booted, and its system came up'],
  ['degraded', 'a copy of it booted, and its system came up; some of its units failed, with the network off'],
  ['started', 'no: its copy starts; whether its system comes up is not known'],
  [
    'answers',
    'no: it has no systemd to ask: a program runs in the copy; whether its system comes up is not known',
  ],
  [undefined, 'no'],
] as const)('what was seen of the copy is called by its name: %s', (system, says) => {
  expect(proof(system)).toBe(says)
})

test.each([
  ['running', {}, 'ok'],
  ['degraded', {}, 'ok'],
  ['started', {}, 'warning'],
  ['answers', {}, 'warning'],
  [undefined, {}, 'warning'],
  [undefined, { drill: false }, 'warning'],
  [undefined, { backup: false }, 'ok'],
] as const)('a backup that was wanted and is not proven is no success: %s %o', (system, more, tone) => {
  expect(cardOf(system, more).tone).toBe(tone)
})
