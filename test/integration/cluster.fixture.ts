/** The home lab with a second node, through the desk of a terminal. */
import { createSecrets } from '@homelab/core/node'
import { afterAll, afterEach, beforeAll, beforeEach, expect } from 'vitest'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { secretsOf } from '../../bot/src/lab/simulated.ts'
import { type Simulator, type SimulatorOptions, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

export let simulator: Simulator
let desk: InlineDesk

/** One simulator for the file, and for each test a lab as at the start. */
export function useCluster(options: SimulatorOptions = {}): void {
  beforeAll(async () => {
    simulator = await startSimulator({ speed: 0.02, nodes: 3, ...options })
  })
  afterAll(() => simulator?.stop())
  beforeEach(async () => {
    await simulator.reset()
    await simulator.fault({ stale: false })
    const source = await sourceOf(simulator)
    desk = await inlineDesk({ ...source, secrets: createSecrets({ env: secretsOf(simulator.lab) }) })
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
export const changes = async (vmid: number) => (await simulator.counts()).changes[String(vmid)]
