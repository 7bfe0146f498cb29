/** What a drill of guests says before and after, as a picture: kept in test/e2e/artifacts, to be looked at. */
import { mkdir } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import type { Inventory } from '@homelab/core/inventory'
import { expect, it } from 'vitest'
import { inlineDesk } from '../../bot/src/cli/inline.ts'
import { renderDiscord } from '../../bot/src/discord/render.ts'
import { renderSlack } from '../../bot/src/slack/render.ts'
import { startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'
import { requireTool } from '../support/tools.ts'
import { launchChromium } from './support/browser.ts'
import { asDiscord, asSlack } from './support/looks.ts'

const artifacts = fileURLToPath(new URL('artifacts', import.meta.url))

/** The weekly plan of the example, of some guests alone, and to the storage alone. */
const some = (inventory: Inventory): Inventory => ({
  ...inventory,
  repositories: [{ name: 'local', title: 'Local', storage: 'local', append_only: false }],
  backups: inventory.backups
    .filter(({ name }) => name === 'lxc')
    .map((plan) => ({
      ...plan,
      to: ['local'],
      guests: ['plex', 'immich', 'vaultwarden'],
    })) as typeof inventory.backups,
})

it.skipIf(!requireTool('chromium'))(
  'the plan of a drill and its end are whole on a phone and on a desktop',
  async () => {
    await mkdir(artifacts, { recursive: true })
    const simulator = await startSimulator({ speed: 0.02 })
    try {
      await simulator.fault({ stale: false })
      await using desk = await inlineDesk(await sourceOf(simulator, { change: some }))
      const type = async (text: string) => await desk.desk.settled(desk.submit(text, true).id)
      expect((await type('backup run lxc')).error).toBeUndefined()
      const plan = await type('backup drill lxc --dry-run')
      const done = await type('backup drill lxc')
      const browser = await launchChromium()
      for (const [platform, html] of Object.entries({
        discord: asDiscord([plan, done].map((each) => renderDiscord(each, { now: new Date() }))),
        slack: asSlack([plan, done].map((each) => renderSlack(each, { now: new Date() }))),
      }))
        for (const width of [390, 640]) {
          const page = await browser.newPage({ viewport: { width, height: 400 } })
          await page.setContent(html)
          const text = await page.textContent('body')
          for (const shows of ['is taken, of 3 guests', 'boots']) expect(text).toContain(shows)
          const overflow = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
          expect(overflow).toBeLessThanOrEqual(0)
          await page.screenshot({
            path: `${artifacts}/backup-drill-${platform}-${width}.png`,
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
