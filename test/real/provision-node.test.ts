/**
 * The whole of a provisioning where as much is real as can be: a stock sshd on the node, PostgreSQL, and the Prometheus that is
 * told of the service. What counts is what each of them says.
 */
import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { openProvisionLab, output, type ProvisionLab, words } from '../integration/provision.fixture.ts'
import { host, nothing, placesOf } from '../integration/tunnel.fixture.ts'
import { type NodeSshd, startNodeSshd } from '../support/node-sshd.ts'
import { requirePostgres } from '../support/postgres.ts'
import { type Server, startServer } from '../support/server.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { freePort } from '../support/sshd.ts'
import { requireTool } from '../support/tools.ts'

const blueprint = ({ folder = 'Notes', expr = 'vector(1)', seconds = 0 } = {}): string => `title: Notes
stack: apps
kind: notes
create: { by: template, template: debian-12 }
memory: 512
disk: 4
mounts: [{ source: /Apollo/${folder}/files, target: /files, owner: { uid: 1200, gid: 1200 } }]
gpu: nvidia
database: { name: notes, role: notes }
install:
  - run: [apt-get, install, -y, jellyfin]
  - run: [sh, -c, 'echo "$LANGUAGE" | tee /etc/notes.begun; sleep ${seconds}; echo "it''s $0" | tee -a /etc/notes.log', 'a "quoted" $word']
    env: { LANGUAGE: 'de_DE $x' }
  - { file: /etc/notes.env, text: "{database.url}", mode: '0600' }
unit: jellyfin
port: 8096
health: { http: { path: /health, port: 8096 } }
start: 10
needs: [postgresql]
expose: { public: true }
monitoring: { port: 8096, path: /health }
alerts: [{ alert: NotesBusy, expr: '${expr}', summary: busy }]
`

const Targets = z.object({
  data: z.object({
    activeTargets: z.array(z.object({ scrapeUrl: z.string(), labels: z.record(z.string(), z.string()) })),
  }),
})
const Groups = z.object({
  data: z.object({ groups: z.array(z.object({ rules: z.array(z.object({ name: z.string() })) })) }),
})

const isHere = requirePostgres() && requireTool('sshd', 'ssh-keygen', 'prometheus', 'promtool', 'curl')

