/** What goes wrong gets a clear answer: what happened, and the next step. Real processes on a real folder. */
import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { environment, failedBot, homeFolder, startBot, terminal, writeFileFor } from '../support/bot.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'

let simulator: Simulator
let home: Awaited<ReturnType<typeof homeFolder>>

beforeAll(async () => {
  simulator = await startSimulator()
})
afterAll(() => simulator.stop())
beforeEach(async () => {
  await simulator.reset()
  home = await homeFolder()
})
afterEach(() => home[Symbol.asyncDispose]())

const type = (text: string, env = environment(simulator)) => terminal([text], env, home.path)

describe('the lab', () => {
  it.each([
    ['restart plx', 4, /no service or guest "plx".*Did you mean plex\?.*status lists all/s],
    ['restart 999', 4, /no guest with VMID 999/],
    ['restart 900', 2, /template/],
    ['logs homeassistant', 2, /is a VM; logs are read inside containers only/],
    ['restart plex wiat:no', 2, /no option "wiat".*Did you mean wait\?/s],
    ['frobnicate', 2, /No command "frobnicate"/],
  ])('%s', async (text, code, message) => {
    await writeFileFor(simulator, home.path)
    const { stdout, code: exit } = await type(text)
    expect(stdout).toMatch(message)
    expect(exit).toBe(code)
    expect((await simulator.counts()).changes).toEqual({})
  })

  it('names both when a name is ambiguous', async () => {
    await writeFileFor(simulator, home.path, { more: '' })
    await simulator.fault({ stale: false })
    await simulator.changeGuest(111, { name: 'plex' })
    const { stdout, code } = await type('restart plex')
    await simulator.changeGuest(111, { name: 'jellyfin' })
    expect(stdout).toMatch(/plex.*110.*111/s)
    expect(code).toBe(4)
    expect((await simulator.counts()).changes).toEqual({})
  })
})

describe('Proxmox', () => {
  it('refuses a wrong token', async () => {
    await writeFileFor(simulator, home.path)
    const { stdout, code } = await type('status', environment(simulator, 'wrong-secret'))
    expect(stdout).toMatch(/token/i)
    expect(stdout).toMatch(/pveum/)
    expect(stdout).not.toContain('wrong-secret')
    expect(code).toBe(3)
  })

  it('shows a certificate that is not the pinned one, and sends nothing', async () => {
    await writeFileFor(simulator, home.path, { fingerprint: Array(32).fill('AB').join(':') })
    const before = await simulator.counts()
    const { stdout, code } = await type('status')
    expect(stdout).toContain('HAS CHANGED')
    expect(stdout).toContain(simulator.lab.fingerprint)
    expect(code).toBe(3)
    expect((await simulator.counts()).requests).toEqual(before.requests)
  })

  it('is not there', async () => {
    // Port 9 of the loopback: nobody listens.
    await writeFileFor(simulator, home.path, { url: 'https://127.0.0.1:9' })
    const { stdout, code } = await type('status')
    expect(stdout).toMatch(/127\.0\.0\.1:9.*refused/s)
    expect(code).toBe(6)
  })
})

describe('homelab.yaml', () => {
  it('is explained with line, column and the nearest key', async () => {
    const path = await writeFileFor(simulator, home.path, { more: 'services:\n  plex:\n    gest: 110\n' })
    const line = (await readFile(path, 'utf8')).split('\n').findIndex((text) => text.includes('gest')) + 1
    for (const { code, stderr } of [
      await failedBot([], environment(simulator), home.path),
      await type('status'),
    ]) {
      expect(stderr).toContain(`homelab.yaml:${line}:5`)
      expect(stderr).toMatch(/"gest".*Did you mean "guest"/)
      expect(code).not.toBe(0)
    }
  })

  it('that breaks later leaves the old one in use', async () => {
    const path = await writeFileFor(simulator, home.path)
    await using bot = await startBot([], environment(simulator), home.path)
    const good = await readFile(path, 'utf8')
    await writeFile(path, `${good}  jellyfin: { gest: 111 }\n`)
    bot.signal('SIGHUP')
    await bot.printed(/is broken; the old one stays in use\.\n.*"gest"/s)
    expect((await type('restart plex --dry-run')).stdout).toContain('plex (CT 110 on pve)')
    await writeFile(path, `${good}  movies: { guest: 111 }\n`)
    bot.signal('SIGHUP')
    await bot.printed(/homelab\.yaml is in use/)
    expect((await type('restart movies --dry-run')).stdout).toContain('movies (CT 111 on pve)')
  })
})

