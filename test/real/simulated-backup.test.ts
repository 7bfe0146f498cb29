/**
 * The four plans of the example file in the simulated lab of `npm start`, run for real. What counts is what a restic of
 * our own finds in the repository.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Secret } from '@homelab/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ApiClient, createApiClient } from '../../bot/src/api/client.ts'
import type { Posted } from '../../bot/src/chat/types.ts'
import { quickKey } from '../faults/support/quick-key.ts'
import { type BotProcess, homeFolder, startBot } from '../support/bot.ts'
import { requirePostgres } from '../support/postgres.ts'
import { openRestic, requireRestic, resticBinary, resticVersions } from '../support/restic.ts'

const ready = [requireRestic(), requirePostgres()].every(Boolean)
const newest = resticVersions.at(-1) ?? ''

interface Lab extends AsyncDisposable {
  readonly bot: BotProcess
  /** State folder of the simulated lab. */
  readonly folder: string
  /** Types a command, answers questions with yes, and waits for its end. */
  type(text: string): Promise<Posted>
  control<T>(path: string, body?: object): Promise<T>
}

/** As `npm start` does, with these folders first on its PATH. */
async function startLab(home: string, path: readonly string[]): Promise<Lab> {
  const { HOMELAB_CONFIG: _, HOMELAB_STATE: __, PROXMOX_URL: ___, ...rest } = process.env
  const env = { ...rest, NO_COLOR: '1', PATH: [...path, process.env.PATH].join(':') }
  const bot = await startBot(['--simulate', '--port', '0'], env, home)
  const folder = join(home, '.homelab', 'simulated')
  const token = new Secret(readFileSync(join(folder, 'api-token'), 'utf8'))
  const client: ApiClient = createApiClient({ url: bot.url, token })
  const line = readFileSync(join(folder, 'simulator.json'), 'utf8').split('\n')[0] ?? ''
  const { control } = JSON.parse(line) as { control: string }
  return {
    bot,
    folder,
    async type(text) {
      const { id } = await client.submit({ text, confirmed: true })
      for await (const posted of client.follow(id)) if (posted.state === 'done') return posted
      throw new Error(`the card of ${text} ended before`)
    },
    async control<T>(to: string, body?: object) {
      const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) }
      return (await (await fetch(`${control}${to}`, post)).json()) as T
    },
    [Symbol.asyncDispose]: () => bot[Symbol.asyncDispose](),
  }
}

const words = ({ card }: Posted): string => JSON.stringify(card)
const failure = (posted: Posted) => (posted.error === undefined ? undefined : words(posted))

