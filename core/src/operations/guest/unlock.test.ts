import { expect, test } from 'vitest'
import { unlockHint } from './unlock.ts'

test.each([
  ['lxc', 'pct'],
  ['qemu', 'qm'],
] as const)('what a person does with a half made guest ends with its disks: %s', (type, program) => {
  expect(unlockHint({ vmid: 445, node: 'pve', type, name: 'web' })).toBe(
    `When \`task list\` shows nothing that makes it, on pve as root: ${program} unlock 445 && ${program} destroy 445; then, for each storage: pvesm list STORAGE --vmid 445`,
  )
})
