/** The plan and the end of a provisioning as pictures: kept in test/e2e/artifacts, to be looked at. */
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { renderDiscord } from '../../bot/src/discord/render.ts'
import { renderSlack } from '../../bot/src/slack/render.ts'
import { openProvisionLab } from '../integration/provision.fixture.ts'
import { startSimulator } from '../support/simulator.ts'
import { requireTool } from '../support/tools.ts'
import { launchChromium } from './support/browser.ts'
import { asDiscord, asSlack } from './support/looks.ts'

const artifacts = fileURLToPath(new URL('artifacts', import.meta.url))

it.skipIf(!requireTool('chromium'))(
  'the plan card and the card of its end are whole on a phone and on a desktop',
  async () => {
    await mkdir(artifacts, { recursive: true })
    const simulator = await startSimulator({ speed: 0.02 })
    try {
      await simulator.fault({ stale: false })
      await simulator.changeGuest(111, { remove: true })
      await using lab = await openProvisionLab(simulator)
      const plan = await lab.type('provision jellyfin', false)
      const done = await lab.type('provision jellyfin')
      const cards: readonly (readonly [string, Posted, string])[] = [
        ['plan', plan, 'There is room'],
        ['done', done, 'Jellyfin is there, and answers'],
      ]
      const browser = await launchChromium()
      for (const [name, posted, shows] of cards)
        for (const [platform, html] of Object.entries({
          discord: asDiscord([renderDiscord(posted, { now: new Date() })]),
          slack: asSlack([renderSlack(posted, { now: new Date() })]),
        }))
          for (const width of [390, 640]) {
            const page = await browser.newPage({ viewport: { width, height: 400 } })
            await page.setContent(html)
            expect(await page.textContent('body')).toContain(shows)
            const overflow = await page.evaluate(
              () => document.documentElement.scrollWidth - window.innerWidth,
            )
            expect(overflow).toBeLessThanOrEqual(0)
            await page.screenshot({
              path: `${artifacts}/provision-${name}-${platform}-${width}.png`,
              fullPage: true,
            })
            await page.close()
          }
      await browser.close()
    } finally {
      await simulator.stop()
    }
  },
)
