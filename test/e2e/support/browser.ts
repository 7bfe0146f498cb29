/** Chromium as a person with a mouse, a keyboard or a phone would have it, and nothing from the network but ours. */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

const artifacts = fileURLToPath(new URL('../artifacts/', import.meta.url))

export const launchChromium = (): Promise<Browser> =>
  chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--headless',
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
    ],
  })

export const desktop: BrowserContextOptions = { viewport: { width: 1280, height: 860 } }
export const dark: BrowserContextOptions = { ...desktop, colorScheme: 'dark' }
export const phone: BrowserContextOptions = {
  viewport: { width: 390, height: 844 },
  hasTouch: true,
  isMobile: true,
  deviceScaleFactor: 2,
}
/** The narrowest phone in use; a plain window, whose layout does not grow with what does not fit. */
export const narrow: BrowserContextOptions = { viewport: { width: 320, height: 640 }, hasTouch: true }

/** Everything that the browser complained about: broken scripts, refused styles, foreign addresses. */
export type Complaints = string[]

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = desktop,
): Promise<{ page: Page; complaints: Complaints }> {
  const page = await (await browser.newContext(options)).newPage()
  const complaints: Complaints = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') complaints.push(message.text())
  })
  page.on('request', (request) => {
    if (!request.url().startsWith(url) && !request.url().startsWith('data:')) complaints.push(request.url())
  })
  await page.goto(url)
  return { page, complaints }
}

/** Kept for people to look at; what they show is asserted beside them. */
export async function keep(page: Page, name: string): Promise<void> {
  mkdirSync(artifacts, { recursive: true })
  await page.screenshot({ path: join(artifacts, `${name}.png`) })
}

/** Pixels by which the page is wider than its window. */
export const overflow = (page: Page): Promise<number> =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
