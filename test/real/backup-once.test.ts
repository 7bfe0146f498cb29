/** Two bots that know nothing of each other, each with a state of its own, and an occurrence that both think is theirs. */
import { chmodSync, existsSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseInventory } from '@homelab/core/inventory'
import { createSecrets } from '@homelab/core/node'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { until } from '../faults/support/backup-lab.ts'
import { quickRepository } from '../faults/support/quick-key.ts'
import { type BackupLab, openBackupLab, password } from '../support/backup-lab.ts'
import { requirePostgres } from '../support/postgres.ts'
import { requireRestic, resticBinary, resticVersions } from '../support/restic.ts'

const ready = [requireRestic(), requirePostgres()].every(Boolean)
const version = resticVersions.at(-1) ?? ''

interface Done {
  readonly done: readonly { readonly snapshot: string; readonly already?: true; readonly guest?: string }[]
}
const doneOf = (posted: Posted) => (posted.output as unknown as Done).done
const second = () => new Date(Math.floor(Date.now() / 1000) * 1000).toISOString()
/** As schedules have it, a whole second, and none that a backup has begun in: that may be what was due. */
async function now(): Promise<string> {
  const past = second()
  await until(() => second() > past, 'the next second')
  return second()
}
/** With their words, which say what went wrong. */
const failures = (...posted: readonly Posted[]) =>
  posted.filter(({ error }) => error !== undefined).map(({ error, card }) => [error, JSON.stringify(card)])

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
    // The other bot's restic may be told to be long about its answer to what snapshots there are.
    const slow = join(lab.dir, 'slow-restic')
    writeFileSync(
      slow,
      `#!/bin/sh
answer=$(mktemp)
"${resticBinary(version)}" "$@" >"$answer"
code=$?
case "$*" in *snapshots*--json*)
  if [ -e ${lab.dir}/late ]; then : >${lab.dir}/asked; while [ -e ${lab.dir}/late ]; do sleep 0.05; done; fi ;;
esac
cat "$answer"
rm "$answer"
exit "$code"
`,
    )
    chmodSync(slow, 0o755)
    const inventory = parseInventory(
      lab.text.replace('password: env:RESTIC_PASSWORD }', `password: env:RESTIC_PASSWORD, binary: ${slow} }`),
    )
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
    const before = await proven()
    const due = await now()
    const both = await Promise.all([
      lab.type(`backup run once-files due:${due}`),
      types(`backup run once-files due:${due}`),
    ])
    expect(await proven()).toHaveLength(before.length + 1)
    expect(failures(...both)).toEqual([])
    const done = both.flatMap(doneOf)
    expect(done.map(({ already }) => already ?? false).toSorted()).toEqual([false, true])
    expect(new Set(done.map(({ snapshot }) => snapshot)).size).toBe(1)
    const late = both.find((posted) => doneOf(posted)[0]?.already)
    expect(JSON.stringify(late?.card)).toContain('had saved it since it was due')
  })

  it('one of them after the other has ended, of which it could not know when it looked, is saved once', async () => {
    const before = await proven()
    writeFileSync(join(lab.dir, 'late'), '')
    const due = await now()
    const second = types(`backup run once-files due:${due}`)
    await until(() => existsSync(join(lab.dir, 'asked')), 'its look')
    const first = await lab.type(`backup run once-files due:${due}`)
    rmSync(join(lab.dir, 'late'))
    const both = [first, await second]
    expect(failures(...both)).toEqual([])
    expect(await proven()).toHaveLength(before.length + 1)
    expect(both.map((posted) => doneOf(posted)[0]?.already ?? false)).toEqual([false, true])
    expect(new Set(both.map((posted) => doneOf(posted)[0]?.snapshot)).size).toBe(1)
  })

  it('is saved when its machine says that it was, and the repository has not got it', async () => {
    writeFileSync('/var/lib/homelab/locks/once-files@here', '4102444800\n')
    const before = await proven()
    const posted = await types(`backup run once-files due:${await now()}`)
    expect(failures(posted)).toEqual([])
    expect(doneOf(posted)[0]?.already).toBeUndefined()
    expect(await proven()).toHaveLength(before.length + 1)
  })

  it('and the next occurrence is saved again', async () => {
    const before = await proven()
    const posted = await types(`backup run once-files due:${await now()}`)
    expect(failures(posted)).toEqual([])
    expect(await proven()).toHaveLength(before.length + 1)
  })

  it('of a guest waits for the other one’s task, and counts its archive', async () => {
    const due = await now()
    const vzdumps = async () => (await lab.simulator.counts()).changes['110']?.vzdump
    const first = lab.type(`backup run once-guests due:${due}`)
    await expect.poll(vzdumps, { timeout: 60_000 }).toBe(1)
    const both = await Promise.all([first, types(`backup run once-guests due:${due}`)])
    expect(failures(...both)).toEqual([])
    expect(await vzdumps()).toBe(1)
    const done = both.flatMap(doneOf)
    expect(done.map(({ already }) => already ?? false).toSorted()).toEqual([false, true])
    expect(new Set(done.map(({ snapshot }) => snapshot)).size).toBe(1)
  })
})
