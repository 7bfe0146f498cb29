import { expect, test } from 'vitest'
import { parseInventory } from '../inventory/index.ts'
import { recoveryKit } from './kit.ts'

const inventory = parseInventory(`
repositories:
  local: { storage: apollo-backups }
  b2: { restic: /r, password: env:R }
backups:
  lxc: { method: vzdump, to: [local, b2], schedule: weekly }
  here: { method: vzdump, to: [local], schedule: weekly }
`)
const kit = (plan: string): string => {
  const plans = inventory.backups.filter(({ name }) => name === plan)
  return recoveryKit(inventory, plans, new Date(0)).markdown.split(`## ${plan}`)[1] ?? ''
}

test('copies of guests are asked for by the tags that they have: one plan for each guest', () => {
  const text = kit('lxc')
  // restic compares whole tags: no copy has this one.
  expect(text).not.toMatch(/plan=lxc(?![.\w])/)
  expect(text).toContain('restic snapshots --tag proof ')
  expect(text).toContain('restic snapshots --tag "proof,plan=lxc.$guest"')
  expect(text).toMatch(
    /restic restore "\$id" --target \/restored\n.*find \/restored -name "vzdump-\*-\$guest-\*"/,
  )
  expect(text.indexOf('archive=$(find')).toBeLessThan(text.indexOf('pct restore "$vmid" "$archive"'))
  expect(text).toContain('qmrestore "$archive" "$vmid"')
})

test('guests that are on a storage alone need no restic', () => {
  const text = kit('here')
  expect(text).not.toContain('restic')
  expect(text).toContain('archive=…')
  expect(text).toContain('pct restore "$vmid" "$archive"')
})
