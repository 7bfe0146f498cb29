/** What a drill has found, which must not be lost: to a repository that is away, a connection that breaks, or a cache that says otherwise. */
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { evidenceIn, openFailure } from '../../core/src/backup/proofs.ts'
import { quickRepository } from '../faults/support/quick-key.ts'
import { type BackupLab, openBackupLab, password } from '../support/backup-lab.ts'
import { requirePostgres } from '../support/postgres.ts'
import { requireRestic, resticBinary, resticVersions } from '../support/restic.ts'

const ready = [requireRestic(), requirePostgres()].every(Boolean)
const versions = ready ? [resticVersions[0] ?? '', resticVersions.at(-1) ?? ''] : []

const output = <T>(posted: Posted): T => posted.output as T
const words = ({ card }: Posted): string => JSON.stringify(card)
const good = (posted: Posted) => expect(posted.error, words(posted)).toBeUndefined()

describe.each(versions)('restic %s: what a drill has found', (version) => {
  let lab: BackupLab
  let store: string
  const names = Array.from({ length: 30 }, (_, at) => `${at}, tls timeout.jpg`)
  const live = (name: string) => join(lab.dir, 'photos', 'tls', name)
  /** Changed or not, they are as old as ever: whole seconds, which is all that can be set here. */
  const write = (name: string, bytes: Uint8Array) => {
    writeFileSync(live(name), bytes)
    utimesSync(live(name), 1_790_000_000, 1_790_000_000)
  }
  const found = async (plan: string) =>
    evidenceIn(JSON.parse((await lab.restic(store, ['snapshots', '--json'])).stdout), plan)
  /** Of the largest or the smallest pack: the files, or their folders. */
  const packs = () =>
    readdirSync(join(store, 'data'), { recursive: true, encoding: 'utf8' })
      .map((name) => join(store, 'data', name))
      .filter((path) => statSync(path).isFile())
      .toSorted((a, b) => statSync(b).size - statSync(a).size)
  /** Where the list of a folder of the newest snapshot of its plan lies in the store. */
  const treeOf = async (folder: string): Promise<{ readonly pack: string; readonly at: number }> => {
    const json = async (...args: readonly string[]) => JSON.parse((await lab.restic(store, args)).stdout)
    const saved: readonly { tags: string[]; tree: string; paths: string[] }[] = await json(
      'snapshots',
      '--json',
    )
    let tree = saved.findLast(({ paths }) => paths.some((path) => folder.startsWith(path)))?.tree
    for (const name of folder.split('/').slice(1)) {
      const { nodes } = await json('cat', 'blob', tree ?? '')
      tree = nodes.find((node: { name: string }) => node.name === name).subtree
    }
    const { stdout } = await lab.restic(store, ['list', 'index'])
    for (const index of stdout.split('\n').filter((line) => /^[0-9a-f]{64}$/.test(line)))
      for (const { id, blobs } of (await json('cat', 'index', index)).packs)
        for (const blob of blobs)
          if (blob.id === tree)
            return { pack: join(store, 'data', id.slice(0, 2), id), at: blob.offset + (blob.length >> 1) }
    throw new Error(`no list of ${folder}`)
  }
  /** One bit of it; @returns what puts it back */
  const flip = (file: string, at: number): (() => void) => {
    const turn = () => {
      chmodSync(file, 0o600)
      const bytes = readFileSync(file)
      bytes[at] = (bytes[at] ?? 0) ^ 1
      writeFileSync(file, bytes)
    }
    turn()
    return turn
  }
  const flags = ['lose', 'lock', 'hang-up', 'kill'] as const
  const flag = (name: (typeof flags)[number]) => join(lab.dir, name)

  beforeAll(async () => {
    lab = await openBackupLab({
      version,
      yaml: ({ dir }) => `
repositories:
  moody: { restic: ${dir}/store, password: env:RESTIC_PASSWORD, binary: ${dir}/restic }
backups:
  negatives: { method: restic, node: pve, paths: ['${dir}/photos'], to: [moody], schedule: daily, drill: { schedule: weekly, files: 1 } }
  prints: { method: restic, node: pve, paths: ['${dir}/photos'], to: [moody], schedule: daily, drill: { schedule: weekly, files: 30 } }
  yearbooks: { method: restic, node: pve, paths: ['${dir}/years'], to: [moody], schedule: daily, drill: { schedule: weekly, files: 1 } }
`,
    })
    store = join(lab.dir, 'store')
    mkdirSync(join(lab.dir, 'photos', 'tls'))
    for (const name of names) write(name, randomBytes(20_000))
    // It does not answer, or is locked, for one question each time that it is told to; or cuts the connection of who asks, once a
    // drill has left its word; or ends the job then.
    writeFileSync(
      join(lab.dir, 'restic'),
      `#!/bin/sh
case " $* " in *' snapshots '*)
  if [ -f '${flag('lose')}.now' ]; then rm '${flag('lose')}.now'; echo 'Fatal: connection refused' >&2; exit 1; fi
  if [ -f '${flag('hang-up')}.now' ]; then
    rm '${flag('hang-up')}.now'
    pid=$$
    while [ "$pid" -gt 1 ]; do
      pid=$(sed 's/.*) //' "/proc/$pid/stat" | cut -d' ' -f2)
      case $(cat "/proc/$pid/comm") in sshd*) kill -KILL "$pid"; exit 1 ;; esac
    done
  fi ;;
*' drilled,'*)
  if [ -f '${flag('hang-up')}' ]; then mv '${flag('hang-up')}' '${flag('hang-up')}.now'; fi
  if [ -f '${flag('kill')}' ]; then rm '${flag('kill')}'; '${resticBinary(version)}' "$@"; kill -KILL "$PPID"; exit 1; fi ;;
*' restore '*) if [ -f '${flag('lose')}' ]; then mv '${flag('lose')}' '${flag('lose')}.now'; fi ;;
*' drill-failed,'*)
  if [ -f '${flag('lock')}' ]; then rm '${flag('lock')}'; echo 'Fatal: unable to create lock in backend' >&2; exit 1; fi ;;
esac
exec '${resticBinary(version)}' "$@"
`,
    )
    chmodSync(join(lab.dir, 'restic'), 0o755)
    await quickRepository(version, store, password)
    for (const plan of ['negatives', 'prints']) good(await lab.type(`backup run ${plan}`))
  })
  // One that has failed must not trip the next.
  afterEach(() => {
    for (const name of flags.map(flag).flatMap((one) => [one, `${one}.now`])) rmSync(name, { force: true })
  })
  afterAll(() => lab[Symbol.asyncDispose]())

  it('a file that was wrong is tried again, and no other closes it', async () => {
    const [rotten = ''] = names.slice(17)
    const bytes = readFileSync(live(rotten))
    write(rotten, Buffer.from(bytes).fill(0, 0, 10))
    const { proven } = await found('negatives')
    const tags = ['drill-failed', 'drill-of=negatives', `of=${proven[0]?.snapshot}`, 'run=x', 'whose=backup']
    const path = `path=${encodeURIComponent(live(rotten))}`
    await lab.restic(store, ['backup', '--tag', [...tags, path].join(','), live(rotten)])

    const posted = await lab.type('backup drill negatives')
    expect([posted.error, words(posted)]).toEqual(['failed', expect.stringContaining(rotten)])
    expect((await found('negatives')).failed.at(-1)).toMatchObject({
      whose: 'backup',
      paths: [live(rotten)],
    })

    write(rotten, bytes)
    expect(output(await lab.type('backup drill negatives'))).toMatchObject({ same: 1, changed: 0 })
    expect(openFailure(await found('negatives'), new Date())).toBeUndefined()
  })

  it('is told and kept when the repository does not answer just then, and is locked', async () => {
    const bytes = names.map((name) => readFileSync(live(name)))
    for (const name of names) write(name, randomBytes(20_000))
    for (const name of ['lose', 'lock'] as const) writeFileSync(flag(name), '')
    const known = (await found('prints')).failed.length
    const posted = await lab.type('backup drill prints')
    for (const [at, name] of names.entries()) write(name, bytes[at] ?? Buffer.of())
    expect(posted.error).toBe('failed')
    expect(words(posted)).toContain('differs')
    expect((await found('prints')).failed.slice(known)).toMatchObject([{ whose: 'backup' }])
    expect(existsSync(flag('lock'))).toBe(false)
  })

  it('is told when the connection breaks once its word is there', async () => {
    writeFileSync(flag('hang-up'), '')
    const known = (await found('prints')).drills.length
    const posted = await lab.type('backup drill prints')
    expect((await found('prints')).drills).toHaveLength(known + 1)
    good(posted)
    expect(existsSync(`${flag('hang-up')}.now`)).toBe(false)
  })

  it('is told of a job that was killed once its word is there, and nothing of that is left', async () => {
    writeFileSync(flag('kill'), '')
    const known = (await found('prints')).drills.length
    const posted = await lab.type('backup drill prints')
    const { drills: all } = await found('prints')
    expect(all).toHaveLength(known + 1)
    good(posted)
    const run = all.at(-1)?.run
    expect(run).toBeDefined()
    expect(existsSync(`/var/lib/homelab/jobs/${run}`)).toBe(false)
    rmSync(`/var/lib/homelab/drills/homelab-drill-${run}`, { recursive: true })
  })

  it('of a folder that cannot be read, although a cache of ours lists it as before', async () => {
    const years = (name: string) => join(lab.dir, 'years', name)
    const aged = (name: string, year: number) => {
      writeFileSync(years(name), randomBytes(50))
      utimesSync(years(name), new Date(Date.UTC(year, 5)), new Date(Date.UTC(year, 5)))
    }
    mkdirSync(years('2019'), { recursive: true })
    aged('2019/a.jpg', 2019)
    good(await lab.type('backup run yearbooks'))
    const { pack, at } = await treeOf(years('2019'))
    const mend = flip(pack, at)
    expect((await lab.type('backup drill yearbooks')).error).toBe('failed')
    const noted = { whose: 'backup', paths: [years('2019/a.jpg')] }
    expect((await found('yearbooks')).failed).toMatchObject([noted])

    // By chance it would be another one's turn.
    mkdirSync(years('2020'))
    for (let at = 0; at < 60; at += 1) aged(`2020/${at}.jpg`, 2020)
    good(await lab.type('backup run yearbooks'))
    const again = await lab.type('backup drill yearbooks')
    expect([again.error, words(again)]).toEqual(['failed', expect.stringContaining('damaged or gone')])
    const { drills: passed, failed } = await found('yearbooks')
    expect(passed).toEqual([])
    expect(failed).toMatchObject([noted, noted])

    mend()
    expect(output(await lab.type('backup drill yearbooks'))).toMatchObject({ same: 1, changed: 0 })
    expect(openFailure(await found('yearbooks'), new Date())).toBeUndefined()
  })

  it('of a snapshot that is not what its proof says, before anything is fetched', async () => {
    const saved = await lab.restic(store, [
      ...['backup', '--json', '--tag', 'plan=prints,run=short'],
      join(lab.dir, 'photos'),
    ])
    const { snapshot_id: of } = JSON.parse(saved.stdout.trim().split('\n').at(-1) ?? '')
    const tags = `proof,plan=prints,run=short,of=${of},files=30,bytes=1`
    await lab.restic(store, ['backup', '--tag', tags, live(names[0] ?? '')])
    const posted = await lab.type('backup drill prints')
    expect([posted.error, words(posted)]).toEqual(['failed', expect.stringContaining('its proof says')])
    expect((await found('prints')).failed.at(-1)).toMatchObject({
      of: expect.stringContaining(of),
      whose: 'backup',
    })
    const all = await lab.snapshots(store, 'prints')
    await lab.restic(store, [
      'forget',
      ...all.filter(({ tags: own }) => own.includes('run=short')).map(({ id }) => id),
    ])
  })

  it('of a store that rots, and is not only away', async () => {
    const [pack = ''] = packs()
    chmodSync(pack, 0o600)
    const stored = readFileSync(pack)
    writeFileSync(
      pack,
      Buffer.from(stored).map((byte, at) => (at % 97 === 0 ? byte ^ 1 : byte)),
    )
    const posted = await lab.type('backup drill prints')
    writeFileSync(pack, stored)
    expect(posted.error).toBe('failed')
    expect(words(posted)).toMatch(/damaged or gone.*ciphertext verification failed/)
    const { failed } = await found('prints')
    expect(failed.at(-1)).toMatchObject({ whose: 'backup' })
    expect(failed.at(-1)?.paths).toHaveLength(3)
    good(await lab.type('backup drill prints'))
    expect(openFailure(await found('prints'), new Date())).toBeUndefined()
  })
})
