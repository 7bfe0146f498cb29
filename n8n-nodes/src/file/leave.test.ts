import { type HomelabError, isHomelabError } from '@homelab/core'
import { parseInventory } from '@homelab/core/inventory'
import { operations } from '@homelab/core/operations'
import { describe, expect, it } from 'vitest'
import { operations as offered } from '../../nodes/Homelab/operations.ts'
import { isLong, runsWithFile, subjectOf } from './leave.ts'

const inventory = parseInventory(
  `
repositories:
  b2: { title: Backblaze, restic: s3:x, password: env:P, binary: /opt/restic }
  nas: { restic: /nas, password: env:P }
  local: { storage: local }
backups:
  photos: { method: restic, paths: [/photos], to: [b2], schedule: daily }
  both: { method: restic, paths: [/both], to: [b2, nas], schedule: daily }
  immich: { method: pg_dump, service: postgresql, to: [b2], schedule: daily }
  guests: { method: vzdump, guests: ['@all'], to: [local], schedule: weekly }
services:
  postgresql: { guest: 102 }
`,
  { file: 'test' },
)
const of = (id: string, input: Readonly<Record<string, unknown>>) => {
  const operation = operations.find((each) => each.id === id)
  if (operation === undefined) throw new Error(`no operation ${id}`)
  return subjectOf(operation, input, inventory)
}
const refusal = (id: string, input: Readonly<Record<string, unknown>>): HomelabError => {
  try {
    of(id, input)
  } catch (error) {
    if (isHomelabError(error)) return error
    throw error
  }
  throw new Error('it is not refused')
}

describe('a long operation of the file', () => {
  it.each([
    ['backup.run', { plan: 'photos' }, { name: 'photos', restic: '/opt/restic' }],
    ['backup.run', { plan: 'both', repository: 'nas' }, { name: 'both', restic: 'restic' }],
    ['backup.drill', { plan: 'both' }, { name: 'both' }],
    ['backup.prune', { plan: 'photos' }, { name: 'photos' }],
    ['backup.restore', { plan: 'immich', live: false }, { name: 'immich' }],
    ['backup.verify', { repository: 'Backblaze' }, { name: 'b2', restic: '/opt/restic' }],
  ])('is left as one job: %s %j', (id, input, subject) => {
    expect(of(id, input)).toMatchObject(subject)
  })

  it.each([
    ['backup.run', { plan: 'both' }, /2 repositories/, /Repository under Options.*b2, nas/],
    ['backup.run', { plan: 'guests' }, /guests one after the other/, /Proxmox VE node/],
    ['backup.drill', { plan: 'guests' }, /starts it and destroys it/, /Proxmox VE node/],
    ['backup.prune', { plan: 'both' }, /2 repositories/, /Forget of the Homelab Backup node/],
    ['backup.restore', { plan: 'immich', live: true }, /step by step/, /leave Live out/],
    ['guest.drill', { guest: 'plex' }, /cannot be left/, /Homelab Bot/],
  ])('is refused when a change comes after it: %s %j', (id, input, message, hint) => {
    const error = refusal(id, input)
    expect(error).toMatchObject({ code: 'usage', message: expect.stringMatching(message) })
    expect(error.message).toContain('Nothing was begun')
    expect(error.hint).toMatch(hint)
    expect(error.hint).toContain('"Homelab Bot"')
  })

  it('that only deletes archives is waited for', () => {
    expect(of('backup.prune', { plan: 'guests' })).toBeUndefined()
  })

  it('is known by its deadline, and each that the node has can be left in some way', () => {
    const long = offered
      .filter(({ operation }) => isLong(operation) && runsWithFile(operation))
      .map(({ operation }) => operation.id)
    expect(long.toSorted()).toEqual([
      'backup.drill',
      'backup.prune',
      'backup.restore',
      'backup.run',
      'backup.verify',
    ])
    for (const id of long) expect(of(id, { plan: 'photos', repository: 'b2' })).toBeDefined()
  })
})
