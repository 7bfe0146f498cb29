/** Each blueprint that comes along, on the simulated lab: what a newcomer tries first has to do what it says. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { questionFor } from '../../core/src/health/select.ts'
import { createBlueprints } from '../../core/src/node/blueprints.ts'
import { entryFor } from '../../core/src/provision/wanted.ts'
import { requirePostgres } from '../support/postgres.ts'
import { type Simulator, startSimulator } from '../support/simulator.ts'
import { openProvisionLab, output, type ProvisionLab, words } from './provision.fixture.ts'

const builtIn = readdirSync(join(import.meta.dirname, '../../core/blueprints')).map((file) =>
  file.replace('.yaml', ''),
)
/** The lab has its database, which a second one must not take. */
const taken = 'nextcloud'

describe.skipIf(!requirePostgres())('a second one of each built-in blueprint', () => {
  const folder = mkdtempSync(join(tmpdir(), 'homelab-blueprints-'))
  let simulator: Simulator
  let lab: ProvisionLab
  beforeAll(async () => {
    simulator = await startSimulator({ speed: 0.02, real: join(folder, 'lab') })
    await simulator.fault({ stale: false })
    const at = simulator.lab.real?.postgres
    const services = {
      ...simulator.lab.services,
      ...(at === undefined ? {} : { postgresql: { host: at.address, port: at.port } }),
    }
    lab = await openProvisionLab({ ...simulator, lab: { ...simulator.lab, services } })
    const own = join(dirname(lab.path), 'blueprints')
    for (const file of readdirSync(own)) rmSync(join(own, file))
    // Its script asks inside its container, whatever it is told.
    writeFileSync(
      join(own, 'asking.yaml'),
      'title: Asking\nstack: core\ncreate: { by: script, script: postgresql }\n',
    )
    // Of the same system, and not what they are made from.
    output(await lab.type('template download debian-12-turnkey-nextcloud storage:local'))
  })
  afterAll(async () => {
    await lab?.[Symbol.asyncDispose]()
    await simulator?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  const typed = (blueprint: string) =>
    lab.type(`provision ${blueprint} name:second-${blueprint} memory:128 disk:1 expose:false gpu:false`)

  it.each(builtIn.filter((each) => each !== taken))('%s', async (blueprint) => {
    const name = `second-${blueprint}`
    const made = output<{ vmid: number }>(await typed(blueprint))
    expect(await lab.guestNamed(name)).toMatchObject({ vmid: made.vmid, state: 'running' })
    expect(await lab.text()).toContain(`  ${name}:\n    guest: ${made.vmid}\n    kind: ${blueprint}\n`)
    output(await lab.type(`deprovision ${name} ${name} backup:false`))
    expect(await lab.guestNamed(name)).toBeUndefined()
  })

  it(`${taken} is refused: its database is the first one's`, async () => {
    expect(words(await typed(taken))).toMatch(/postgresql has a database nextcloud already/)
  })

  it('a script that asks inside is stopped with its question, and nothing of it is left', async () => {
    const said = words(await typed('asking'))
    expect(said).toContain('It asks: \\"Would you like to add Adminer? <y/N>\\". It was stopped.')
    expect(said).toContain('create.answers')
    expect(await lab.guestNamed('second-asking')).toBeUndefined()
  })

  it('the plan says what a script is answered', async () => {
    expect(words(await lab.type('provision immich name:third memory:128 disk:1 --dry-run'))).toContain(
      'When the script asks \\"Select machine-learning type\\" it is answered \\"1\\".',
    )
  })
})

it.each([
  [200, 'up'],
  [302, 'up'],
  // Installed, and asked by its address: an untrusted domain.
  [400, 'up'],
  [404, 'degraded'],
  [503, 'down'],
])(`${taken} that answers %i is %s`, async (status, state) => {
  const all = await createBlueprints(() => undefined).list()
  const from = all.find(({ name }) => name === taken)
  if (from === undefined) throw new Error(`there is no ${taken}`)
  const question = questionFor({ name: taken, service: entryFor(taken, 150, from) })
  if (question?.via !== 'http') throw new Error('it is not asked by HTTP')
  expect(question.judge(status, '').state).toBe(state)
})
