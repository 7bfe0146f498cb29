/** Two bots that know nothing of each other, each with a state of its own, and an occurrence that both think is theirs. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseInventory } from '@homelab/core/inventory'
import { createSecrets } from '@homelab/core/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { quickRepository } from '../faults/support/quick-key.ts'
import { type BackupLab, openBackupLab, password } from '../support/backup-lab.ts'
import { requirePostgres } from '../support/postgres.ts'
import { requireRestic, resticVersions } from '../support/restic.ts'

const ready = [requireRestic(), requirePostgres()].every(Boolean)
const version = resticVersions.at(-1) ?? ''

interface Done {
  readonly done: readonly { readonly snapshot: string; readonly already?: true; readonly guest?: string }[]
}
const doneOf = (posted: Posted) => (posted.output as unknown as Done).done
/** As schedules have it: a whole second. */
const now = () => new Date(Math.floor(Date.now() / 1000) * 1000).toISOString()
const told = (posted: Posted) => ({ code: posted.error, text: JSON.stringify(posted.card) })

describe.runIf(ready)('an occurrence that two bots begin', () => {
  let lab: BackupLab
  let other: InlineDesk

  beforeAll(async () => {
    lab = await openBackupLab({
      version,
      yaml: ({ dir }) => `
repositories:
  here: { restic: ${dir}/repository, password: env:RESTIC_PASSWORD }
  local: { storage: local }
backups:
  once-files:
    method: restic
    node: pve
    paths: ['${dir}/photos']
    to: [here]
    schedule: daily
    before: [[sh, -c, 'echo >>${dir}/begun; while [ -e ${dir}/wait ]; do sleep 0.1; done']]
  once-guests: { method: vzdump, guests: [plex], to: [local], schedule: weekly, mode: snapshot }
`,
    })
    writeFileSync(join(lab.dir, 'photos', 'one.jpg'), 'one')
    await quickRepository(version, join(lab.dir, 'repository'), password)
    const inventory = parseInventory(lab.text)
    other = await inlineDesk({
      inventory: () => inventory,
      secrets: createSecrets({ env: lab.env }),
      stateDir: '',
      label: 'the other bot',
    })
  })
  afterAll(async () => {
    await other?.[Symbol.asyncDispose]()
    await lab?.[Symbol.asyncDispose]()
  })

  const types = (text: string): Promise<Posted> => other.desk.settled(other.submit(text, true).id)
  const proven = async () =>
    (await lab.snapshots(join(lab.dir, 'repository'), 'once-files')).filter(({ tags }) =>
      tags.includes('proof'),
    )

  it('in the same moment is saved once, and the other one waits and says so', async () => {
    const due = now()
    const both = await Promise.all([
      lab.type(`backup run once-files due:${due}`),
      types(`backup run once-files due:${due}`),
    ])
    expect(await proven()).toHaveLength(1)
    expect(both.map(told)).toMatchObject([{ code: undefined }, { code: undefined }])
    const done = both.flatMap(doneOf)
    expect(done.map(({ already }) => already ?? false).toSorted()).toEqual([false, true])
    expect(new Set(done.map(({ snapshot }) => snapshot)).size).toBe(1)
    const late = both.find((posted) => doneOf(posted)[0]?.already)
    expect(JSON.stringify(late?.card)).toContain('had saved it since it was due')
  })

  it('and the next occurrence is saved again', async () => {
    const posted = await types(`backup run once-files due:${now()}`)
    expect(told(posted)).toMatchObject({ code: undefined })
    expect(await proven()).toHaveLength(2)
  })

  it('of a guest waits for the other one’s task, and counts its archive', async () => {
    const due = now()
    const vzdumps = async () => (await lab.simulator.counts()).changes['110']?.vzdump
    const first = lab.type(`backup run once-guests due:${due}`)
    await expect.poll(vzdumps, { timeout: 60_000 }).toBe(1)
    const both = await Promise.all([first, types(`backup run once-guests due:${due}`)])
    expect(both.map(told)).toMatchObject([{ code: undefined }, { code: undefined }])
    expect(await vzdumps()).toBe(1)
    const done = both.flatMap(doneOf)
    expect(done.map(({ already }) => already ?? false).toSorted()).toEqual([false, true])
    expect(new Set(done.map(({ snapshot }) => snapshot)).size).toBe(1)
  })
})