describe.skipIf(!isHere)('a service on a real sshd, PostgreSQL and Prometheus', () => {
  const folder = mkdtempSync(join(tmpdir(), 'homelab-node-'))
  const settings = { url: '', targets: join(folder, 'targets'), rules: join(folder, 'rules') }
  let simulator: Simulator
  let sshd: NodeSshd
  let prometheus: Server
  let lab: ProvisionLab
  let first: readonly number[]
  let before: string

  beforeAll(async () => {
    settings.url = `http://127.0.0.1:${await freePort()}`
    const config = join(folder, 'prometheus.yml')
    for (const each of [settings.targets, settings.rules, join(folder, 'bin')]) mkdirSync(each)
    writeFileSync(
      config,
      `rule_files: ['${settings.rules}/*.yml']
scrape_configs:
  - { job_name: provisioned, scrape_interval: 1h, file_sd_configs: [{ files: ['${settings.targets}/*.yml'] }] }
`,
    )
    ;[simulator, prometheus] = await Promise.all([
      startSimulator({ speed: 0.02, real: join(folder, 'lab') }),
      startServer(
        [
          'prometheus',
          `--config.file=${config}`,
          `--storage.tsdb.path=${join(folder, 'data')}`,
          `--web.listen-address=${new URL(settings.url).host}`,
          '--web.enable-lifecycle',
        ],
        { ready: /Server is ready to receive web requests/ },
      ),
    ])
    const devices = ['/dev/nvidia0', '/dev/nvidiactl', '/dev/nvidia-uvm']
    await simulator.fault({ stale: false, taskMs: { vzdump: 50 }, devices })
    sshd = await startNodeSshd(simulator.lab, { machine: 105, bin: join(folder, 'bin') })
    const { services } = simulator.lab
    const postgresql = { host: server().address, port: server().port }
    const own = { ...simulator.lab, services: { ...services, postgresql } }
    const more = `monitoring: { prometheus: { url: "${settings.url}", targets: ${settings.targets}, rules: ${settings.rules} } }\n`
    lab = await openProvisionLab({ ...simulator, lab: own }, more, (text) =>
      text
        .replace(/^ {4}pve: \{ host:.*$/m, `    pve: ${sshd.yaml}`)
        .replace('  cloudflared:', '  prometheus: { guest: 105 }\n  cloudflared:'),
    )
    put('notes', blueprint())
    put('slow', blueprint({ seconds: 3 }))
    put('wrong', blueprint({ folder: 'Wrong', expr: 'up ==' }))
    first = await vmids()
    before = await lab.text()
  })
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]()
    await sshd?.[Symbol.asyncDispose]()
    await Promise.all([simulator?.stop(), prometheus?.stop()])
    rmSync(folder, { recursive: true, force: true })
  })

  const put = (name: string, text: string) =>
    writeFileSync(join(dirname(lab.path), 'blueprints', `${name}.yaml`), text)
  const server = () => {
    if (simulator.lab.real === undefined) throw new Error('the simulator is not real')
    return simulator.lab.real.postgres
  }
  const vmids = async () => (await simulator.state()).guests.map(({ vmid }) => vmid).toSorted()
  const psql = (sql: string, target: readonly string[] = []): string => {
    const own = target.length > 0 ? target : ['-h', server().host, '-U', server().user, '-d', 'postgres']
    return execFileSync('psql', ['-XqAtw', ...own, '-c', sql], { encoding: 'utf8', stdio: 'pipe' }).trim()
  }
  const asked = async (what: string): Promise<unknown> =>
    (await fetch(`${settings.url}/api/v1/${what}`)).json()
  const targets = async () => Targets.parse(await asked('targets?state=active')).data.activeTargets
  const rules = async () =>
    Groups.parse(await asked('rules')).data.groups.flatMap((group) => group.rules.map(({ name }) => name))
  const files = () =>
    [settings.targets, settings.rules].map((at) => readdirSync(at).filter((name) => !name.startsWith('.')))

  /** As it was at the start, in every system. */
  async function nothingLeft(name: string): Promise<void> {
    expect(await vmids()).toEqual(first)
    expect(files()).toEqual([[], []])
    await expect.poll(targets, { timeout: 60_000, interval: 200 }).toEqual([])
    expect(await rules()).toEqual([])
    expect(await placesOf(simulator, host(name))).toEqual(nothing)
    expect(await lab.text()).toBe(before)
    expect(await lab.onNode('cat /etc/subuid')).not.toContain(':1200:1')
  }

  it('is made to the end, and each of them knows it; deprovisioned, none does', async () => {
    const plan = words(await lab.type('provision notes --dry-run'))
    // Which account does what.
    expect(plan).toMatch(/Create a container from debian-12[^"]*\(API token\)/)
    for (const each of [
      'Make /Apollo/Notes, /Apollo/Notes/files (root on pve)',
      'Mount /Apollo/Notes/files at /files, for user 1200 (root on pve)',
      'Give it /dev/nvidia0, /dev/nvidiactl, /dev/nvidia-uvm (root on pve)',
      'Make the database notes with a role and a password of its own on postgresql (postgres in CT 102)',
      'Install it: 3 steps (root in the container)',
      'Enable and start jellyfin (root in the container)',
      'Traefik, tunnel, DNS (token of Cloudflare)',
      'Tell Prometheus of it (root in CT 105)',
    ])
      expect(plan).toContain(each)

    const made = output<{ vmid: number; address: string; watched: boolean }>(
      await lab.type('provision notes'),
    )
    const { vmid, address } = made
    expect(await lab.guestNamed('notes')).toMatchObject({ vmid, state: 'running' })
    expect(await lab.config(vmid)).toMatchObject({
      mp0: '/Apollo/Notes/files,mp=/files',
      dev0: '/dev/nvidia0',
      dev1: '/dev/nvidiactl',
      dev2: '/dev/nvidia-uvm',
    })
    // It looks at its folders within seconds.
    await expect.poll(targets, { timeout: 60_000, interval: 200 }).toMatchObject([
      {
        scrapeUrl: `http://${address}:8096/health`,
        labels: { job: 'provisioned', service: 'notes', vmid: String(vmid), stack: 'apps' },
      },
    ])
    expect(await rules()).toEqual(['NotesBusy'])
    expect(made.watched).toBe(true)
    const url = (await lab.onNode(`pct exec ${vmid} -- cat /etc/notes.env`)).trim()
    expect(psql('SELECT current_user', ['-d', url])).toBe('notes')
    expect(await lab.onNode(`pct exec ${vmid} -- cat /etc/notes.log`)).toBe('it\'s a "quoted" $word\n')
    expect((await placesOf(simulator, host('notes'))).comment).toBe('homelab: notes open')
    expect(await lab.text()).toContain(`  notes:\n    guest: ${vmid}\n`)
    expect(sshd.logins()).toBeGreaterThan(0)

    const gone = output<{ archive: string; dropped: readonly string[] }>(
      await lab.type('deprovision notes notes data:delete backup:false drill:false'),
    )
    expect(gone.dropped).toEqual(['database notes'])
    await nothingLeft('notes')
    expect(psql("SELECT count(*) FROM pg_roles WHERE rolname = 'notes'")).toBe('0')
  })

  it('goes on when every connection is cut while it installs', async () => {
    const logins = sshd.logins()
    const mark = await simulator.mark()
    const running = lab.type('provision slow')
    const [started] = await simulator.waitFor(
      { kind: 'guest', status: 'running' },
      { after: mark, timeoutMs: 60_000 },
    )
    await expect
      .poll(() => lab.onNode(`pct exec ${started?.vmid} -- cat /etc/notes.begun`), { timeout: 60_000 })
      .toBe('de_DE $x\n')
    expect(sshd.sessionPids()).not.toEqual([])
    for (const pid of sshd.sessionPids()) process.kill(pid, 'SIGKILL')
    const { vmid } = output<{ vmid: number }>(await running)
    expect(sshd.logins()).toBeGreaterThan(logins)
    // Once, whoever saw the end of it.
    expect(await lab.onNode(`pct exec ${vmid} -- cat /etc/notes.log`)).toBe('it\'s a "quoted" $word\n')
    output(await lab.type('deprovision slow slow data:delete backup:false drill:false'))
    await nothingLeft('slow')
  })

  it('is taken back from all of them when Prometheus does not take its rules', async () => {
    expect(words(await lab.type('provision wrong'))).toMatch(
      /The alert rules of wrong are wrong: .*parse error/,
    )
    await nothingLeft('wrong')
    expect(psql("SELECT count(*) FROM pg_database WHERE datname = 'notes'")).toBe('0')
    expect(await lab.onNode('stat -c there /Apollo/Wrong')).not.toContain('there')
  })

  it('by a helper script is made in a real shell, or stopped with its question', async () => {
    output(await lab.type('provision scripted gpu:false'))
    expect(await lab.guestNamed('scripted')).toMatchObject({ state: 'running' })
    output(await lab.type('deprovision scripted scripted backup:false drill:false'))
    expect(words(await lab.type('provision asking'))).toMatch(/It asks: .*It was stopped/)
    await nothingLeft('scripted')
  })

  it('is not begun on a node that shows another host key', async () => {
    const other = sshd.yaml.replace(/fingerprint: ".*?"/, `fingerprint: "${simulator.lab.ssh.hostKey}"`)
    await using stranger = await openProvisionLab(simulator, '', (text) =>
      text.replace(/^ {4}pve: \{ host:.*$/m, `    pve: ${other}`),
    )
    const { changes } = await simulator.counts()
    expect(words(await stranger.type('provision jellyfin name:films'))).toMatch(/host key/)
    expect((await simulator.counts()).changes).toEqual(changes)
  })
})
