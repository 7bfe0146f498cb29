/** The commands of the runbook, as they stand and in their order. */
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { openProvisionLab, type ProvisionLab, words } from './provision.fixture.ts'

const page = readFileSync(new URL('../../docs/runbooks/add-new-service.md', import.meta.url), 'utf8')
/** Of its `text` blocks: what is typed. */
const commands = [...page.matchAll(/^ *```text\n([\s\S]*?)^ *```$/gm)].flatMap(([, block = '']) =>
  block
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== ''),
)

let simulator: Simulator
let lab: ProvisionLab
beforeAll(async () => {
  simulator = await startSimulator({ speed: 0.02 })
  await simulator.fault({ stale: false })
  await simulator.changeGuest(111, { remove: true })
  lab = await openProvisionLab(simulator)
})
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]()
  await simulator?.stop()
})

it('makes a service and takes it away', async () => {
  expect(commands).toContain('provision jellyfin')
  expect(commands.at(-1)).toBe('deprovision jellyfin jellyfin')
  const before = await lab.text()
  const seen: string[] = []
  for (const command of commands) {
    const posted = await lab.type(command)
    expect(posted.error, `${command}: ${words(posted)}`).toBeUndefined()
    expect(posted.card.title, command).not.toMatch(/did not understand/)
    if (command === 'provision jellyfin') seen.push((await lab.guestNamed('jellyfin'))?.state ?? 'absent')
  }
  expect(seen).toEqual(['running'])
  expect(await lab.guestNamed('jellyfin')).toBeUndefined()
  expect(await lab.text()).toBe(before)
})
