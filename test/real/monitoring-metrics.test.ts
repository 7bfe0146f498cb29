/** From an empty Prometheus: the files out of a running bot, taken by the real programs, and its own measurements in them. */
import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type BotProcess, environment, homeFolder, startBot, terminal, writeFileFor } from '../support/bot.ts'
import { type Server, startServer } from '../support/server.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { freePort } from '../support/sshd.ts'
import { requireTool } from '../support/tools.ts'

const there = requireTool('prometheus', 'promtool', 'amtool', 'setpriv')
const token = 'a-token-for-the-measurements'
const secret = 'a-secret-for-the-alerts'

describe.skipIf(!there)('monitoring', () => {
  let simulator: Simulator
  let home: Awaited<ReturnType<typeof homeFolder>>
  let bot: BotProcess
  let metrics: string
  let folder: string
  const asked = (args: readonly string[]) => terminal(args, environment(simulator), home.path)

  beforeAll(async () => {
    simulator = await startSimulator()
    home = await homeFolder()
    folder = join(home.path, 'prometheus')
    const port = await freePort()
    metrics = `http://127.0.0.1:${port}/metrics`
    writeFileSync(join(home.path, 'metrics-token'), token, { mode: 0o600 })
    writeFileSync(join(home.path, 'alerts-secret'), secret, { mode: 0o600 })
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

  test('a folder of files is taken by Prometheus, which measures the bot with them', async () => {
    const saved = await asked(['monitoring', 'rules', '--save', folder])
    expect(saved.code, saved.stderr).toBe(0)
    expect(saved.stdout.trim().split('\n')).toContain(join(folder, 'homelab-rules.yml'))
    for (const file of saved.stdout.trim().split('\n')) {
      const text = readFileSync(file, 'utf8')
      expect(text).not.toContain(token)
      expect(text).not.toContain(secret)
    }
    // As docs/monitoring.md has it.
    writeFileSync(join(folder, 'homelab-metrics.token'), token)
    writeFileSync(join(folder, 'homelab-alerts.secret'), secret)
    const check = (program: string, ...argv: string[]) => {
      const { status, stdout, stderr } = spawnSync(program, argv, { cwd: folder, encoding: 'utf8' })
      expect(status, `${stdout}${stderr}`).toBe(0)
    }
    check('promtool', 'check', 'config', 'prometheus.yml')
    check('promtool', 'check', 'rules', 'homelab-rules.yml')
    check('amtool', 'check-config', 'alertmanager.yml')

    // Only the pace is another one: nobody waits half a minute here.
    const config = join(folder, 'prometheus.yml')
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
