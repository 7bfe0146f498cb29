/** Debian's Alertmanager with a test's own file, on free ports of the loopback. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Server, startServer } from './server.ts'
import { freePort } from './sshd.ts'

export interface RunningAlertmanager extends AsyncDisposable {
  readonly url: string
  /** Sends alerts as Prometheus does: one that is not sent again is over at its `endsAt`. */
  send(alerts: readonly SentAlert[]): Promise<void>
  stop(): Promise<void>
  /** On the same port. @param forgetting as after a machine that is lost: its silences are gone, too */
  restart(options?: { readonly forgetting?: boolean }): Promise<void>
}

export interface SentAlert {
  readonly labels: Readonly<Record<string, string>>
  readonly annotations?: Readonly<Record<string, string>>
  /** ISO 8601. Default: now. */
  readonly startsAt?: string
  /** Default: in an hour. */
  readonly endsAt?: string
}

/** @param config its file, YAML or JSON */
export async function startAlertmanager(config: string): Promise<RunningAlertmanager> {
  const dir = mkdtempSync(join(tmpdir(), 'homelab-alertmanager-'))
  const file = join(dir, 'alertmanager.yml')
  writeFileSync(file, config)
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  let data = 0
  const start = () =>
    startServer(
      [
        'prometheus-alertmanager',
        `--config.file=${file}`,
        `--storage.path=${join(dir, `data-${data}`)}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--cluster.listen-address=',
        '--log.level=debug',
      ],
      { ready: /Listening on.*\n|msg=Listening.*\n/ },
    )
  let server: Server
  try {
    server = await start()
  } catch (error) {
    rmSync(dir, { recursive: true, force: true })
    throw error
  }
  return {
    url,
    async send(alerts) {
      const response = await fetch(`${url}/api/v2/alerts`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(
          alerts.map((alert) => ({ endsAt: new Date(Date.now() + 3_600_000).toISOString(), ...alert })),
        ),
      })
      if (!response.ok) throw new Error(`Alertmanager takes no alerts: ${await response.text()}`)
    },
    stop: () => server.stop(),
    async restart({ forgetting = false } = {}) {
      await server.stop()
      if (forgetting) data += 1
      server = await start()
    },
    async [Symbol.asyncDispose]() {
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    },
  }
}

export interface Rule {
  readonly alert: string
  readonly expr: string
  readonly labels?: Readonly<Record<string, string>>
}

export interface RunningRules extends AsyncDisposable {
  readonly url: string
  change(rules: readonly Rule[]): Promise<void>
}

/** Debian's Prometheus with a test's own rules, which tells an Alertmanager each second, after the first five. */
export async function startRules(alertmanager: string, rules: readonly Rule[]): Promise<RunningRules> {
  const dir = mkdtempSync(join(tmpdir(), 'homelab-rules-'))
  const file = join(dir, 'prometheus.yml')
  const targets = [alertmanager.replace('http://', '')]
  const write = (these: readonly Rule[]) => {
    const groups = [{ name: 'test', interval: '1s', rules: these }]
    writeFileSync(join(dir, 'rules.yml'), JSON.stringify({ groups }))
  }
  write(rules)
  writeFileSync(
    file,
    JSON.stringify({
      rule_files: ['rules.yml'],
      alerting: { alertmanagers: [{ static_configs: [{ targets }] }] },
    }),
  )
  try {
    const port = await freePort()
    const server = await startServer(
      [
        'prometheus',
        `--config.file=${file}`,
        `--storage.tsdb.path=${join(dir, 'data')}`,
        `--web.listen-address=127.0.0.1:${port}`,
        '--web.enable-lifecycle',
        '--rules.alert.resend-delay=1s',
      ],
      { ready: /Server is ready to receive web requests/ },
    )
    return {
      url: `http://127.0.0.1:${port}`,
      async change(these) {
        write(these)
        const response = await fetch(`http://127.0.0.1:${port}/-/reload`, { method: 'POST' })
        if (!response.ok) throw new Error(`Prometheus does not take its rules: ${await response.text()}`)
      },
      async [Symbol.asyncDispose]() {
        await server.stop()
        rmSync(dir, { recursive: true, force: true })
      },
    }
  } catch (error) {
    rmSync(dir, { recursive: true, force: true })
    throw error
  }
}
