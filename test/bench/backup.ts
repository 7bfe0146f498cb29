/**
 * `backup run` against the same programs in a shell, and `backup status` over thousands of snapshots. Every program that a
 * backup starts is timed where it runs, so that what is ours is told apart from what restic and pg_dump take.
 */
import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type Planted, plantSnapshots } from '../faults/support/quick-key.ts'
import { type BackupLab, openBackupLab, password } from '../support/backup-lab.ts'
import { requirePostgres } from '../support/postgres.ts'
import { requireRestic, resticBinary, resticVersions } from '../support/restic.ts'
import type { Bench, Row } from './support/row.ts'
import { median } from './support/stats.ts'

const run = promisify(execFile)
const ROUNDS = 5
const FILES = 400
const FILE_BYTES = 256 * 1024
const TABLE_ROWS = 400_000
const PLANS = 10
const SNAPSHOTS = 5_000

export const backup: Bench = {
  name: 'backup',
  title: 'Backups',
  async run() {
    if (![requireRestic(), requirePostgres()].every(Boolean)) return []
    return [...(await running()), ...(await standing())]
  },
}

async function running(): Promise<readonly Row[]> {
  const version = resticVersions[0] ?? ''
  // Of this run alone: a plan's lock is the whole machine's.
  const tag = randomBytes(3).toString('hex')
  const [photos, database] = [`photos-${tag}`, `database-${tag}`]
  await using lab = await openBackupLab({
    version,
    yaml: ({ dir, postgres }) => `
repositories:
  here: { restic: ${dir}/ours, password: env:RESTIC_PASSWORD }
backups:
  ${photos}: { method: restic, node: pve, paths: ['${dir}/photos'], to: [here], schedule: daily }
  ${database}:
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
  })
  for (const name of ['ours', 'bare']) await lab.restic(join(lab.dir, name), ['init'])
  for (let count = 0; count < FILES; count += 1)
    writeFileSync(join(lab.dir, 'photos', `${count}.jpg`), randomBytes(FILE_BYTES))
  await lab.postgres.createDatabase('immich')
  await lab.postgres.psql(
    'immich',
    `CREATE TABLE assets AS SELECT id, md5(id::text) || md5((id + 1)::text) AS hash FROM generate_series(1, ${TABLE_ROWS}) AS id`,
  )
  const log = join(lab.dir, 'times')
  writeFileSync(log, '')
  chmodSync(log, 0o666)
  for (const on of [lab.host, lab.host.container(102)]) {
    on.program('restic', timed(resticBinary(version), 'restic', log))
    // As the job calls them where there is one version: not by Debian's script in Perl.
    for (const name of ['pg_dump', 'pg_dumpall', 'pg_restore', 'psql'])
      on.program(name, timed(join(lab.postgres.binDir, name), name, log))
  }
  // What the timing itself costs is none of ours.
  const timing = await costOfTiming(lab.dir, log)
  const bare = (name: string, script: string) => bareTime(lab, name, script)
  const files = `"$RESTIC" backup --json '${lab.dir}/photos'`
  const piped = `pg_dump -h '${lab.postgres.socketDir}' -p ${lab.postgres.port} -U postgres -Fc -Z0 immich | "$RESTIC" backup --json --stdin --stdin-filename immich`

  // The first ones save everything, and are measured once; then nothing has changed any more.
  const firstBare = await bare('bare', files)
  const first = await ours(lab, photos, log, timing)
  await bare('bare', piped)
  await ours(lab, database, log, timing)
  const rounds: { files: Measured; bareFiles: Bare; dump: Measured; bareDump: Bare }[] = []
  for (let round = 0; round < ROUNDS; round += 1)
    rounds.push({
      bareFiles: await bare('bare', files),
      files: await ours(lab, photos, log, timing),
      bareDump: await bare('bare', piped),
      dump: await ours(lab, database, log, timing),
    })
  const fresh = await newPieces(lab, database)
  const mid = (of: (round: (typeof rounds)[number]) => number) => median(rounds.map(of))
  const restic = `restic ${version} alone`
  const shell = 'pg_dump | restic in a shell'
  const size = `${Math.round((FILES * FILE_BYTES) / 1e6)} MB in ${FILES} files`
  return [
    {
      what: `files, ${size}, all new: until it is proven`,
      value: first.ms,
      unit: 'ms',
      alternative: { name: restic, value: firstBare.ms },
    },
    {
      what: 'of that neither restic nor verification',
      value: first.own,
      unit: 'ms',
      atMost: { value: 500 + firstBare.ms / 100 },
    },
    {
      what: 'files, nothing changed: until it is proven, median',
      value: mid(({ files }) => files.ms),
      unit: 'ms',
      alternative: { name: restic, value: mid(({ bareFiles }) => bareFiles.ms) },
    },
    {
      what: 'of that verification (read back, proof and look)',
      value: mid(({ files }) => files.verified),
      unit: 'ms',
    },
    {
      what: 'of that neither restic nor verification',
      value: mid(({ files }) => files.own),
      unit: 'ms',
      atMost: { value: 500 + mid(({ bareFiles }) => bareFiles.ms) / 100 },
    },
    {
      what: 'a database, nothing changed: until it is proven, median',
      value: mid(({ dump }) => dump.ms),
      unit: 'ms',
      alternative: { name: shell, value: mid(({ bareDump }) => bareDump.ms) },
    },
    {
      what: 'of that verification (rows counted, dump read to its end, read back, proof and look)',
      value: mid(({ dump }) => dump.verified),
      unit: 'ms',
    },
    {
      what: 'of that neither restic, pg_dump nor verification',
      value: mid(({ dump }) => dump.own),
      unit: 'ms',
      atMost: { value: 500 + mid(({ bareDump }) => bareDump.ms) / 100 },
    },
    {
      what: 'of a database that has not changed: new pieces of data in the repository',
      value: fresh,
      unit: 'blobs',
      atMost: { value: 0 },
    },
    {
      what: 'and new bytes with the names and times of its files',
      value: mid(({ dump }) => dump.added),
      unit: 'bytes',
      alternative: { name: shell, value: mid(({ bareDump }) => bareDump.added) },
    },
  ]
}

/** Of the newest snapshot against the one before. */
async function newPieces(lab: BackupLab, plan: string): Promise<number> {
  const repository = join(lab.dir, 'ours')
  const data = (await lab.snapshots(repository, plan)).filter(({ tags }) => !tags.includes('proof'))
  const { stdout } = await lab.restic(repository, ['diff', ...data.slice(-2).map(({ id }) => id)])
  return Number(/^Data Blobs:\s+(\d+) new/m.exec(stdout)?.[1] ?? Number.NaN)
}

interface Measured {
  readonly ms: number
  readonly verified: number
  /** What is left when the programs are taken away. */
  readonly own: number
  readonly added: number
}

async function ours(lab: BackupLab, plan: string, log: string, timing: number): Promise<Measured> {
  writeFileSync(log, '')
  const began = performance.now()
  const posted = await lab.type(`backup run ${plan}`)
  const ms = performance.now() - began
  const [done] = outputOf<{ done: readonly { added: number }[] }>(posted).done
  const took = readFileSync(log, 'utf8')
    .trim()
    .split('\n')
    .map((line) => line.split(' '))
    .map(([name = '', verb = '', nanos]) => ({ name, verb, ms: Number(nanos) / 1e6 }))
  const sum = (list: typeof took) => list.reduce((all, one) => all + one.ms, 0)
  const saves = took.filter(({ name, verb }) => name === 'restic' && verb === 'backup')
  const looks = took.filter(
    ({ name, verb }) => ['ls', 'dump', 'snapshots'].includes(verb) || name === 'pg_restore',
  )
  const dumps = took.filter(({ name, verb }) => name.startsWith('pg_dump') && verb !== '--help')
  // The psql that holds the moment of the dump counts the rows after it; the other one looks whether there is room.
  const holding = took.filter(({ name }) => name === 'psql').reduce((most, one) => Math.max(most, one.ms), 0)
  const dumping = sum(dumps.filter(({ name }) => name === 'pg_dump'))
  const verified = sum(saves.slice(1)) + sum(looks) + Math.max(0, holding - dumping)
  const own = ms - verified - sum(saves.slice(0, 1)) - sum(dumps) - timing * took.length
  return { ms, verified, own, added: done?.added ?? 0 }
}

interface Bare {
  readonly ms: number
  readonly added: number
}

/** The same in a shell on the machine itself, without SSH. */
async function bareTime(lab: BackupLab, name: string, script: string): Promise<Bare> {
  const env = {
    PATH: '/usr/local/bin:/usr/bin:/bin',
    HOME: lab.dir,
    RESTIC: resticBinary(resticVersions[0] ?? ''),
    RESTIC_REPOSITORY: join(lab.dir, name),
    RESTIC_PASSWORD: password,
    RESTIC_PROGRESS_FPS: '1',
  }
  const began = performance.now()
  const { stdout } = await run('sh', ['-c', script], { env, maxBuffer: 64 * 1024 ** 2 })
  const ms = performance.now() - began
  return { ms, added: Number(/"data_added":(\d+)/.exec(stdout.split('\n').at(-2) ?? '')?.[1] ?? Number.NaN) }
}

/** Milliseconds by which a program takes longer because it is timed. */
async function costOfTiming(dir: string, log: string): Promise<number> {
  const wrapper = join(dir, 'nothing')
  writeFileSync(wrapper, timed('/bin/true', 'true', log), { mode: 0o755 })
  const of = async (program: string) => {
    const times: number[] = []
    for (let round = 0; round < 20; round += 1) {
      const began = performance.now()
      await run(program)
      times.push(performance.now() - began)
    }
    return median(times)
  }
  const alone = await of('/bin/true')
  return Math.max(0, (await of(wrapper)) - alone)
}

const timed = (program: string, name: string, log: string): string => `#!/bin/sh
began=$(date +%s%N)
'${program}' "$@"
code=$?
echo "${name} $1 $(($(date +%s%N) - began))" >>'${log}'
exit $code
`

/** Real snapshots of a real restic, with a key of its usual cost; only that they were never saved one by one. */
async function standing(): Promise<readonly Row[]> {
  const version = resticVersions[0] ?? ''
  const plans = Array.from({ length: PLANS }, (_, index) => `plan-${index}`)
  await using lab = await openBackupLab({
    version,
    yaml: ({ dir }) => `
repositories:
  here: { restic: ${dir}/repository, password: env:RESTIC_PASSWORD }
backups:
${plans.map((name) => `  ${name}: { method: restic, node: pve, paths: ['${dir}/photos'], to: [here], schedule: daily }`).join('\n')}
`,
  })
  const repository = join(lab.dir, 'repository')
  await lab.restic(repository, ['init'])
  await plantSnapshots(version, repository, password, planted(plans))
  const times: number[] = []
  const alone: number[] = []
  for (let round = 0; round < ROUNDS; round += 1) {
    times.push(await typed(lab, 'backup status fresh:true'))
    const { ms } = await bareTime(lab, 'repository', '"$RESTIC" snapshots --json --no-lock | tail -c 2')
    alone.push(ms)
  }
  const warm: number[] = []
  for (let round = 0; round < 4 * ROUNDS; round += 1) warm.push(await typed(lab, 'backup status'))
  const size = `${PLANS} plans and ${SNAPSHOTS.toLocaleString('en')} snapshots`
  const name = 'restic snapshots --json alone'
  return [
    {
      what: `status of ${size}, the first time (restic has no cache)`,
      value: times[0] ?? Number.NaN,
      unit: 'ms',
      atMost: { value: 2_000 },
      alternative: { name, value: alone[0] ?? Number.NaN },
    },
    {
      what: `status of ${size}, looked at anew, median`,
      value: median(times.slice(1)),
      unit: 'ms',
      atMost: { value: 2_000 },
      alternative: { name, value: median(alone.slice(1)) },
    },
    {
      what: `status of ${size}, within a minute, median`,
      value: median(warm),
      unit: 'ms',
      atMost: { value: 50 },
    },
  ]
}

async function typed(lab: BackupLab, text: string): Promise<number> {
  const began = performance.now()
  const posted = await lab.type(text)
  const ms = performance.now() - began
  const rows = outputOf<{ plans: readonly { count: number }[] }>(posted).plans
  const count = rows.reduce((sum, row) => sum + row.count, 0)
  if (count !== SNAPSHOTS / 2) throw new Error(`${count} proven snapshots: ${JSON.stringify(posted.card)}`)
  return ms
}

/** Half of them data, each with its proof; an hour apart. */
function* planted(plans: readonly string[]): Generator<Planted | ((ids: readonly string[]) => Planted)> {
  const now = Date.now()
  for (let pair = 0; pair < SNAPSHOTS / 2; pair += 1) {
    const plan = plans[pair % plans.length] ?? ''
    const about = {
      time: new Date(now - pair * 3_600_000).toISOString(),
      hostname: 'homelab-pve',
      paths: ['/photos'],
      tree: createHash('sha256').update(String(pair)).digest('hex'),
    }
    const tags = [`plan=${plan}`, `run=run${pair}`]
    yield { ...about, tags }
    yield (ids) => ({
      ...about,
      tags: ['proof', ...tags, `of=${ids.at(-1)}`, `files=${pair + 1000}`, `bytes=1000000`],
    })
  }
}

function outputOf<T>(posted: Posted): T {
  if (posted.error !== undefined && posted.output === undefined) throw new Error(JSON.stringify(posted.card))
  return posted.output as T
}
