/** The commands of the runbook and of the kit, as they stand, on a real repository and a real PostgreSQL: after a fire nobody can ask. */
import { execFile } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type BackupLab, openBackupLab, password } from '../support/backup-lab.ts'
import { requirePostgres } from '../support/postgres.ts'
import { requireRestic, resticBinary, resticVersions } from '../support/restic.ts'

const run = promisify(execFile)
const ready = [requireRestic(), requirePostgres()].every(Boolean)
const versions = ready ? [resticVersions[0] ?? '', resticVersions.at(-1) ?? ''] : []
const page = readFileSync(new URL('../../docs/runbooks/backup-restore.md', import.meta.url), 'utf8')

/** The blocks to be run, of the sections with these titles, in their order. */
const commands = (...titles: readonly string[]): string =>
  page
    .split(/^(?=#{2,3} )/m)
    .filter((section) => titles.some((title) => section.startsWith(`### ${title}\n`)))
    .flatMap((section) => [...section.matchAll(/^```bash\n(.*?)^```$/gms)].map(([, text]) => text))
    .join('\n')

describe.each(versions)('restic %s', (version) => {
  let lab: BackupLab
  let repository: string

  beforeAll(async () => {
    lab = await openBackupLab({
      version,
      yaml: ({ dir, postgres }) => `
repositories:
  here: { restic: ${dir}/repository, password: env:RESTIC_PASSWORD }
  there:
    restic: 'rest:https://bot:hunter2@nas.lan/repo'
    password: env:RESTIC_PASSWORD
    env: { AWS_SECRET_ACCESS_KEY: env:B2_KEY }
    recovery: { password: 'file:/safe/password' }
backups:
  pages: { method: restic, node: pve, paths: ['${dir}/photos'], to: [here, there], schedule: daily }
  books:
    method: pg_dump
    service: postgresql
    host: ${postgres.socketDir}
    port: ${postgres.port}
    staging: ${dir}/staging
    to: [here]
    schedule: daily
  guests: { method: vzdump, to: [here], schedule: weekly }
`,
    })
    repository = join(lab.dir, 'repository')
    mkdirSync(join(lab.dir, 'photos', 'a b'))
    writeFileSync(join(lab.dir, 'photos', 'a b', 'one.jpg'), 'a picture')
    await lab.postgres.psql('postgres', 'CREATE ROLE teller')
    await lab.postgres.psql('postgres', 'CREATE DATABASE money OWNER teller')
    await lab.postgres.psql(
      'money',
      'CREATE TABLE entry AS SELECT generate_series(1, 300) id; ALTER TABLE entry OWNER TO teller',
    )
    for (const line of ['backup run pages repository:here init:true', 'backup run books']) {
      const { error, card } = await lab.type(line)
      expect(error, JSON.stringify(card)).toBeUndefined()
    }
  })
  afterAll(() => lab[Symbol.asyncDispose]())

  /** As a person at a laptop would type them; the first that fails ends it. */
  async function type(plan: string, restored: string, ...titles: readonly string[]): Promise<string> {
    return await bash(commands(...titles), { PLAN: plan, RESTORED: restored })
  }

  async function bash(text: string, variables: Readonly<Record<string, string>> = {}): Promise<string> {
    const bin = join(lab.dir, 'bin')
    mkdirSync(bin, { recursive: true })
    writeFileSync(join(bin, 'restic'), `#!/bin/sh\nexec '${resticBinary(version)}' "$@"\n`, { mode: 0o755 })
    const { stdout } = await run('bash', ['-euo', 'pipefail', '-c', text], {
      env: {
        PATH: `${bin}:${lab.postgres.binDir}:${process.env.PATH}`,
        HOME: lab.dir,
        RESTIC_REPOSITORY: repository,
        RESTIC_PASSWORD: password,
        ...variables,
        PGHOST: lab.postgres.socketDir,
        PGPORT: String(lab.postgres.port),
        PGUSER: lab.postgres.user,
      },
    })
    return stdout
  }

  it('brings files back', async () => {
    rmSync(join(lab.dir, 'photos', 'a b'), { recursive: true })
    // A backup that broke off is the newest snapshot, and must not be taken.
    await lab.restic(repository, ['backup', '--tag', 'plan=pages,run=broken', join(lab.dir, 'photos')])
    const restored = join(lab.dir, 'restored-files')
    const said = await type('pages', restored, 'Which snapshot', 'Files', 'The repository is locked')
    expect(readFileSync(join(restored, lab.dir, 'photos', 'a b', 'one.jpg'), 'utf8')).toBe('a picture')
    expect(said).toContain('all files are there')
  })

  it('brings a database and its role back', async () => {
    await lab.postgres.psql('postgres', 'DROP DATABASE money')
    await lab.postgres.psql('postgres', 'DROP ROLE teller')
    const said = await type('books', join(lab.dir, 'restored-dump'), 'Which snapshot', 'Files', 'A database')
    expect(await lab.postgres.psql('money', 'SELECT count(*) FROM entry')).toBe('300')
    const owner = "SELECT tableowner FROM pg_tables WHERE tablename = 'entry'"
    expect(await lab.postgres.psql('money', owner)).toBe('teller')
    expect(said).toContain('"table" : "public.entry", "rows" : 300')
  })

  it('has a kit whose commands find the copy of a guest, and bring its archive back', async () => {
    // As a plan by vzdump saves it: see `copyPlan`.
    const archive = join(lab.dir, 'vzdump-lxc-110-2026_11_25-01_00_00.tar')
    writeFileSync(archive, 'a guest')
    const saved = (tags: string, file: string) => lab.restic(repository, ['backup', '--tag', tags, file])
    await saved('plan=guests.110,run=a', archive)
    const { stdout } = await lab.restic(repository, ['snapshots', '--json', '--tag', 'plan=guests.110'])
    const [{ id = '' } = {}] = JSON.parse(stdout) as { id?: string }[]
    await saved(`proof,plan=guests.110,run=a,of=${id},files=1,bytes=7`, archive)
    const { markdown } = (await lab.type('backup kit guests')).output as { markdown: string }
    const [, block = ''] = /^```bash\n(restic snapshots --tag proof .*?)^```$/ms.exec(markdown) ?? []
    const restored = join(lab.dir, 'restored-guest')
    const filled = block.replace('guest=…', 'guest=110').replace('id=…', `id=${id}`)
    const said = await bash(`${filled.replaceAll('/restored', restored)}\ncat "$archive"`)
    expect(said).toContain(`of=${id}`)
    expect(said.endsWith('a guest')).toBe(true)
  })

  it('has a kit that names the keys and holds none', async () => {
    const { output, card, error } = await lab.type('backup kit')
    expect(error).toBeUndefined()
    const { markdown, withoutRecovery } = output as { markdown: string; withoutRecovery: string[] }
    expect(card.attachments?.[0]?.text).toBe(markdown)
    expect(JSON.stringify([output, card])).not.toMatch(new RegExp(`hunter2|${password}`))
    expect(markdown).toContain(
      'RESTIC_PASSWORD of there: env:RESTIC_PASSWORD, recovery copy file:/safe/password',
    )
    expect(markdown).toContain('AWS_SECRET_ACCESS_KEY of there: env:B2_KEY')
    expect(markdown).toContain("export RESTIC_REPOSITORY='rest:https://bot:PASSWORD@nas.lan/repo'")
    expect(markdown).toContain('pct restore "$vmid" "$archive"')
    expect(withoutRecovery).toEqual(['here'])
    // Every block of it is at least a shell's.
    for (const [, block = ''] of markdown.matchAll(/^```bash\n(.*?)^```$/gms))
      await run('bash', ['-n', '-c', block])
  })
})
