/**
 * Many backups, most of them with a fault at a random moment. After each, a restic of its own restores what counts as proven
 * and compares it with what was live: nothing that was proven may be lost, nothing may be called good that is not.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { randomFrom } from '../../bench/support/stats.ts'
import { resticVersions } from '../../support/restic.ts'
import { type FaultLab, jobsOf, openFaultLab, told, until } from './backup-lab.ts'

const faults = ['none', 'ssh', 'job', 'child', 'cancel', 'missing', 'twice'] as const
type Fault = (typeof faults)[number]

export interface SoakOptions {
  readonly runs: number
  readonly seed: number
  readonly say: (text: string) => void
}

export interface SoakReport {
  readonly runs: number
  readonly proven: number
  /** Runs by the fault that they had, and how many of each were called good. */
  readonly faults: Readonly<Record<string, { runs: number; good: number }>>
  /** Proven before, and gone. */
  readonly lost: readonly string[]
  /** Called good without a proof, or proven and not what was live. */
  readonly wronglyGood: readonly string[]
  /** Job folders, dumps and locks that stay though nobody is at work. */
  readonly left: readonly string[]
  /** Cancelled while restic 0.14 had just made its lock: it leaves it behind, and `backup unlock` removes it. */
  readonly staleLocks: number
}

export async function soakBackups({ runs, seed, say }: SoakOptions): Promise<SoakReport> {
  const random = randomFrom(seed)
  const below = (limit: number) => Math.floor(random() * limit)
  await using lab = await openSoakLab()
  const [photos, database] = [lab.plan('photos'), lab.plan('database')]
  const counts: Record<string, { runs: number; good: number }> = {}
  const lost: string[] = []
  const wronglyGood: string[] = []
  const left: string[] = []
  let staleLocks = 0
  const known = new Map<string, Set<string>>([photos, database].map((plan) => [plan, new Set()]))
  let rows = 1000
  for (let round = 0; round < runs; round += 1) {
    const plan = below(3) === 0 ? database : photos
    // Each fault comes as often as the others, whatever the seed.
    const fault: Fault = faults[round % faults.length] ?? 'none'
    const about = `run ${round} (${plan}, ${fault})`
    writeFileSync(join(lab.dir, 'photos', 'newest.jpg'), `of round ${round}`)
    rows += 1
    await lab.postgres.psql('immich', `INSERT INTO assets VALUES (${rows})`)

    const posted = await faulty(lab, plan, fault, below(2_500))
    const had = counts[fault] ?? { runs: 0, good: 0 }
    counts[fault] = { runs: had.runs + 1, good: had.good + (posted.error === undefined ? 1 : 0) }
    // A killed job leaves its programs behind, which hold the plan until they are done.
    await until(() => isFree(plan), `${plan} is free`)

    const end = await lab.end(plan)
    const before = known.get(plan) ?? new Set()
    for (const run of before) if (!end.proven.includes(run)) lost.push(`${about}: ${run}`)
    const fresh = end.proven.filter((run) => !before.has(run))
    known.set(plan, new Set(end.proven))
    if (posted.error === undefined && fresh.length === 0) wronglyGood.push(`${about}: no proof`)
    for (const run of fresh) {
      const whole = plan === photos ? await photosWhole(lab, run, round) : await rowsWhole(lab, run, rows)
      if (!whole) wronglyGood.push(`${about}: ${run} is not what was live`)
    }
    for (const path of end.jobs) left.push(`${about}: ${path}`)
    // restic 0.14 leaves the lock of one that was killed, and so does whatever is killed with it.
    if (fault === 'cancel') staleLocks += end.locks
    else if (fault !== 'child' && fault !== 'job' && end.locks > 0) left.push(`${about}: ${end.locks} locks`)
    await lab.restic(lab.repository, ['unlock', '--remove-all'])
    say(`${about}: ${posted.error ?? 'good'}${posted.error === 'bug' ? ` ${told(posted).text}` : ''}`)
  }
  const proven = [...known.values()].reduce((sum, all) => sum + all.size, 0)
  if (existsSync(join(lab.dir, 'staging', database))) {
    // Only the next backup removes what a killed one had dumped.
    await lab.type(`backup run ${database}`)
    if (existsSync(join(lab.dir, 'staging', database))) left.push('a dump')
  }
  return { runs, proven, faults: counts, lost, wronglyGood, left, staleLocks }
}

