/** The real n8n, the package installed in it, and its editor in Chromium: what a person sees in the first five minutes. */
import type { Browser } from 'playwright-core'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { requireTool } from '../support/tools.ts'
import { workflowTexts } from '../support/workflows.ts'
import { dark, desktop, keep, launchChromium } from './support/browser.ts'
import { addNode, openEditor, openWorkflow } from './support/n8n-real/editor.ts'
import { proxmoxCredential } from './support/n8n-real/lab.ts'
import { type RealN8n, startRealN8n } from './support/n8n-real/server.ts'

const plex = 110

describe.skipIf(!requireTool('chromium'))("n8n's editor", () => {
  let simulator: Simulator
  let n8n: RealN8n
  let browser: Browser

  beforeAll(async () => {
    simulator = await startSimulator()
    n8n = await startRealN8n()
    browser = await launchChromium()
    const id = await n8n.client.addCredential('proxmoxVeApi', 'Proxmox VE', proxmoxCredential(simulator))
    expect(await n8n.client.testCredential(id, 'proxmoxVeApi', 'Proxmox VE')).toMatchObject({ status: 'OK' })
  })
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close()
  })
  afterAll(async () => {
    await browser?.close()
    await n8n?.[Symbol.asyncDispose]()
    await simulator?.[Symbol.asyncDispose]()
  })

  it('says of a wrong token that it is wrong, at the Test of the credential', async () => {
    const wrong = { ...proxmoxCredential(simulator), tokenSecret: 'wrong' }
    const id = await n8n.client.addCredential('proxmoxVeApi', 'Wrong', wrong)
    expect(await n8n.client.testCredential(id, 'proxmoxVeApi', 'Wrong')).toMatchObject({ status: 'Error' })
    await n8n.client.call('DELETE', `/credentials/${id}`)
  })

  it.each([
    ['light', desktop],
    ['dark', dark],
  ])('has the node and the list of guests, and runs it (%s)', async (name, options) => {
    await simulator.reset()
    const editor = await openEditor(browser, n8n, { ...options, viewport: { width: 1440, height: 900 } })
    const { page, part } = editor
    await openWorkflow(editor, n8n.url)
    await addNode(editor, 'Proxmox VE', 'Restart a guest')
    await part('rlc-input').click()
    const guest = part('rlc-item').filter({ hasText: 'plex (CT 110 on pve, running)' })
    await guest.waitFor()
    expect(await part('rlc-item').count()).toBeGreaterThan(10)
    await keep(page, `n8n-${name}-guests`)

    await guest.click()
    await part('node-execute-button').click()
    const output = part('output-panel')
    await output.getByText('vzreboot').first().waitFor()
    await keep(page, `n8n-${name}-restarted`)
    expect((await simulator.counts()).changes[plex]).toEqual({ reboot: 1 })
    // That of the package itself: whether there is a newer one.
    expect([...editor.foreign].filter((url) => !url.endsWith('/n8n-nodes-homelab'))).toEqual([])
  })

  it('shows a ready workflow whole, and with a file alone only what a file can do', async () => {
    const text = workflowTexts().get('nightly-postgres') ?? ''
    const { id, nodes } = await n8n.client.importWorkflow(JSON.parse(text))
    const editor = await openEditor(browser, n8n, { ...desktop, viewport: { width: 1440, height: 900 } })
    await openWorkflow(editor, n8n.url, id)
    await editor.part('zoom-to-fit').click()
    await editor.page.getByText('Keep the repository').waitFor()
    const steps = nodes.filter(({ type }) => !type.endsWith('.stickyNote'))
    expect(await editor.part('canvas-node').count()).toBe(steps.length)
    await keep(editor.page, 'n8n-workflow')

    // Pasted beside it: a page of its own would take half a minute.
    const parameters = { authentication: 'file', resource: 'service', operation: 'restart' }
    const type = 'n8n-nodes-homelab.homelab'
    const node = { id: '1', name: 'By a file', type, typeVersion: 1, position: [0, -400], parameters }
    await editor.page.evaluate(
      (copied) => {
        const clipboardData = new DataTransfer()
        clipboardData.setData('text/plain', copied)
        document.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true }))
      },
      JSON.stringify({ nodes: [node], connections: {} }),
    )
    await editor.part('zoom-to-fit').click()
    await editor.part('canvas-node').filter({ hasText: 'By a file' }).dblclick()
    await editor.part('parameter-input-resource').click()
    const offered = editor.page.locator('.el-select-dropdown__item:visible')
    await offered.filter({ hasText: 'Storage' }).waitFor()
    const names = (await offered.allInnerTexts()).filter((name) => name !== 'Custom API Call')
    expect(names).toEqual(['Backup', 'Command', 'Graph', 'Lab', 'Service', 'Storage', 'Update'])
  })
})
