/** The job of a drill of files, run by itself with a real restic: what else happens on the machine meanwhile, and where it may write. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { filesDrillText, type Scratch, scratchBeside } from '../../core/src/backup/job/drill-files-script.ts'
import { troubleOf } from '../../core/src/backup/restic/errors.ts'
import { quickRepository } from '../faults/support/quick-key.ts'
import { openRestic, requireRestic, resticBinary, resticVersions } from '../support/restic.ts'

const version = resticVersions.at(-1) ?? ''
const content = 'an archive of a guest'
const day = 86_400_000

describe.skipIf(!requireRestic())('the job of a drill of a copy', () => {
  const dir = mkdtempSync(join(tmpdir(), 'homelab-drill-script-'))
  const [repository, storage, programs] = ['repository', 'storage', 'programs'].map((name) =>
    join(dir, name),
  ) as [string, string, string]
  const archive = join(storage, 'dump', 'vzdump-lxc-110.tar')
  const programOf = (name: string): string => join(programs, name)
  let snapshot = ''
  let runs = 0
  const begun: ChildProcess[] = []

  beforeAll(async () => {
    for (const folder of [join(storage, 'dump'), programs]) mkdirSync(folder, { recursive: true })
    write(content)
    await quickRepository(version, repository, 'password')
    const { stdout } = await openRestic(version, { repository })(['backup', '--json', archive])
    snapshot = JSON.parse(stdout.trim().split('\n').at(-1) ?? '').snapshot_id
  })
  beforeEach(() => {
    rmSync(programs, { recursive: true, force: true })
    mkdirSync(programs)
  })
  afterAll(() => {
    // What a test that failed has left waiting.
    for (const { pid, exitCode } of begun)
      if (exitCode === null && pid !== undefined) process.kill(-pid, 'SIGKILL')
    rmSync(dir, { recursive: true, force: true })
  })

  /** At a whole second, which is all that Node can set again. */
  function write(text: string): void {
    writeFileSync(archive, text)
    const at = new Date('2026-11-20T02:00:00Z')
    utimesSync(archive, at, at)
  }

  /** A program of the machine that does this instead. */
  function program(name: string, lines: string): void {
    writeFileSync(programOf(name), `#!/bin/sh\n${lines}\n`)
    chmodSync(programOf(name), 0o755)
  }

  interface Job {
    readonly folder: string
    readonly process: ChildProcess
    /** `0 done -`: code, stage and reason. */
    readonly end: Promise<string>
    /** Whether it has said that. */
    said(text: string): boolean
  }

  function begin(scratch: Scratch = scratchBeside(archive)): Job {
    runs += 1
    const run = `drill${runs}`
    const folder = join(dir, 'jobs', run)
    mkdirSync(folder, { recursive: true })
    const { size, uid, gid, mode } = existsSync(archive) ? statSync(archive) : found
    const rights = (mode & 0o777).toString(8)
    const base = {
      directory: folder,
      environment: join(dir, 'none'),
      lock: join(dir, 'locks', run),
      plan: 'copy',
      run,
      host: 'pve',
      restic: existsSync(programOf('restic')) ? programOf('restic') : resticBinary(version),
      secrets: ['RESTIC_PASSWORD'],
      before: [],
      after: [],
    }
    const sample = [{ path: archive, size, uid, gid, rights }]
    const text = filesDrillText(base, { snapshot, files: 1, bytes: size, sample, scratch })
    writeFileSync(join(folder, 'job'), text)
    const env = {
      PATH: [programs, process.env.PATH].join(':'),
      HOME: dir,
      RESTIC_REPOSITORY: repository,
      RESTIC_PASSWORD: 'password',
    }
    const child = spawn('sh', [join(folder, 'job')], { env, stdio: 'ignore', detached: true })
    begun.push(child)
    const end = once(child, 'exit').then(() => readFileSync(join(folder, 'rc'), 'utf8').trim())
    const out = join(folder, 'out.jsonl')
    return {
      folder,
      process: child,
      end,
      said: (words) => existsSync(out) && readFileSync(out, 'utf8').includes(words),
    }
  }
  const found = {
    size: content.length,
    uid: process.getuid?.() ?? 0,
    gid: process.getgid?.() ?? 0,
    mode: 0o644,
  }
  const drills = async (): Promise<number> => {
    const { stdout } = await openRestic(version, { repository })(['snapshots', '--json', '--tag', 'drilled'])
    return JSON.parse(stdout).length
  }
  const left = (): string[] => readdirSync(storage).filter((name) => name !== 'dump')

  it('passes when both are the same, and leaves nothing', async () => {
    const before = await drills()
    const job = begin()
    expect(await job.end).toBe('0 done -')
    expect(await drills()).toBe(before + 1)
    expect(job.said('"same":1,"changed":0')).toBe(true)
    expect(left()).toEqual([])
  })

  describe('while the archive on the storage', () => {
    const sums = '/usr/bin/sha256sum'
    const drilled = async (meanwhile: string) => {
      // Before the first of the two is read, after both were looked at.
      program('sha256sum', `${meanwhile}\nexec ${sums}`)
      const job = begin()
      const end = await job.end
      write(content)
      return { job, end }
    }

    it.each([
      { what: 'is removed by a retention', meanwhile: `rm -f ${archive}` },
      { what: 'is written anew', meanwhile: `echo more >>${archive}` },
      {
        what: 'becomes another of the same size and time',
        meanwhile: `[ -f ${join(dir, 'ref')} ] || { cp -p ${archive} ${join(dir, 'ref')}; printf X | dd of=${archive} conv=notrunc 2>/dev/null; touch -r ${join(dir, 'ref')} ${archive}; }`,
      },
    ])('$what, nothing is held against the copy', async ({ meanwhile }) => {
      const before = await drills()
      const { job, end } = await drilled(meanwhile)
      expect(end).toBe('0 done -')
      expect(await drills()).toBe(before + 1)
      expect(job.said('"same":0,"changed":1')).toBe(true)
    })

    it('cannot be read, it is not the copy that is blamed', async () => {
      const before = await drills()
      const second = `[ ! -f ${join(dir, 'once')} ] || exit 1\ntouch ${join(dir, 'once')}`
      const { end } = await drilled(second)
      expect(end).toBe('65 compare live-unreadable')
      expect(await drills()).toBe(before)
    })
  })

  describe('whose packs', () => {
    const tried = join(dir, 'tried')
    const times = () => readFileSync(tried, 'utf8').length
    /** It cannot fetch them so often, and does that. */
    const failing = (often: number, instead: string) => {
      rmSync(tried, { force: true })
      const first = `printf x >>'${tried}'; if [ "$(wc -c <'${tried}')" -le ${often} ]; then ${instead}; fi`
      program(
        'restic',
        `case " $* " in *' restore '*) ${first} ;; esac\nexec '${resticBinary(version)}' "$@"`,
      )
    }
    const pack = '90b0097ca2482783832e13720a075863b38f9ba46c0afd4c30828ca05f7366f1'
    const says = (words: string) => `printf '%s\\n' '${words}' >&2; exit 1`
    const away = (folder: string) => {
      const [from, to] = [join(repository, 'data'), join(dir, folder)]
      return `mv '${from}' '${to}'; mkdir '${from}'; '${resticBinary(version)}' "$@"; code=$?; rm -r '${from}'; mv '${to}' '${from}'; exit $code`
    }

    it.each([
      { what: 'a prune has just moved', instead: away('moved') },
      {
        what: 'are gone as 0.14 says it',
        instead: says(
          `Load(<data/90b0097ca2>, 282, 0) returned error, retrying after 552ms: unexpected EOF\nignoring error for /a: StreamPack: open /r/data/90/${pack}: no such file or directory\nFatal: There were 2 errors`,
        ),
      },
      {
        what: 'a store has not',
        instead: says('Load(<data/90>, 1, 0) failed: The specified key does not exist.'),
      },
      { what: 'are in no index', instead: says('Fatal: id 90b0097c not found in repository') },
    ])('$what, are looked for once more', async ({ instead }) => {
      const before = await drills()
      failing(1, instead)
      const job = begin()
      expect(await job.end).toBe('0 done -')
      expect(await drills()).toBe(before + 1)
      expect(times()).toBe(2)
      // Whatever comes later is not told by it.
      expect(readFileSync(join(job.folder, 'err'), 'utf8')).toBe('')
      expect(left()).toEqual([])
    })

    it('are gone the second time as well, are gone', async () => {
      failing(2, away('gone'))
      const job = begin()
      expect(await job.end).toBe('69 fetch restic')
      expect(times()).toBe(2)
      expect(troubleOf(1, readFileSync(join(job.folder, 'err'), 'utf8'))).toBe('damaged')
    })

    it.each([
      `ignoring error for /a: StreamPack: open /r/data/90/${pack}: no such file or directory\nignoring error for /b: ciphertext verification failed`,
      'ignoring error for /a: StreamPack: ReadFull: unexpected EOF\nignoring error for /a: UtimesNano: no such file or directory',
      'Fatal: dial tcp 10.0.0.9:443: connect: connection refused',
    ])('are not fetched twice for what no other index mends: %s', async (words) => {
      failing(1, says(words))
      expect(await begin().end).toBe('69 fetch restic')
      expect(times()).toBe(1)
    })
  })

  it('fails when they differ and nobody has touched the one that is live', async () => {
    write(content.toUpperCase())
    const before = await drills()
    expect(await begin().end).toBe('67 compare differs')
    expect(await drills()).toBe(before)
    write(content)
  })

  it('says how far it is with a large one, and ends at once when it is told to', async () => {
    program('sha256sum', 'dd bs=7 count=1 of=/dev/null 2>/dev/null\nexec sleep 600')
    const job = begin()
    await expect
      .poll(() => job.said(`"done":7,"total":${2 * content.length}`), { timeout: 20_000 })
      .toBe(true)
    const hashing = readFileSync(join(job.folder, 'hashing'), 'utf8').trim()
    const told = Date.now()
    job.process.kill('SIGTERM')
    expect(await job.end).toBe('130 compare cancelled')
    expect(Date.now() - told).toBeLessThan(20_000)
    expect(existsSync(`/proc/${hashing}`)).toBe(false)
    expect(left()).toEqual([])
  })

  describe('beside the archives', () => {
    const away = join(dir, 'away')

    it.each([
      { what: 'a storage that is not there', folder: storage },
      { what: 'the empty folder where it was mounted', folder: join(storage, 'dump') },
    ])('makes nothing in place of $what', async ({ folder }) => {
      renameSync(folder, away)
      const end = await begin().end
      const made = existsSync(folder) || (folder !== storage && left().length > 0)
      renameSync(away, folder)
      expect(made).toBe(false)
      expect(end).toBe('65 look no-storage')
    })

    it.each([
      { free: 100_001, end: '0 done -' },
      { free: 100_000, end: '77 look storage-room' },
    ])('leaves a tenth of the disk free: $free of 1000000', async ({ free, end }) => {
      program('df', `printf ' 1K-blocks Avail\\n   1000000 ${free}\\n'`)
      expect(await begin().end).toBe(end)
      expect(left()).toEqual([])
    })

    it('leaves what another node may still be at, and removes what none can be', async () => {
      const aged = (name: string, days: number) => {
        mkdirSync(join(storage, name))
        const at = new Date(Date.now() - days * day)
        utimesSync(join(storage, name), at, at)
      }
      aged('homelab-drill-running', 3)
      aged('homelab-drill-dead', 4.1)
      expect(await begin().end).toBe('0 done -')
      expect(left()).toEqual(['homelab-drill-running'])
      rmSync(join(storage, 'homelab-drill-running'), { recursive: true })
    })
  })

  it('in a folder of ours makes it, and removes what is a day old', async () => {
    const folder = join(dir, 'drills')
    expect(await begin({ folder }).end).toBe('0 done -')
    mkdirSync(join(folder, 'homelab-drill-dead'))
    const at = new Date(Date.now() - 1.1 * day)
    utimesSync(join(folder, 'homelab-drill-dead'), at, at)
    expect(await begin({ folder }).end).toBe('0 done -')
    expect(readdirSync(folder)).toEqual([])
  })
})
