/** Services with a database, on the simulated lab with a real PostgreSQL: what counts is what psql says of it. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openProvisionLab, output, type ProvisionLab, words } from '../integration/provision.fixture.ts'
import { requirePostgres } from '../support/postgres.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

const blueprint = (port: number): string => `title: Notes
stack: apps
create: { by: template, template: debian-12 }
memory: 512
disk: 4
database: { name: notes, role: notes }
install:
  - run: [apt-get, install, -y, jellyfin]
  - { file: /etc/notes.env, text: "{database.url}", mode: '0600' }
unit: jellyfin
port: ${port}
health: { http: { path: /health, port: ${port} } }
start: 5
needs: [postgresql]
`

interface Made {
  readonly vmid: number
  readonly database: string
}

describe.skipIf(!requirePostgres())('a service with a database on a real PostgreSQL', () => {
  const folder = mkdtempSync(join(tmpdir(), 'homelab-notes-'))
  let simulator: Simulator
  let lab: ProvisionLab
  let first: readonly number[]

  beforeAll(async () => {
    simulator = await startSimulator({ speed: 0.02, real: join(folder, 'lab') })
    await simulator.fault({ stale: false, taskMs: { vzdump: 50 } })
    first = await vmids()
    const { services } = simulator.lab
    const { address, port } = server()
    const own = { ...simulator.lab, services: { ...services, postgresql: { host: address, port } } }
    lab = await openProvisionLab({ ...simulator, lab: own })
    const to = join(dirname(lab.path), 'blueprints')
    writeFileSync(join(to, 'notes.yaml'), blueprint(8096))
    writeFileSync(join(to, 'mute.yaml'), blueprint(9))
  })
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]()
    await simulator?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const server = () => {
    if (simulator.lab.real === undefined) throw new Error('the simulator is not real')
    return simulator.lab.real.postgres
  }
  const vmids = async () => (await simulator.state()).guests.map(({ vmid }) => vmid).toSorted()
  const psql = (sql: string, target: readonly string[] = []): string => {
    const { host, user } = server()
    const own = target.length > 0 ? target : ['-h', host, '-U', user, '-d', 'postgres']
    return execFileSync('psql', ['-XqAtw', ...own, '-c', sql], { encoding: 'utf8', stdio: 'pipe' }).trim()
  }
  const left = () =>
    psql(
      "SELECT (SELECT count(*) FROM pg_database WHERE datname = 'notes') + (SELECT count(*) FROM pg_roles WHERE rolname = 'notes')",
    )
  const mark = () =>
    psql("SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = 'notes'")
  /** All that the bot has kept: runs with their logs, homelab.yaml, cards. */
  const kept = (): string =>
    readdirSync(dirname(lab.path), { recursive: true, withFileTypes: true })
      .filter((each) => each.isFile())
      .map((each) => readFileSync(join(each.parentPath, each.name), 'latin1'))
      .join('\n')

  it('has it made, logs in with what is in its file, and keeps the database unless told otherwise', async () => {
    // The server is there once it was asked; everything that it does is in its log.
    expect(await lab.onNode('pct exec 102 -- psql -XAtc "SELECT 1" postgres')).toBe('1\n')
    psql("ALTER SYSTEM SET log_statement = 'all'")
    psql('SELECT pg_reload_conf()')

    const posted = await lab.type('provision notes')
    const { vmid, database } = output<Made>(posted)
    expect(database).toBe('notes')
    expect(mark()).toMatch(/^Made by homelab \(\w{12}\)$/)
    const url = (await lab.onNode(`pct exec ${vmid} -- cat /etc/notes.env`)).trim()
    expect(await lab.onNode(`pct exec ${vmid} -- stat -c %a /etc/notes.env`)).toBe('600\n')
    expect(psql('SELECT current_user', ['-d', url])).toBe('notes')
    const { password } = new URL(url)
    expect(password).toMatch(/^\w{32}$/)
    expect(() => psql('SELECT 1', ['-d', url.replace(password, 'wrong')])).toThrow(/authentication failed/)
    expect(kept()).not.toContain(password)
    expect(words(posted)).not.toContain(password)
    const said = readFileSync(server().log, 'utf8')
    expect(said).toContain('CREATE DATABASE')
    expect(said).not.toMatch(new RegExp(`${password}|SCRAM-SHA-256\\$`))

    // Its last archive first, then everything but the data.
    const gone = output<{ archive: string; kept: readonly string[] }>(
      await lab.type('deprovision notes notes'),
    )
    expect(gone).toMatchObject({ proven: true, kept: ['database notes'], dropped: [] })
    expect(gone.archive).toContain(`vzdump-lxc-${vmid}-`)
    expect(await vmids()).toEqual(first)
    expect(left()).toBe('2')

    // What is there is somebody's: it is refused before anything is made, and kept.
    const before = await simulator.counts()
    expect(words(await lab.type('provision notes'))).toMatch(/postgresql has a database notes already/)
    expect((await simulator.counts()).changes).toEqual(before.changes)
    expect(left()).toBe('2')
    psql('DROP DATABASE notes')
    expect(words(await lab.type('provision notes'))).toMatch(/postgresql has a role notes already/)
    psql('DROP ROLE notes')
  })

  it('drops the data when told to, and says why a role stays', async () => {
    output(await lab.type('provision notes'))
    psql('CREATE DATABASE other')
    psql('GRANT CONNECT ON DATABASE other TO notes')
    // Nothing saves it: it is not dropped unless somebody says so.
    const changes = await simulator.counts()
    expect(words(await lab.type('deprovision notes notes data:delete'))).toMatch(
      /No plan saves the database notes: dropped, it would be lost/,
    )
    expect((await simulator.counts()).changes).toEqual(changes.changes)
    const gone = output<{ warnings: readonly string[] }>(
      await lab.type('deprovision notes notes data:delete drill:false backup:false'),
    )
    expect(gone).toMatchObject({ dropped: ['database notes'], kept: [] })
    expect(gone.warnings.join()).toMatch(/The role notes stays: notes has something in other, too/)
    expect(left()).toBe('1')
    psql('DROP DATABASE other')
    psql('DROP ROLE notes')
  })

  it('is found again under another name', async () => {
    output(await lab.type('provision notes name:diary'))
    expect(await lab.text()).toMatch(/\n {2}diary:\n(?: {4}.*\n)*? {4}blueprint: notes\n/)
    expect(left()).toBe('2')
    const gone = output<object>(await lab.type('deprovision diary diary drill:false backup:false'))
    expect(gone).toMatchObject({ kept: ['database notes'], dropped: [] })
    psql('DROP DATABASE notes')
    psql('DROP ROLE notes')
    output(await lab.type('provision notes name:diary'))
    const dropped = await lab.type('deprovision diary diary data:delete drill:false backup:false')
    expect(output<object>(dropped)).toMatchObject({ kept: [], dropped: ['database notes'] })
    expect(left()).toBe('0')
  })

  it('leaves neither database nor role when the service never answers', async () => {
    const before = await lab.text()
    expect(words(await lab.type('provision mute'))).toMatch(/Notes does not answer after 5 s/)
    expect(await vmids()).toEqual(first)
    expect(left()).toBe('0')
    expect(await lab.text()).toBe(before)
  })

  it('is refused while pg_hba.conf lets its address not in, and while PostgreSQL is down', async () => {
    const before = await simulator.counts()
    expect(words(await lab.type('provision notes ip:192.168.1.150/24 gateway:192.168.1.1'))).toMatch(
      /does not let 192\.168\.1\.150 in.*host notes notes 192\.168\.1\.0\/24 scram-sha-256/,
    )
    const pid = Number(readFileSync(server().pidFile, 'utf8').split('\n')[0])
    process.kill(pid, 'SIGINT')
    await expect.poll(() => readFileSync(server().log, 'utf8'), { timeout: 30_000 }).toMatch(/is shut down/)
    expect(words(await lab.type('provision notes'))).toMatch(/PostgreSQL does not answer/)
    expect((await simulator.counts()).changes).toEqual(before.changes)
    expect(await vmids()).toEqual(first)
  })
})