describe('the bot', () => {
  it('refuses a second one on its state, and says which process has it', async () => {
    await writeFileFor(simulator, home.path)
    await using bot = await startBot([], environment(simulator), home.path)
    const { code, stderr } = await failedBot([], environment(simulator), home.path)
    expect(stderr).toContain(`process ${bot.pid}`)
    expect(code).toBe(1)
  })

  it('says that its port is taken', async () => {
    await writeFileFor(simulator, home.path)
    await using bot = await startBot([], environment(simulator), home.path)
    const port = new URL(bot.url).port
    const args = ['--port', port, '--state', `${home.path}/other`]
    const { code, stderr } = await failedBot(args, environment(simulator), home.path)
    expect(stderr).toMatch(new RegExp(`Port ${port} .* is taken`))
    expect(code).toBe(1)
  })

  it('says that its state folder cannot be made', async () => {
    const path = await writeFileFor(simulator, home.path)
    const { code, stderr } = await failedBot(
      ['--state', `${path}/in-a-file`],
      environment(simulator),
      home.path,
    )
    expect(stderr).toMatch(/state folder .*in-a-file cannot be made.*--state/s)
    expect(code).toBe(1)
  })

  it('ends in order though it is told twice', async () => {
    await writeFileFor(simulator, home.path)
    await using bot = await startBot([], environment(simulator), home.path)
    bot.signal('SIGTERM')
    bot.signal('SIGTERM')
    expect((await bot.exited).code).toBe(0)
  })

  it('does not listen where others can reach it without a token', async () => {
    await writeFileFor(simulator, home.path)
    const { code, stderr } = await failedBot(['--host', '0.0.0.0'], environment(simulator), home.path)
    expect(stderr).toContain('console.token')
    expect(code).toBe(1)
  })

  it('survives 64 KB of garbage', async () => {
    await writeFileFor(simulator, home.path)
    await using bot = await startBot([], environment(simulator), home.path)
    const token = await readFile(`${home.path}/state/api-token`, 'utf8')
    const garbage = await fetch(`${bot.url}/api/commands`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ text: '\u0000\ud83d\ude00<script>'.repeat(5_000) }),
    })
    expect(garbage.status).toBeGreaterThanOrEqual(400)
    expect(garbage.status).toBeLessThan(500)
    expect((await type('restart plex')).code).toBe(0)
    expect((await simulator.counts()).changes['110']).toEqual({ reboot: 1 })
  })

  it('takes no command without its token', async () => {
    await writeFileFor(simulator, home.path)
    await using bot = await startBot([], environment(simulator), home.path)
    const answer = await fetch(`${bot.url}/api/commands`, {
      method: 'POST',
      headers: { authorization: 'Bearer no', 'content-type': 'application/json' },
      body: JSON.stringify({ text: 'restart plex' }),
    })
    expect(answer.status).toBe(401)
    expect((await simulator.counts()).changes).toEqual({})
  })
})

describe('a terminal', () => {
  it('prints JSON for scripts, and its exit code tells', async () => {
    await writeFileFor(simulator, home.path)
    const args = ['--json', 'guest', 'list', '--state', 'stopped']
    const good = await terminal(args, environment(simulator), home.path)
    expect(JSON.parse(good.stdout)).toMatchObject({ guests: [{ vmid: 900 }] })
    expect(good.code).toBe(0)
    const bad = await terminal(['restart', 'plx', '--json'], environment(simulator), home.path)
    expect(JSON.parse(bad.stdout)).toMatchObject({ error: 'not-found' })
    expect(bad.code).toBe(4)
  })

  it('does not confirm by itself', async () => {
    await writeFileFor(simulator, home.path)
    const asked = await type('stop plex --force')
    expect(asked.stderr).toContain('--yes')
    expect(asked.code).toBe(130)
    expect((await simulator.counts()).changes).toEqual({})
    const yes = await terminal(['stop', 'plex', '--force', '--yes'], environment(simulator), home.path)
    expect(yes.code).toBe(0)
    expect((await simulator.counts()).changes['110']).toEqual({ stop: 1 })
  })
})