describe.skipIf(!ready)('the simulated lab', () => {
  let home: Awaited<ReturnType<typeof homeFolder>>
  let lab: Lab
  const path = ready ? [dirname(resticBinary(newest))] : []

  beforeAll(async () => {
    home = await homeFolder()
    lab = await startLab(home.path, path)
    await lab.control('/faults', { taskMs: { vzdump: 50 } })
  })
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]()
    await home?.[Symbol.asyncDispose]()
  })

  const real = (name: string): string => join(lab.folder, 'real', name)
  async function restic(args: readonly string[]): Promise<string> {
    const password = readFileSync(real('restic-password'), 'utf8').trim()
    const { code, stdout, stderr } = await openRestic(newest, { repository: real('repository'), password })(
      args,
    )
    expect(stderr).toBe('')
    expect(code).toBe(0)
    return stdout
  }
  /** Of the newest snapshot of a plan, without its proof. */
  async function saved(plan: string): Promise<{ id: string; files: readonly string[]; proven: boolean }> {
    type Snapshot = { id: string; tags: readonly string[] }
    const all: Snapshot[] = JSON.parse(await restic(['snapshots', '--json', '--tag', `plan=${plan}`]))
    const newestOne = all.findLast(({ tags }) => !tags.includes('proof') && !tags.includes('drilled'))
    const id = newestOne?.id ?? ''
    const listed = (await restic(['ls', '--json', id])).trim().split('\n')
    const files = listed
      .map((line): { type?: string; path?: string } => JSON.parse(line))
      .flatMap(({ type, path: at }) => (type === 'file' && at !== undefined ? [at] : []))
    return { id, files, proven: all.some(({ tags }) => tags.includes('proof') && tags.includes(`of=${id}`)) }
  }

  it('says at its start that its backups are real', async () => {
    await lab.bot.printed(/Only its backups are real/)
    expect(lab.bot.output()).not.toContain('apt-get install')
  })

  it('saves the photos, and they can be read back', async () => {
    expect(failure(await lab.type('backup run photos'))).toBeUndefined()
    const { id, files, proven } = await saved('photos')
    expect(proven).toBe(true)
    expect(files).toHaveLength(6)
    const [photo = ''] = files
    const password = readFileSync(real('restic-password'), 'utf8').trim()
    const dumped = execFileSync(resticBinary(newest), ['dump', '--no-cache', id, photo], {
      env: { RESTIC_REPOSITORY: real('repository'), RESTIC_PASSWORD: password },
    })
    expect(dumped.subarray(1, 4).toString()).toBe('PNG')
    expect(dumped).toEqual(readFileSync(photo))
    // The lab has made it; what is tried from here on calls restic a hundred times.
    await quickKey(newest, real('repository'), password)
  })

  it('saves Nextcloud in maintenance mode, which is off again afterwards', async () => {
    expect(failure(await lab.type('backup run nextcloud'))).toBeUndefined()
    expect((await saved('nextcloud')).proven).toBe(true)
    const { events } = await lab.control<{ events: readonly { on: boolean }[] }>('/wait', {
      match: { kind: 'maintenance', vmid: 121 },
      count: 2,
      timeoutMs: 10_000,
    })
    expect(events.map(({ on }) => on)).toEqual([true, false])
    expect(words(await lab.type('status nextcloud'))).not.toContain('maintenance')
  })

  it('dumps the databases, whose rows name the photos', async () => {
    expect(failure(await lab.type('backup run postgresql'))).toBeUndefined()
    const { files, proven } = await saved('postgresql')
    expect(proven).toBe(true)
    expect(files.some((file) => file.endsWith('/immich/toc.dat'))).toBe(true)
    const drilled = await lab.type('backup drill postgresql')
    expect(failure(drilled)).toBeUndefined()
    // Six assets and a user of Immich, two users of Nextcloud.
    expect(drilled.output).toMatchObject({ tables: 3, rows: 9 })
  })

  it('saves the guests, with their configuration in the archives that go to restic', async () => {
    expect(failure(await lab.type('backup run lxc'))).toBeUndefined()
    const { id, files, proven } = await saved('lxc.120')
    expect(proven).toBe(true)
    const archive = files.find((file) => file.includes('vzdump-lxc-120-')) ?? ''
    const tar = await restic(['dump', id, archive])
    const config = execFileSync('tar', ['-xOf', '-', './etc/vzdump/pct.conf'], {
      input: tar,
      encoding: 'utf8',
    })
    expect(config).toContain('hostname: immich')
    // On the storage, and in restic: both are told, and whose they are.
    const listed = await lab.type('backup list lxc limit:1000')
    const { snapshots } = listed.output as {
      snapshots: { guest: string; snapshot: string; proven: boolean }[]
    }
    const ofImmich = snapshots.filter(({ guest }) => guest === 'immich')
    expect(ofImmich).toContainEqual(expect.objectContaining({ snapshot: id, proven: true }))
    expect(ofImmich.some(({ snapshot }) => snapshot.includes('vzdump-lxc-120-'))).toBe(true)
  })

  it('has copies of the guests in restic that come back as the archives that they were', async () => {
    const dry = await lab.type('backup drill lxc repository:b2 --dry-run')
    expect(words(dry)).toMatch(/is taken, of \d+ guests: it was never tried/)
    const drilled = async () => {
      const posted = await lab.type('backup drill lxc repository:b2')
      expect(failure(posted)).toBeUndefined()
      return posted.output as { same: number; changed: number; copy: { name: string; vmid: number } }
    }
    const first = await drilled()
    expect(first).toMatchObject({ same: 1, changed: 0 })
    const second = await drilled()
    expect(second.copy.vmid).toBeGreaterThan(first.copy.vmid)
    const { plans } = (await lab.type('backup status lxc fresh:true')).output as {
      plans: { repository: string; guests: { proven: { name: string }[]; copies?: true } }[]
    }
    const row = plans.find(({ guests }) => guests.copies)
    expect(row?.guests.proven.map(({ name }) => name)).toEqual([first.copy.name, second.copy.name])
  })

  it('is fresh in all plans, and its photos restore', async () => {
    const status = await lab.type('backup status')
    expect(status.card.title).toBe('All backups are fresh')
    const drilled = await lab.type('backup drill photos')
    expect(failure(drilled)).toBeUndefined()
    expect(drilled.output).toMatchObject({ same: 6, changed: 0 })
  })

  it('tells a copy that is not its archive, tries another guest next, and prunes nothing of the one that failed', async () => {
    const dry = words(await lab.type('backup drill lxc repository:b2 --dry-run'))
    const vmid = /\(CT (\d+) on /.exec(dry)?.[1] ?? ''
    const { files } = await saved(`lxc.${vmid}`)
    const [archive = ''] = files
    const kept = join(home.path, 'kept')
    execFileSync('cp', ['-p', archive, kept])
    const before = readFileSync(archive)
    const rotten = Buffer.from(before)
    rotten[before.length >> 1] = (rotten[before.length >> 1] ?? 0) ^ 1
    writeFileSync(archive, rotten)
    execFileSync('touch', ['-r', kept, archive])
    const failed = await lab.type('backup drill lxc repository:b2')
    expect([failed.error, words(failed)]).toEqual([
      'failed',
      expect.stringContaining('One of the two is damaged'),
    ])
    execFileSync('cp', ['-p', kept, archive])
    const next = await lab.type('backup drill lxc repository:b2')
    expect(next.output).toMatchObject({ copy: { failing: [expect.any(String)] }, same: 1 })
    const [name = ''] = (next.output as { copy: { failing: string[] } }).copy.failing
    expect(next.card.title).toContain(`not those of ${name}`)
    const status = await lab.type('backup status lxc fresh:true')
    expect(status.card.title).toBe(`All backups are fresh; the last drill of ${name} failed`)
    // The others are pruned all the same, and what failed can be tried by name.
    const pruned = await lab.type('backup prune lxc')
    expect(pruned.error).toBe('failed')
    expect(pruned.card).toMatchObject({
      title: expect.stringContaining(`but for Backblaze B2 as a folder, ${name}`),
      tone: 'error',
    })
    expect(words(pruned)).toContain(`backup drill lxc repository:b2 guest:${vmid}`)
    const again = await lab.type(`backup drill lxc repository:b2 guest:${vmid}`)
    expect(again.output).toMatchObject({ same: 1, copy: { name, failing: [] } })
    expect((await lab.type('backup prune lxc')).card.tone).toBe('ok')
    expect((await lab.type('backup status lxc fresh:true')).card.title).toBe('All backups are fresh')
  })

  it('has a copy that comes back when its archive is gone, and calls nothing whole that was compared with nothing', async () => {
    const { files } = await saved('lxc.120')
    const [archive = ''] = files
    const kept = join(home.path, 'archive')
    renameSync(archive, kept)
    const posted = await lab.type('backup drill lxc repository:b2 guest:120')
    const storage = readdirSync(dirname(dirname(archive)))
    renameSync(kept, archive)
    expect(storage.filter((name) => name.startsWith('homelab-drill'))).toEqual([])
    expect(failure(posted)).toBeUndefined()
    expect(posted.output).toMatchObject({ same: 0, changed: 1, copy: { name: 'immich' } })
    expect(posted.card).toMatchObject({
      title: expect.stringMatching(/: the copy of immich comes back$/),
      tone: 'neutral',
    })
    expect(words(posted)).toContain('with nothing: its archive is gone')
  })

  it('makes no storage where there is none, says so, and blames no copy for it', async () => {
    const { files } = await saved('lxc.120')
    const folder = dirname(files[0] ?? '')
    const away = join(home.path, 'away')
    renameSync(folder, away)
    const posted = await lab.type('backup drill lxc repository:b2 guest:120')
    const made = [
      existsSync(folder),
      ...readdirSync(dirname(folder)).map((name) => name.startsWith('homelab-')),
    ]
    renameSync(away, folder)
    expect(made).not.toContain(true)
    expect([posted.error, words(posted)]).toEqual([
      'failed',
      expect.stringContaining('The storage that its archive was on is not there'),
    ])
    const status = await lab.type('backup status lxc fresh:true')
    expect(status.card.title).toBe('All backups are fresh')
  })

  it('prunes the others by force too, when nothing of one can be forced', async () => {
    type Snapshot = { id: string; tags: readonly string[] }
    const of = async (plan: string): Promise<readonly Snapshot[]> =>
      JSON.parse(await restic(['snapshots', '--json', '--tag', `plan=${plan}`]))
    const proofs = (await of('lxc.121')).filter(({ tags }) => tags.includes('proof'))
    await restic(['forget', ...proofs.map(({ id }) => id)])
    const left = await of('lxc.121')
    const pruned = await lab.type('backup prune lxc force:true')
    expect([pruned.error, pruned.card.title]).toEqual([
      'failed',
      expect.stringMatching(/^LXC configs is pruned, but for [^,]+, nextcloud$/),
    ])
    expect(words(pruned)).toMatch(/nothing of LXC configs \(121\) in .* is proven/)
    expect(await of('lxc.121')).toEqual(left)
  })

  it('puts a file back beside the one that is there', async () => {
    const { files } = await saved('photos')
    const [photo = ''] = files
    expect(failure(await lab.type(`backup restore photos path:${photo} to:${photo}.old`))).toBeUndefined()
    expect(readFileSync(`${photo}.old`)).toEqual(readFileSync(photo))
  })

  it('keeps what its commands remove or move within its own folder', async () => {
    const outside = join(home.path, 'precious')
    mkdirSync(outside)
    expect(
      failure(await lab.type(`backup restore photos path:${real('photos')} to:${outside}/photos`)),
    ).toBeDefined()
    expect(readdirSync(outside)).toEqual([])
    // And no job leaves anything there, its keys least of all.
    expect(readdirSync(join(real('jobs'), 'jobs'))).toEqual([])
    expect(readdirSync(join(real('jobs'), 'secrets'))).toEqual([])
  })

  it('has its repository at the next start too', async () => {
    await lab[Symbol.asyncDispose]()
    lab = await startLab(home.path, path)
    const { card } = await lab.type('backup list photos')
    expect(JSON.stringify(card)).toContain('proven')
  })
})

const installed = ['/usr/local/bin', '/usr/bin', '/bin', '/usr/sbin', '/sbin'].some((folder) =>
  existsSync(join(folder, 'restic')),
)

describe.skipIf(installed)('without restic on the machine', () => {
  it('says what to install, at the start and in the card of a run', async () => {
    await using home = await homeFolder()
    await using lab = await startLab(home.path, [])
    // Told a moment after it is ready.
    await lab.bot.printed(/restic \(apt-get install restic\)/)
    const posted = await lab.type('backup run photos')
    expect(posted.error).toBe('config')
    expect(words(posted)).toContain('restic is not installed')
    expect(words(await lab.type('backup plans'))).toContain('photos')
    expect(existsSync(join(lab.folder, 'real', 'repository'))).toBe(false)
  })
})
