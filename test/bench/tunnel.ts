/** The rules of a tunnel, which others write too: a thousand edits beside another writer. */
import { startSimulator } from '../support/simulator.ts'
import { manyHostnames } from './support/many-hostnames.ts'
import type { Bench } from './support/row.ts'
import { median } from './support/stats.ts'
import { twoClients } from './support/two-clients.ts'
import { blindWriter, twoWriters } from './support/two-writers.ts'

const EDITS = 1000
const HOSTNAMES = 500
/** The other one does its next step at one in seven of the moments around our calls. */
const CHANCE = 0.15

export const tunnel: Bench = {
  name: 'tunnel',
  title: 'A tunnel whose rules somebody else writes too',
  async run() {
    await using simulator = await startSimulator({ seed: 1 })
    const found = await twoWriters(simulator, { edits: EDITS, chance: CHANCE, seed: 1 })
    const blind = await blindWriter(simulator, { edits: EDITS, chance: CHANCE, seed: 1 })
    const clients = await twoClients(simulator, EDITS)
    await simulator.reset()
    const drift = await manyHostnames(simulator, HOSTNAMES, 5)
    const wrote = `in ${EDITS.toLocaleString('en')} edits, ${found.theirs} writes of the other one`
    return [
      {
        what: 'writes of the other one that ours replaced and no alarm told of',
        value: found.overwrittenUnsaid,
        unit: 'writes',
        atMost: { value: 0 },
        alternative: { name: 'read, change, write', value: blind },
        note: `${found.overwritten} replaced and told, ${wrote}`,
      },
      {
        what: 'rules that one of our looks saw and our write left out, unsaid',
        value: found.dropped,
        unit: 'rules',
        atMost: { value: 0 },
      },
      {
        what: 'rules of ours that were not there when an edit said all is well',
        value: found.oursLostUnsaid,
        unit: 'rules',
        atMost: { value: 0 },
        note: `the other one's writes left out ${found.oursLost}: ${found.toldAtOnce} edits said so at once, ${found.seenNext} were missed by the next one`,
      },
      {
        what: 'two of our own at once: rules lost that no alarm of either explains',
        value: clients.lostUnsaid,
        unit: 'rules',
        atMost: { value: 0 },
        note: `${clients.lost} lost; ${clients.refused} edits were told at once that theirs did not stay, ${clients.overwritten} replaced writes were told, in ${EDITS.toLocaleString('en')} edits`,
      },
      {
        what: 'edits that gave up because the rules never stood still, and wrote nothing',
        value: found.gaveUp,
        unit: 'calls',
        note: 'of them nothing is lost',
      },
      {
        what: 'calls an edit, beside the other writer',
        value: found.calls / EDITS,
        unit: 'calls',
        note: '4 alone',
      },
      { what: 'an edit, median', value: median(found.times), unit: 'ms' },
      {
        what: `comparing ${HOSTNAMES} host names in all four places, the slowest of 5`,
        value: Math.max(...drift.times),
        unit: 'ms',
        atMost: { value: 3_000 },
        note: 'Traefik by SSH and its API, and the health of their backend',
      },
      {
        what: `calls of Cloudflare for comparing ${HOSTNAMES} host names`,
        value: drift.calls,
        unit: 'calls',
        // The tunnels, the rules, the records, and the applications by the hundred: pages, never names.
        atMost: { value: 3 + Math.ceil((HOSTNAMES / 2 + 2) / 100) },
        alternative: { name: 'a record and an application each', value: 2 * HOSTNAMES },
      },
    ]
  },
}
