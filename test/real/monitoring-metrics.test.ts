/** From an empty Prometheus: the files out of a running bot, taken by the real programs, and its own measurements in them. */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { parseInventory } from '@homelab/core/inventory'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BotProcess, environment, homeFolder, startBot, terminal, writeFileFor } from '../support/bot.ts'
import { type Server, startServer } from '../support/server.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { freePort } from '../support/sshd.ts'
import { requireTool } from '../support/tools.ts'

const there = requireTool('prometheus', 'promtool', 'amtool', 'setpriv')
const docs = readFileSync(new URL('../../docs/monitoring.md', import.meta.url), 'utf8')
/** As one types them, block by block. */
const commands = [...docs.matchAll(/```sh\n([^`]+)\n```/g)].map(([, text = '']) => text)

describe.skipIf(!there)('monitoring', () => {
  let simulator: Simulator
  let home: Awaited<ReturnType<typeof homeFolder>>
  let bot: BotProcess
  let metrics: string
  let folder: string
  let installed: string
  let token: string
  let secret: string
  /** A block of the documentation, with a folder of the test's own for each of its. */
  const shell = (block = '') => {
    const text = block.replaceAll('/etc/homelab', home.path).replaceAll('/etc/prometheus', installed)
    const { status, stdout, stderr } = spawnSync('sh', ['-euc', text], { cwd: home.path, encoding: 'utf8' })
    expect(status, `${text}\n${stdout}${stderr}`).toBe(0)
  }
  const asked = (args: readonly string[]) => terminal(args, environment(simulator), home.path)

  beforeAll(async () => {
    simulator = await startSimulator()
    home = await homeFolder()
    folder = join(home.path, 'prometheus')
    const port = await freePort()
    metrics = `http://127.0.0.1:${port}/metrics`
    installed = join(home.path, 'installed')
    mkdirSync(installed)
    shell(commands[2])
    token = readFileSync(join(home.path, 'metrics-token'), 'utf8').trim()
    secret = readFileSync(join(home.path, 'alerts-secret'), 'utf8').trim()
    expect(token.length + secret.length).toBe(128)
    const plex = simulator.lab.services.plex
    await writeFileFor(simulator, home.path, {
      more: `
services: { plex: { guest: 110, address: ${plex?.host}, port: ${plex?.port} } }
monitoring:
  metrics: { token: 'file:${join(home.path, 'metrics-token')}', listen: { host: 127.0.0.1, port: ${port} } }
alerts:
  sources:
    alertmanager: { secret: 'file:${join(home.path, 'alerts-secret')}', watchdog: {} }
`,
    })
    bot = await startBot([], environment(simulator), home.path)
  })
  afterAll(async () => {
    await bot?.[Symbol.asyncDispose]()
    await home?.[Symbol.asyncDispose]()
    await simulator?.stop()
  })
  const scrape = (given?: string) =>
    fetch(metrics, given === undefined ? {} : { headers: { authorization: `Bearer ${given}` } })

  test('its own measurements are what promtool takes for good ones, and for nobody without the token', async () => {
    expect((await asked(['restart', 'plex', '--no-wait', '--yes'])).code).toBe(0)
    expect((await scrape()).status).toBe(401)
    const body = await (await scrape(token)).text()
    expect(body).toContain('homelab_runs_total{operation="service.restart",state="succeeded"} 1')
    expect(body).not.toContain(token)
    const { status, stdout, stderr } = spawnSync('promtool', ['check', 'metrics'], {
      input: body,
      encoding: 'utf8',
    })
    expect(`${stdout}${stderr}`).toBe('')
    expect(status).toBe(0)
    // All of them are on an address of their own.
    expect((await fetch(`${bot.url}/metrics`, { redirect: 'manual' })).status).not.toBe(200)
  })

  test('what docs/monitoring.md says makes files that Prometheus takes, and it measures the bot with them', async () => {
    // The secrets are made before the bot that reads them.
    const [packages, nodes, , saving, copying, checking, installing, sending, folders, ...more] = commands
    expect([packages, nodes].every((each) => each?.startsWith('apt-get install '))).toBe(true)
    expect(sending).toMatch(/^amtool alert add /)
    expect(more).toEqual([])
    shell(folders)
    expect(existsSync(join(installed, 'homelab', 'targets'))).toBe(true)
    expect(saving).toBe('npx homelab monitoring rules --save ./prometheus')
    const saved = await asked(['monitoring', 'rules', '--save', folder])
    expect(saved.code, saved.stderr).toBe(0)
    expect(saved.stdout.trim().split('\n')).toContain(join(folder, 'homelab-rules.yml'))
    for (const file of saved.stdout.trim().split('\n')) {
      const text = readFileSync(file, 'utf8')
      expect(text).not.toContain(token)
      expect(text).not.toContain(secret)
    }
    shell(copying)
    shell(checking)
    // Who is not root gives no file to a group, and has no units.
    const [first, second, third] = installing?.split('\n') ?? []
    expect(second).toMatch(/^install -m 640 -g prometheus /)
    expect(third).toMatch(/^systemctl restart prometheus /)
    shell(`cd ./prometheus\n${first}\n${second?.replace(' -g prometheus', '')}`)

    // Only the pace is another one: nobody waits half a minute here.
    const config = join(installed, 'prometheus.yml')
    const quick = readFileSync(config, 'utf8').replace('scrape_interval: 30s', 'scrape_interval: 1s')
    writeFileSync(config, quick.replace('scrape_timeout: 10s', 'scrape_timeout: 1s'))
    const port = await freePort()
    const server: Server = await startServer(
      [
        'prometheus',
        `--config.file=${config}`,
        `--storage.tsdb.path=${join(home.path, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
      ],
      { ready: /Server is ready to receive web requests/ },
    )
    try {
      const query = async (text: string) => {
        const url = new URL(`http://127.0.0.1:${port}/api/v1/query`)
        url.searchParams.set('query', text)
        const { data } = (await (await fetch(url)).json()) as {
          data: { result: { value: [number, string] }[] }
        }
        return data.result[0]?.value[1]
      }
      let found: string | undefined
      for (let tries = 0; tries < 100 && found === undefined; tries++) {
        found = await query('homelab_runs_total{job="homelab",operation="service.restart",state="succeeded"}')
        if (found === undefined) await delay(200)
      }
      expect(found, server.log()).toBe('1')
      expect(await query('up{job="homelab"}')).toBe('1')
      expect(await query('homelab_incidents_open{severity="critical",state="firing"}')).toBe('0')
      expect(await query('count(process_resident_memory_bytes{job="homelab"})')).toBe('1')
    } finally {
      await server.stop()
    }
  })

  test('the lines for homelab.yaml are what it takes', () => {
    const [, yaml = ''] = /```yaml\n([\s\S]+?)\n```/.exec(docs) ?? []
    const { alerts, monitoring } = parseInventory(yaml, { file: 'docs/monitoring.md' })
    expect(alerts.sources[0]).toMatchObject({ name: 'alertmanager', kind: 'alertmanager' })
    expect(monitoring.metrics?.listen?.port).toBe(9091)
  })

  test('what is there already is not written over unasked', async () => {
    writeFileSync(join(folder, 'alertmanager.yml'), 'mine: 1\n')
    const again = await asked(['monitoring', 'rules', '--save', folder])
    expect(again.code).not.toBe(0)
    expect(again.stderr).toContain('alertmanager.yml')
    expect(readFileSync(join(folder, 'alertmanager.yml'), 'utf8')).toBe('mine: 1\n')
    const one = join(home.path, 'one')
    expect((await asked(['monitoring', 'rules', 'alertmanager', `--save=${one}`])).code).toBe(0)
    expect(existsSync(join(one, 'alertmanager.yml'))).toBe(true)
    expect(existsSync(join(one, 'prometheus.yml'))).toBe(false)
  })
})
