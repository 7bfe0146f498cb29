/** What the plans of the example file cover in the simulated lab. */
import { afterAll, beforeAll, expect, it } from 'vitest'
import { connectLab, type LabServices } from '../../bot/src/lab/connect.ts'
import { type CoverageInput, findCoverage, readConfigs, uncovered } from '../../core/src/backup/coverage.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { sourceOf } from '../support/source.ts'

let simulator: Simulator
let lab: LabServices

beforeAll(async () => {
  simulator = await startSimulator()
  const source = await sourceOf(simulator)
  lab = await connectLab(source.inventory, source.secrets)
})
afterAll(async () => {
  await lab?.[Symbol.asyncDispose]()
  await simulator?.stop()
})

const plans: CoverageInput['plans'] = [
  { name: 'postgresql', method: 'pg_dump', service: 'postgresql' },
  { name: 'lxc', method: 'vzdump', guests: ['@all'] },
  { name: 'photos', method: 'restic', node: 'pve', paths: ['/Apollo/Photos'] },
  { name: 'nextcloud', method: 'restic', node: 'pve', paths: ['/Apollo/Nextcloud'] },
]

async function input(): Promise<CoverageInput> {
  const overview = await lab.lab.overview({ fresh: true })
  const rows = await lab.lab.services()
  return {
    guests: await readConfigs(lab.proxmox, overview.guests),
    plans,
    guestsOf: async (plan) => (await lab.lab.resolve(plan.guests)).map(({ guest }) => guest.vmid),
    guestOfService: (service) => rows.find(({ name }) => name === service)?.target?.guest.vmid,
    databaseServices: ['postgresql'],
    databases: async () => ['immich', 'nextcloud', 'n8n'],
    storages: lab.lab.inventory.storages,
    unprotected: [{ what: '/Apollo/Media', why: 'can be had again' }],
  }
}

it('names the guest, the mounts and the folders that are in none', async () => {
  const { rows, unresolved } = await findCoverage(await input())
  const names = uncovered(rows).map(({ kind, name }) => `${kind} ${name}`)
  // The VM is no service of the file, so that @all does not have it; the template is no guest.
  expect(names).toContain('guest homeassistant')
  expect(names).toContain('mount /Apollo/Downloads')
  for (const safe of ['/Apollo/Photos', '/Apollo/Nextcloud', '/Apollo/Media', 'debian-12-template', 'plex'])
    expect(names.filter((name) => name.endsWith(` ${safe}`))).toEqual([])
  expect(rows.find(({ name }) => name === '/Apollo/Photos')).toMatchObject({
    kind: 'mount',
    where: 'pve: /apollo/photos in immich',
    covered: ['photos'],
  })
  expect(unresolved).toEqual([])
})

it('takes a guest whose configuration may not be read for one with unknown mounts', async () => {
  const all = await input()
  await simulator.changeGuest(104, { remove: true })
  const { guests } = await lab.lab.overview()
  const read = await readConfigs(lab.proxmox, guests)
  const { rows } = await findCoverage({ ...all, guests: read })
  expect(uncovered(rows)).toContainEqual(
    expect.objectContaining({ name: 'cloudflared:*', why: expect.stringContaining('could not be read') }),
  )
})
