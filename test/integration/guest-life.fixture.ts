/** Guests that come, change and go, through the desk of a terminal on the simulated lab. */
import { createSecrets } from '@homelab/core/node'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { secretsOf } from '../../bot/src/lab/simulated.ts'
import { createPve } from '../support/pve.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

export let simulator: Simulator
let desk: InlineDesk
let first: ReadonlySet<number>

/** One simulator for the file, and for each test a lab as at the start. */
export function useLab(): void {
  beforeAll(async () => {
    simulator = await startSimulator({ speed: 0.02 })
    first = new Set((await simulator.state()).guests.map(({ vmid }) => vmid))
  })
  afterAll(() => simulator?.stop())
  // A desk of its own for each test: what one remembers of the lab must not reach the next.
  beforeEach(async () => {
    await simulator.reset()
    await simulator.fault({ stale: false })
    for (const { vmid } of (await simulator.state()).guests)
      if (!first.has(vmid)) await simulator.changeGuest(vmid, { remove: true })
    const source = await sourceOf(simulator, { change: (inventory) => ({ ...inventory, exec: ['plex'] }) })
    const secrets = createSecrets({
      env: { ...secretsOf(simulator.lab), ROOT_PASSWORD: 'correct horse', SHORT: 'abc' },
    })
    desk = await inlineDesk({ ...source, secrets })
  })
  afterEach(() => desk[Symbol.asyncDispose]())
}

/** Types a command and waits for its end; `confirmed` answers yes beforehand. */
export const type = async (text: string, confirmed = true): Promise<Posted> =>
  await desk.desk.settled(desk.submit(text, confirmed).id, { asking: true })
export const output = <T>(posted: Posted): T => {
  expect(posted.error, JSON.stringify(posted.card)).toBeUndefined()
  return posted.output as T
}
export const words = ({ card }: Posted): string => JSON.stringify(card)
export const guest = async (vmid: number) =>
  (await simulator.state()).guests.find((each) => each.vmid === vmid)
export const named = async (name: string) =>
  (await simulator.state()).guests.filter((each) => each.name === name)
export const config = async (vmid: number, kind = 'lxc') =>
  (await createPve(simulator.lab).get(`/nodes/pve/${kind}/${vmid}/config`)).data as Record<string, unknown>
/** Of guests on a storage, whether a configuration names them or not. */
export const disks = async (storage: string): Promise<readonly string[]> =>
  ((await createPve(simulator.lab).get(`/nodes/pve/storage/${storage}/content`)).data as { volid: string }[])
    .map(({ volid }) => volid)
    .toSorted()
export const changes = async (vmid: number) => (await simulator.counts()).changes[String(vmid)]

export interface Made {
  readonly vmid: number
  readonly status: string
}
