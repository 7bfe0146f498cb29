/** Cards of incidents as pictures, on a phone and on a desktop: kept in test/e2e/artifacts, to be looked at. */
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { renderDiscord } from '../../bot/src/discord/render.ts'
import { alert, type Bench, harmeet, openBench, over } from '../../bot/src/incidents/incidents.fixture.ts'
import { renderSlack } from '../../bot/src/slack/render.ts'
import { requireTool } from '../support/tools.ts'
import { launchChromium } from './support/browser.ts'
import { asDiscord, asSlack } from './support/looks.ts'

const artifacts = fileURLToPath(new URL('artifacts', import.meta.url))

const MINUTE = 60_000
const routes = `
timezone: Europe/London
alerts: { routes: [{ severity: critical, escalate: { after: 15m, people: [harmeet] } }] }
`

const postedIn = (bench: Bench): readonly Posted[] =>
  [...bench.cards().values()].map(({ id, card, state }) => ({
    id,
    place: { surface: 'discord', channel: '1' },
    caller: { id: 'homelab:bot', name: 'homelab', role: 'nobody', surface: 'chat' },
    command: '',
    at: bench.now().toISOString(),
    card,
    state: state === 'live' ? 'working' : 'done',
  }))

const plexDown = alert({
  text: 'The probe of http://192.168.1.110:32400/identity has failed for 2 minutes: connection refused.',
  runbook: 'https://wiki.example.org/plex',
  link: 'http://192.168.1.130:9090/graph?g0.expr=probe_success',
})

const scenes: readonly { readonly name: string; readonly shows: string; run(bench: Bench): Promise<void> }[] =
  [
    { name: 'firing', shows: 'plex is down', run: (bench) => bench.told(plexDown) },
    {
      name: 'in-hand',
      shows: 'harmeet has it in hand',
      async run(bench) {
        await bench.told(plexDown)
        await bench.incidents.acknowledge('plex', harmeet)
      },
    },
    {
      name: 'over',
      shows: 'It lasted 12 min',
      async run(bench) {
        await bench.told(plexDown)
        await bench.incidents.acknowledge('plex', harmeet)
        bench.pass(11 * MINUTE)
        await bench.told(over({ endsAt: bench.now().toISOString() }))
      },
    },
    {
      name: 'root-cause',
      shows: 'Because of it: 3',
      async run(bench) {
        for (const [index, service] of ['plex', 'jellyfin', 'postgresql'].entries())
          await bench.told(
            alert({ fingerprint: `s${index}`, title: `${service} is down`, labels: { service } }),
          )
        await bench.told(
          alert({
            fingerprint: 'n',
            name: 'NodeDown',
            title: 'Node pve is offline',
            labels: { node: 'pve' },
          }),
        )
      },
    },
    {
      name: 'flood',
      shows: 'problems at once',
      async run(bench) {
        await bench.told(
          ...Array.from({ length: 300 }, (_, index) =>
            alert({
              fingerprint: `f${index}`,
              name: `Rule${index % 60}`,
              title: `Target ${index} is slow`,
              severity: 'warning',
              labels: {},
            }),
          ),
        )
      },
    },
    {
      name: 'nobody-answers',
      shows: 'Nobody has it in hand',
      async run(bench) {
        await bench.told(plexDown)
        bench.pass(16 * MINUTE)
        await bench.tick()
      },
    },
  ]

describe.skipIf(!requireTool('chromium'))('the card of an incident', () => {
  it.each(scenes)(
    '$name is whole on a phone and on a desktop, in Discord and in Slack',
    async ({ name, shows, run }) => {
      await mkdir(artifacts, { recursive: true })
      await using bench = await openBench(routes)
      await run(bench)
      const posted = postedIn(bench).slice(-3)
      const now = bench.now()
      const pages = {
        discord: asDiscord(posted.map((each) => renderDiscord(each, { now }))),
        slack: asSlack(posted.map((each) => renderSlack(each, { now }))),
      }
      const browser = await launchChromium()
      for (const [platform, html] of Object.entries(pages))
        for (const width of [390, 640]) {
          const page = await browser.newPage({ viewport: { width, height: 400 } })
          await page.setContent(html)
          expect(await page.textContent('body')).toContain(shows)
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
          expect(overflow).toBeLessThanOrEqual(0)
          await page.screenshot({
            path: `${artifacts}/alert-${name}-${platform}-${width}.png`,
            fullPage: true,
          })
          await page.close()
        }
      await browser.close()
    },
  )
})
