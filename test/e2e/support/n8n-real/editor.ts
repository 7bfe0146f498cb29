/** n8n's editor in Chromium, as a person with a mouse uses it. */
import type { Browser, BrowserContextOptions, Locator, Page } from 'playwright-core'
import type { RealN8n } from './server.ts'

/** Its first page is 20 MB of scripts. */
const PATIENCE_MS = 180_000

export interface Editor {
  readonly page: Page
  /** n8n marks its parts for its own tests. */
  part(name: string): Locator
  /** Addresses of others that it asked for, and did not get. */
  readonly foreign: ReadonlySet<string>
}

/** A new window, logged in as the owner. */
export async function openEditor(
  browser: Browser,
  { url, owner }: RealN8n,
  options: BrowserContextOptions,
): Promise<Editor> {
  const page = await (await browser.newContext(options)).newPage()
  page.setDefaultTimeout(PATIENCE_MS)
  const foreign = new Set<string>()
  await page.route(
    (to) => to.origin !== url && to.protocol.startsWith('http'),
    (route) => {
      foreign.add(route.request().url())
      return route.abort()
    },
  )
  await go(page, `${url}/signin`)
  await page.locator('input[type=email]').fill(owner.email)
  await page.locator('input[type=password]').fill(owner.password)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.waitForURL(/\/home/)
  return { page, foreign, part: (name) => page.locator(`[data-test-id="${name}"]`) }
}

/** A workflow of its own, saved or (without an id) new. */
export async function openWorkflow({ page, part }: Editor, url: string, id?: string): Promise<void> {
  await go(page, `${url}/workflow/${id ?? 'new'}`)
  await part(id === undefined ? 'canvas-add-button' : 'canvas-node')
    .first()
    .waitFor()
}

/** After a manual trigger: finds a node by what it is called, and chooses one of its actions. Its form is open then. */
export async function addNode({ page, part }: Editor, node: string, action: string): Promise<void> {
  const item = part('item-iterator-item')
  await part('canvas-add-button').click()
  await item.filter({ hasText: 'Trigger manually' }).click()
  await part('node-creator-plus-button').click()
  await part('node-creator-search-bar').fill(node)
  // Not what only begins so.
  await item.filter({ has: page.getByText(node, { exact: true }) }).click()
  await item.filter({ hasText: action }).first().click()
  await part('ndv').waitFor()
}

/** `load` would wait for all that a page of n8n asks for, also after it can be used. */
const go = (page: Page, url: string) => page.goto(url, { waitUntil: 'domcontentloaded' })
