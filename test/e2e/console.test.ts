/** A newcomer's first minutes: `npm start`, a page opens, `/homelab restart plex` is typed and watched. */
import type { Browser, Locator, Page } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { requireTool } from '../support/tools.ts'
import { dark, desktop, keep, launchChromium, narrow, openPage, overflow, phone } from './support/browser.ts'
import { type Product, startProduct } from './support/product.ts'

const plex = 110
/** No other test touches it: what is asked about it is about a settled state. */
const sonarr = 113
const wait = { timeout: 60_000 }

describe.skipIf(!requireTool('chromium'))('the console in a browser', () => {
  let product: Product
  let browser: Browser

  beforeAll(async () => {
    product = await startProduct()
    browser = await launchChromium()
  })
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
  })
  afterAll(async () => {
    await browser?.close()
    await product?.[Symbol.asyncDispose]()
  })

  const line = (page: Page) => page.getByRole('combobox', { name: 'Command' })
  const newest = (page: Page) => page.locator('#cards > article').first()
  const done = (card: Locator) => card.and(card.page().locator('[data-state=done]')).waitFor(wait)

  /** Types and sends; resolves with the card of exactly this command. */
  async function say(page: Page, text: string): Promise<Locator> {
    const known = await newest(page)
      .getAttribute('id', { timeout: 1_000 })
      .catch(() => '')
    await line(page).fill(text)
    await line(page).press('Enter')
    const card = page.locator(`#cards > article:first-child:not([id="${known}"])`)
    await card.waitFor(wait)
    return page.locator(`[id="${await card.getAttribute('id')}"]`)
  }

  it('restarts plex while one watches', async () => {
    const before = await product.guest(plex)
    const { page, complaints } = await openPage(browser, product.url)
    await page.getByText('What shall be done?').waitFor(wait)
    await page.locator('.services').first().waitFor(wait)
    await keep(page, 'desktop-light-first')

    const card = await say(page, '/homelab restart plex')
    await card.getByRole('progressbar').waitFor(wait)
    await keep(page, 'desktop-light-progress')
    await done(card)
    await keep(page, 'desktop-light-result')

    const after = await product.guest(plex)
    expect(after.state).toBe('running')
    expect(after.startedAt).toBeGreaterThan(before.startedAt)
    expect(after.changes).toEqual({ reboot: 1 })
    expect(await card.getByRole('heading').textContent()).toMatch(/plex/)
    expect(await card.locator('.word').textContent()).toBe('Done')
    expect(await card.locator('.said-text').textContent()).toContain('restart plex')
    expect(await page.locator('#announce').textContent()).toMatch(/restart plex: .*plex/)
    expect(await page.locator('#link-state').textContent()).toBe('Live')
    expect(complaints).toEqual([])
  })

  it('looks as it should in the dark and on a phone', async () => {
    for (const [name, options] of Object.entries({ 'desktop-dark': dark, phone })) {
      const { page, complaints } = await openPage(browser, product.url, options)
      await page.locator('.services').first().waitFor(wait)
      await done(await say(page, 'status'))
      const card = await say(page, 'restart jellyfin')
      await card.getByRole('progressbar').waitFor(wait)
      await keep(page, `${name}-progress`)
      await done(card)
      await keep(page, `${name}-result`)
      expect(await overflow(page)).toBe(0)
      expect(complaints).toEqual([])
    }
  })

  it('fits the narrowest phone, whatever is on it, with targets for a thumb', async () => {
    const { page } = await openPage(browser, product.url, narrow)
    await done(await say(page, 'status'))
    await done(await say(page, 'logs plex'))
    await done(await say(page, `restart ${'x'.repeat(300)}`))
    await page.locator('.services').first().waitFor(wait)
    await keep(page, 'narrow-desk')
    expect(await overflow(page)).toBe(0)
    const small = await page
      .locator('.button:visible, .quiet:visible, nav a, #line')
      .evaluateAll((targets) => targets.filter((target) => target.getBoundingClientRect().height < 44).length)
    expect(small).toBe(0)
    for (const path of ['/runs', '/help', '/nothing']) {
      await page.goto(`${product.url}${path}`)
      expect(await overflow(page), path).toBe(0)
    }
    await page.goto(`${product.url}/runs`)
    await page.locator('.runs a').first().click()
    await page.getByRole('region', { name: 'Log' }).waitFor(wait)
    expect(await overflow(page)).toBe(0)
  })

  it('needs no mouse', async () => {
    const before = await product.guest(plex)
    const { page } = await openPage(browser, product.url)
    const { keyboard } = page
    const passed: (string | null | undefined)[] = []
    for (let count = 0; count < 5; count++) {
      await keyboard.press('Shift+Tab')
      passed.push(await page.evaluate(() => document.activeElement?.textContent?.trim()))
    }
    expect(passed).toEqual(['Help', 'Runs', 'Desk', 'simulated lab', 'Skip to the content'])
    await keep(page, 'desktop-light-focus')
    await keyboard.press('/')

    await keyboard.type('rest')
    await page.getByRole('option', { name: /^restart/ }).waitFor(wait)
    expect(await line(page).getAttribute('aria-expanded')).toBe('true')
    await keyboard.press('Tab')
    expect(await line(page).inputValue()).toBe('restart ')
    await keyboard.type('ple')
    const option = page.getByRole('option', { name: /^plex/ })
    await option.waitFor(wait)
    await keep(page, 'desktop-light-completion')
    await keyboard.press('ArrowDown')
    expect(await line(page).getAttribute('aria-activedescendant')).toBe(await option.getAttribute('id'))
    await keyboard.press('Enter')
    expect(await line(page).inputValue()).toBe('restart plex ')
    await keyboard.press('Escape')
    await page.locator('#choices').waitFor({ state: 'hidden' })
    await keyboard.press('Enter')
    const card = page.locator('#cards > article:first-child', { hasText: 'restart plex' })
    await card.and(page.locator('[data-state=working]')).waitFor(wait)
    await done(card)
    const after = await product.guest(plex)
    expect(after.changes.reboot).toBe((before.changes.reboot ?? 0) + 1)

    await keyboard.press('ArrowUp')
    expect(await line(page).inputValue()).toBe('restart plex')
    await keyboard.press('ArrowDown')
    expect(await line(page).inputValue()).toBe('')
  })

  it('asks before it pulls a plug, and does as it is told', async () => {
    const { page } = await openPage(browser, product.url)
    const refused = await say(page, 'stop sonarr --force')
    await refused.getByText('Needs your answer').waitFor(wait)
    await keep(page, 'desktop-light-question')
    await refused.getByRole('button', { name: 'Cancel' }).press('Enter')
    await done(refused)
    // The pressed button is gone: the keyboard goes on from its card, not from the top of the page.
    expect(await page.evaluate(() => document.activeElement?.id)).toBe(await refused.getAttribute('id'))
    expect((await product.guest(sonarr)).state).toBe('running')

    const confirmed = await say(page, 'stop sonarr --force')
    await confirmed.getByRole('button', { name: 'Confirm' }).click()
    await done(confirmed)
    expect(await confirmed.getByRole('heading').first().textContent()).toBe('sonarr stopped')
    const stopped = await product.guest(sonarr)
    expect([stopped.state, stopped.changes.stop]).toEqual(['stopped', 1])
    await page.locator('.services li', { hasText: 'sonarr' }).getByText('Stopped').waitFor(wait)

    await page.locator('.services li', { hasText: 'sonarr' }).getByText('Start', { exact: true }).click()
    expect(await line(page).inputValue()).toBe('start sonarr')
    await line(page).press('Enter')
    await page
      .locator('#cards > article:first-child[data-state=done]', { hasText: 'start sonarr' })
      .waitFor(wait)
    expect((await product.guest(sonarr)).state).toBe('running')
  })

  it('takes two clicks for one command', async () => {
    const before = (await product.guest(plex)).changes.reboot ?? 0
    const { page } = await openPage(browser, product.url)
    const cards = await page.locator('#cards > article').count()
    await line(page).fill('restart plex')
    await page.getByRole('button', { name: 'Run', exact: true }).dblclick()
    await page
      .locator('#cards > article:first-child[data-state=working]', { hasText: 'restart plex' })
      .waitFor(wait)
    await done(newest(page))
    expect((await product.guest(plex)).changes.reboot).toBe(before + 1)
    expect(await page.locator('#cards > article').count()).toBe(cards + 1)
  })

  it('answers 64 KiB of garbage in plain words', async () => {
    const { page } = await openPage(browser, product.url)
    const cards = await page.locator('#cards > article').count()
    await line(page).fill('\u{1F525}<&"%\\'.repeat(8_192))
    await line(page).press('Enter')
    const alert = page.getByRole('alert')
    await alert.waitFor(wait)
    expect(await alert.textContent()).toContain('a command has at most 4,000')
    expect(await page.locator('#cards > article').count()).toBe(cards)
    await done(await say(page, 'version'))
    expect(await alert.isHidden()).toBe(true)
  })

  it('works without a script', async () => {
    const { page } = await openPage(browser, product.url, { ...desktop, javaScriptEnabled: false })
    await line(page).fill('/homelab whoami')
    await page.getByRole('button', { name: 'Run', exact: true }).click()
    await page.waitForURL(/#card-/)
    await page.goto(product.url)
    expect(await newest(page).locator('.said-text').textContent()).toBe('whoami')
    expect(await newest(page).getByRole('heading', { level: 3 }).textContent()).toContain('you')
  })
})
