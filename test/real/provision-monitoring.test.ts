/** What a provisioned service tells Prometheus, by Debian's own Prometheus and promtool. */
import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Shell } from '@homelab/core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { putRules, putTargets, removeMonitoring } from '../../core/src/provision/monitoring.ts'
import { type Server, startServer } from '../support/server.ts'
import { freePort } from '../support/sshd.ts'
import { requireTool } from '../support/tools.ts'

const rule = { expr: 'vector(1)', for: '1m', severity: 'warning', summary: 'streams' } as const
const alerts = [{ ...rule, alert: 'JellyfinBusy' }]
const Groups = z.object({
  data: z.object({
    groups: z.array(z.object({ name: z.string(), rules: z.array(z.object({ name: z.string() })) })),
  }),
})
const Targets = z.object({
  data: z.object({
    activeTargets: z.array(z.object({ scrapeUrl: z.string(), labels: z.record(z.string(), z.string()) })),
  }),
})

describe.skipIf(!requireTool('prometheus', 'promtool', 'curl')).each(['by /-/reload', 'by systemctl'])(
  '%s',
  (way) => {
    const dir = mkdtempSync(join(tmpdir(), 'homelab-provision-prometheus-'))
    const settings = { url: '', targets: join(dir, 'targets'), rules: join(dir, 'rules') }
    const config = join(dir, 'prometheus.yml')
    let prometheus: Server
    let path: string

    beforeAll(async () => {
      settings.url = `http://127.0.0.1:${await freePort()}`
      writeFileSync(
        config,
        `rule_files: ['${settings.rules}/*.yml']
scrape_configs:
  - { job_name: provisioned, scrape_interval: 1h, file_sd_configs: [{ files: ['${settings.targets}/*.yml'] }] }
`,
      )
      // The folder must be there when Prometheus begins to watch it, as in a container whose lab has set it.
      mkdirSync(settings.targets)
      prometheus = await startServer(
        [
          'prometheus',
          `--config.file=${config}`,
          `--storage.tsdb.path=${join(dir, 'data')}`,
          `--web.listen-address=${new URL(settings.url).host}`,
          ...(way === 'by /-/reload' ? ['--web.enable-lifecycle'] : []),
        ],
        { ready: /Server is ready to receive web requests/ },
      )
      path = join(dir, 'bin')
      mkdirSync(path)
      program('systemctl', `[ "$*" = "reload prometheus" ] && kill -HUP ${prometheus.pid}`)
    })
    afterAll(async () => {
      await prometheus.stop()
      rmSync(dir, { recursive: true, force: true })
    })

    function program(name: string, script: string): void {
      writeFileSync(join(path, name), `#!/bin/sh\n${script}\n`)
      chmodSync(join(path, name), 0o755)
    }

    const shell: Shell = {
      async exec([name = '', ...args], { stdin } = {}) {
        const child = spawn(name, args, { env: { PATH: `${path}:${process.env.PATH}` } })
        const output = { stdout: '', stderr: '' }
        for (const stream of ['stdout', 'stderr'] as const)
          child[stream].on('data', (data: Buffer) => {
            output[stream] += data.toString()
          })
        child.stdin.end(stdin)
        const code = await new Promise<number | null>((resolve) => {
          child.on('close', resolve)
        })
        return { code, ...output, truncated: false }
      },
    }
    const asked = async (what: string): Promise<unknown> =>
      (await fetch(`${settings.url}/api/v1/${what}`)).json()
    const rules = async () =>
      Groups.parse(await asked('rules')).data.groups.flatMap((group) => group.rules.map(({ name }) => name))
    const targets = async () => Targets.parse(await asked('targets?state=active')).data.activeTargets

    it('rules are loaded when it says so, once more without harm, and gone when they are taken out', async () => {
      expect(await putRules('jellyfin', alerts, shell, settings)).toEqual({ changed: true, verified: true })
      expect(await rules()).toEqual(['JellyfinBusy'])
      expect(await putRules('jellyfin', alerts, shell, settings)).toEqual({ changed: false, verified: true })
      await putRules('plex', [{ ...rule, alert: 'PlexBusy' }], shell, settings)
      expect(await rules()).toEqual(['JellyfinBusy', 'PlexBusy'])
      expect(await removeMonitoring('jellyfin', shell, settings)).toEqual({ changed: true, verified: true })
      expect(await removeMonitoring('jellyfin', shell, settings)).toEqual({ changed: false, verified: true })
      expect(await rules()).toEqual(['PlexBusy'])
    })

    it('wrong rules are refused by promtool with its words, and without it by Prometheus, and what was there stays', async () => {
      const broken = [{ ...rule, alert: 'PlexBusy', expr: 'up ==' }]
      const before = readFileSync(join(settings.rules, 'plex.yml'), 'utf8')
      await expect(putRules('plex', broken, shell, settings)).rejects.toMatchObject({
        code: 'config',
        message: expect.stringContaining('parse error'),
      })
      program('promtool', 'exit 0')
      await expect(putRules('plex', broken, shell, settings)).rejects.toMatchObject({
        code: 'config',
        message: expect.stringContaining('Prometheus does not take the rules of plex'),
      })
      await expect(putRules('new', broken, shell, settings)).rejects.toMatchObject({ code: 'config' })
      rmSync(join(path, 'promtool'))
      expect(readdirSync(settings.rules)).toEqual(['plex.yml'])
      expect(readFileSync(join(settings.rules, 'plex.yml'), 'utf8')).toBe(before)
      expect(await rules()).toEqual(['PlexBusy'])
      // And it is well again.
      expect(await putRules('new', alerts, shell, settings)).toEqual({ changed: true, verified: true })
    })

    it('a folder that it does not read is refused, and nothing is written', async () => {
      const elsewhere = { ...settings, targets: join(dir, 'x'), rules: join(dir, 'y') }
      const target = { address: '127.0.0.1', port: 1 }
      await expect(putRules('plex', alerts, shell, elsewhere)).rejects.toMatchObject({ code: 'config' })
      await expect(putTargets('plex', [target], {}, shell, elsewhere)).rejects.toMatchObject({
        message: `Prometheus does not read ${dir}/x.`,
      })
      expect([existsSync(elsewhere.targets), existsSync(elsewhere.rules)]).toEqual([false, false])
      await expect(putRules('../x', alerts, shell, settings)).rejects.toMatchObject({ code: 'usage' })
    })

    it.runIf(way === 'by /-/reload')('targets are asked, with their labels, and forgotten', async () => {
      const target = { address: '127.0.0.1', port: 1, path: '/m' }
      const told = await putTargets(
        'jellyfin',
        [target],
        { service: 'jellyfin', vmid: '211' },
        shell,
        settings,
      )
      expect(told).toEqual({ changed: true, verified: true })
      await expect
        .poll(targets, { timeout: 60_000, interval: 200 })
        .toMatchObject([{ scrapeUrl: 'http://127.0.0.1:1/m', labels: { service: 'jellyfin', vmid: '211' } }])
      await removeMonitoring('jellyfin', shell, settings)
      expect(readdirSync(settings.targets)).toEqual(['.homelab.yml'])
      await expect.poll(targets, { timeout: 60_000, interval: 200 }).toEqual([])
    })

    it('without a way to tell it, nothing is changed', async () => {
      const nobody = { ...settings, url: 'http://127.0.0.1:1' }
      program('systemctl', 'echo "Unit prometheus.service not found." >&2; exit 5')
      await expect(putRules('late', alerts, shell, nobody)).rejects.toMatchObject({
        code: 'failed',
        message: expect.stringContaining('Unit prometheus.service not found.'),
      })
      expect(readdirSync(settings.rules)).not.toContain('late.yml')
      program('systemctl', '[ "$1" = is-active ] || exit 5')
      await expect(removeMonitoring('new', shell, nobody)).rejects.toMatchObject({ code: 'failed' })
      // It is not running.
      program('systemctl', 'exit 3')
      expect(await removeMonitoring('new', shell, nobody)).toMatchObject({ verified: false })
      expect(readdirSync(settings.rules)).not.toContain('new.yml')
      program('systemctl', 'exit 0')
      expect(await putRules('late', alerts, shell, nobody)).toEqual({ changed: true, verified: false })
    })
  },
)
