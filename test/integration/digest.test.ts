/** The digest on the simulated lab: each part as it is there, and one that cannot be looked at. */
import { type Json, runInline, type Services } from '@homelab/core'
import { systemClock } from '@homelab/core/node'
import { digest } from '@homelab/core/operations'
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest'
import { connectLab, type LabServices } from '../../bot/src/lab/connect.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

let simulator: Simulator
let lab: LabServices
beforeAll(async () => {
  simulator = await startSimulator({ seed: 1 })
  lab = await labOf((inventory) => inventory)
})
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]()
  await simulator?.stop()
})
beforeEach(() => simulator.reset())

async function labOf(change: NonNullable<Parameters<typeof sourceOf>[1]>['change']): Promise<LabServices> {
  const source = await sourceOf(simulator, change === undefined ? {} : { change })
  return await connectLab(source.inventory, source.secrets)
}
const run = async (services: Partial<Services> = lab) =>
  (await runInline(digest, { since: undefined }, services, { clock: systemClock })) as Record<string, Json>

it('has storages with their growth, updates, certificates and the tunnel', async () => {
  await simulator.fault({ updates: ['openssl', 'proxmox-kernel-6.8.12-12-pve-signed'], certificateDays: 5.5 })
  const output = await run()
  expect(output).toMatchObject({
    updates: [{ node: 'pve', packages: ['openssl', 'proxmox-kernel-6.8.12-12-pve-signed'], kernel: true }],
    certificates: [{ node: 'pve', file: 'pve-ssl.pem' }],
    tunnel: { status: 'healthy', connections: 4 },
    storages: expect.arrayContaining([expect.objectContaining({ name: 'tesla', grown: expect.any(Number) })]),
    unseen: [],
  })
  // In a terminal without a bot there is nobody who knows of runs.
  expect(output).not.toHaveProperty('runs')
  expect(JSON.stringify(digest.card(output as never, { since: undefined }))).toContain(
    'pve-ssl.pem of pve: in 5 days',
  )
})

it('says in a line what it may not look at, and has the rest', async () => {
  await simulator.setAcl(
    ['homelab@pve', 'homelab@pve!desk'].map((who) => ({ path: '/', who, role: 'PVEAuditor' })),
  )
  const { unseen, certificates, storages } = await run()
  expect(unseen).toEqual([{ part: 'updates', text: expect.stringMatching(/^pve: .* lacks Sys\.Modify on/) }])
  expect(certificates).toHaveLength(1)
  expect(storages).not.toHaveLength(0)
})

it('has what there is when Proxmox does not answer', async () => {
  const history = { list: () => Promise.resolve([]) } as unknown as Services['runs']
  await simulator.fault({ unauthorized: true })
  const fresh = await labOf((inventory) => inventory)
  const output = await run({ ...fresh, runs: history })
  await fresh[Symbol.asyncDispose]()
  expect(output).toMatchObject({ runs: { succeeded: 0 }, tunnel: { status: 'healthy' } })
  const parts = (output.unseen as { part: string }[]).map(({ part }) => part)
  expect(parts).toEqual(expect.arrayContaining(['storages', 'updates', 'certificates']))
})

it('leaves out what the file leaves out: nothing is asked for it', async () => {
  const short = await labOf((inventory) => ({
    ...inventory,
    digest: { schedule: '0 8 * * *', empty: true, without: ['updates', 'tunnel', 'storages', 'backups'] },
  }))
  const output = await run(short)
  await short[Symbol.asyncDispose]()
  expect(Object.keys(output).toSorted()).toEqual(['at', 'certificates', 'since', 'timezone', 'unseen'])
  expect(output.unseen).toEqual([])
})
