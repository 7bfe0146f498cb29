import { expect, test } from 'vitest'
import { parseInventory } from '../inventory/parse.ts'
import type { BackupEntry } from '../inventory/schema.ts'
import { machineOf } from './plan.ts'

const key = 'key: file:/key\n      fingerprint: SHA256:0000000000000000000000000000000000000000000'
const inventory = parseInventory(`
proxmox:
  endpoints: https://pve:8006
  token: { id: homelab@pve!desk, secret: env:T }
  ssh:
    pve:
      host: pve
      ${key}
    pve2:
      host: pve2
      ${key}
repositories:
  b2: { restic: s3:https://b2/x, password: env:P }
  local: { storage: local }
backups:
  guests: { method: vzdump, to: [local, b2], schedule: weekly }
  photos: { method: restic, paths: [/photos], to: [b2], schedule: daily }
`)
const asked: string[] = []
const services = {
  lab: { inventory },
  shells: { host: (name: string) => asked.push(name) },
} as unknown as Parameters<typeof machineOf>[1]
const plan = (name: string): BackupEntry => {
  const found = inventory.backups.find((one) => one.name === name)
  if (found === undefined) throw new Error(`no plan ${name}`)
  return found
}

test('copies of guests are looked for from any node that can be reached', async () => {
  expect(await machineOf(plan('guests'), services)).toMatchObject({ name: 'pve', host: 'homelab-pve' })
  expect(asked).toEqual(['pve'])
})

test('of files nobody guesses on which of several nodes they are', async () => {
  await expect(machineOf(plan('photos'), services)).rejects.toMatchObject({ code: 'config' })
})