const openSoakLab = (): Promise<FaultLab> =>
  openFaultLab({
    version: resticVersions[0] ?? '',
    yaml: ({ dir, postgres, plan }) => `
backups:
  ${plan('photos')}: { method: restic, node: pve, paths: ['${dir}/photos'], to: [here], schedule: daily }
  ${plan('database')}:
    method: pg_dump
    service: postgresql
    databases: [immich]
    user: postgres
    host: ${postgres.socketDir}
    port: ${postgres.port}
    staging: ${dir}/staging
    to: [here]
    schedule: daily
`,
  }).then(async (lab) => {
    await lab.postgres.createDatabase('immich')
    await lab.postgres.psql('immich', 'CREATE TABLE assets AS SELECT generate_series(1, 1000) AS id')
    return lab
  })

async function faulty(lab: FaultLab, plan: string, fault: Fault, ms: number) {
  const photos = join(lab.dir, 'photos')
  if (fault === 'missing') renameSync(photos, `${photos}.gone`)
  const run = lab.type(`backup run ${plan}`)
  const other = fault === 'twice' ? lab.type(`backup run ${plan}`) : undefined
  await delay(ms)
  if (fault === 'ssh') lab.host.sshd.sessionPids().forEach(kill)
  if (fault === 'cancel') await lab.desk.interrupt()
  if (fault === 'job' || fault === 'child') {
    const job = pidOf(plan)
    if (job !== undefined && fault === 'job') kill(job)
    if (job !== undefined && fault === 'child') below(job).slice(-1).forEach(kill)
  }
  const posted = await run
  const second = await other
  if (fault === 'missing') renameSync(`${photos}.gone`, photos)
  // Of two at once whichever was good.
  return second !== undefined && posted.error !== undefined ? second : posted
}

/** As this machine counts it: what runs in a container has another number inside. */
function pidOf(plan: string): number | undefined {
  const [folder] = jobsOf(plan)
  if (folder === undefined) return undefined
  const found = spawnSync('pgrep', ['-f', `sh ${folder}/job`], { encoding: 'utf8' }).stdout.split('\n')[0]
  return found === undefined || found === '' ? undefined : Number(found)
}

/** Its children, and theirs, the deepest last. */
function below(pid: number): readonly number[] {
  try {
    const text = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    const children = text === '' ? [] : text.split(' ').map(Number)
    return [...children, ...children.flatMap(below)]
  } catch {
    return []
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone by itself.
  }
}

const isFree = (plan: string): boolean =>
  spawnSync('flock', ['-n', `/var/lib/homelab/locks/${plan}`, 'true']).status !== 1

async function restored<T>(lab: FaultLab, run: string, look: (folder: string) => T): Promise<T> {
  const folder = mkdtempSync(join(lab.dir, 'restored-'))
  try {
    const { stdout } = await lab.restic(lab.repository, ['snapshots', '--json', '--tag', `run=${run}`])
    const data = (JSON.parse(stdout) as { id: string; tags: string[] }[]).find(
      ({ tags }) => !tags.includes('proof'),
    )
    const { code } = await lab.restic(lab.repository, ['restore', data?.id ?? '', '--target', folder])
    return look(code === 0 ? folder : '/nonexistent')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const photosWhole = (lab: FaultLab, run: string, round: number): Promise<boolean> =>
  restored(lab, run, (folder) => {
    const file = join(folder, lab.dir, 'photos', 'newest.jpg')
    return existsSync(file) && readFileSync(file, 'utf8') === `of round ${round}`
  })

/** Every row, read by pg_restore itself. */
const rowsWhole = (lab: FaultLab, run: string, rows: number): Promise<boolean> =>
  restored(lab, run, (folder) => {
    const dumps = spawnSync('find', [folder, '-name', 'toc.dat', '-printf', '%h\n'], { encoding: 'utf8' })
    const [dump = ''] = dumps.stdout.split('\n')
    const { status, stdout } = spawnSync('pg_restore', ['-a', '-f', '-', dump], { encoding: 'utf8' })
    return status === 0 && stdout.split('\n').filter((line) => /^\d+$/.test(line)).length === rows
  })
