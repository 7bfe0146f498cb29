/** The receiver that `alert setup` prints, in a real Alertmanager: what it sends to the intake, and what it does when that cannot keep it. */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import type { Alert } from '@homelab/core/alerts'
import { parseInventory } from '@homelab/core/inventory'
import { createSecrets } from '@homelab/core/node'
import { expect, onTestFinished, test } from 'vitest'
import { serve } from '../../bot/src/api/serve.ts'
import { createIntake } from '../../bot/src/intake/intake.ts'
import { openStore } from '../../bot/src/store/index.ts'
import { setupSteps } from '../../core/src/alerts/setup.ts'
import { startAlertmanager } from '../support/alertmanager.ts'
import { homeFolder } from '../support/bot.ts'
import { requireTool } from '../support/tools.ts'

const present = requireTool('prometheus-alertmanager', 'amtool')
const secret = 'secret-of-the-alertmanager-01'

test.runIf(present)(
  'brings what fires and what is over, and brings again what could not be kept',
  async () => {
    await using home = await homeFolder()
    const inventory = parseInventory('alerts: { sources: { alertmanager: { secret: env:ALERTS } } }')
    const store = await openStore(join(home.path, 'desk.db'))
    onTestFinished(() => store.close())
    const intake = createIntake({
      inventory: () => inventory,
      secrets: createSecrets({ env: { ALERTS: secret } }),
      inbox: store.inbox,
      log: { warn() {}, error() {} },
    })
    await using server = await serve(intake.app, { host: '127.0.0.1', port: 0, setting: 'the test' })
    const [source] = inventory.alerts.sources
    if (source === undefined) throw new Error('no source')
    const printed = setupSteps({ source, url: `${server.url}/alerts/alertmanager` })
      .map(({ code }) => code)
      .find((code) => code?.file === 'alertmanager-receiver.yml')?.text
    const secretFile = join(home.path, 'secret')
    writeFileSync(secretFile, `${secret}\n`)
    const route = 'route: { receiver: homelab, group_wait: 0s, group_interval: 1s, repeat_interval: 1h }\n'
    const config = `${route}${printed?.replace('homelab-alerts.secret', secretFile)}`
    writeFileSync(join(home.path, 'alertmanager.yml'), config)
    execFileSync('amtool', ['check-config', join(home.path, 'alertmanager.yml')])

    const counted = (count: (kind: { failed: number }) => boolean) =>
      new Promise<void>((resolve) => {
        const look = () => {
          const counts = intake.counts().get('alertmanager')
          if (counts !== undefined && count(counts)) resolve()
          else setTimeout(look, 20)
        }
        look()
      })
    const added = () =>
      new Promise<void>((resolve) => {
        const stop = store.inbox.onAdded(() => {
          stop()
          resolve()
        })
      })
    const kept = async (): Promise<readonly Alert[]> =>
      (await store.inbox.next(100)).flatMap(({ alerts }) => alerts)

    // Its first try finds a database that cannot take it.
    const beside = new DatabaseSync(join(home.path, 'desk.db'))
    onTestFinished(() => beside.close())
    beside.exec("CREATE TRIGGER full BEFORE INSERT ON inbox BEGIN SELECT RAISE(ABORT, 'full'); END")
    await using alertmanager = await startAlertmanager(config)
    const plex = {
      labels: { alertname: 'PlexDown', service: 'plex', severity: 'page' },
      annotations: { summary: 'Plex is down' },
      startsAt: new Date(Date.now() - 60_000).toISOString(),
    }
    await alertmanager.send([plex])
    await counted(({ failed }) => failed > 0)
    expect(await kept()).toEqual([])
    const again = added()
    beside.exec('DROP TRIGGER full')
    await again
    expect(await kept()).toMatchObject([
      {
        name: 'PlexDown',
        status: 'firing',
        severity: 'critical',
        title: 'Plex is down',
        startsAt: plex.startsAt,
      },
    ])

    const over = added()
    await alertmanager.send([{ ...plex, endsAt: new Date().toISOString() }])
    await over
    const [fired, resolved] = await kept()
    expect(resolved).toMatchObject({ status: 'resolved', fingerprint: fired?.fingerprint })
    expect(intake.counts().get('alertmanager')).toMatchObject({ accepted: 2, refused: 0, malformed: 0 })
  },
)
