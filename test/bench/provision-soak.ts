/**
 * `npm run soak:provision [seed] [runs] [crowd]`: 200 provisionings with a fault at a random step, then rounds of 20 at once.
 * Exits 1 when one was neither complete nor gone, or when one of a crowd, where nothing is broken, was not made.
 */
import { crowdProvisioning, soakProvisioning } from '../faults/support/provision-soak.ts'

const seed = Number(process.argv[2] ?? Date.now() % 1_000_000)
const runs = Number(process.argv[3] ?? 200)
const count = Number(process.argv[4] ?? 20)
const say = (text: string): void => void process.stdout.write(`${text}\n`)
say(`seed ${seed}`)
const began = performance.now()
const soak = await soakProvisioning({ runs, seed, say })
say(JSON.stringify(soak.faults, undefined, 2))
say(`${soak.runs} runs in ${Math.round((performance.now() - began) / 1000)} s, ${soak.wrong.length} wrong`)
const crowd = count > 0 ? await crowdProvisioning({ count, rounds: 3 }) : undefined
if (crowd !== undefined) say(JSON.stringify(crowd, undefined, 2))
for (const text of crowd?.wrong ?? []) say(`WRONG ${text}`)
for (const text of crowd?.failed ?? []) say(`NOT MADE ${text}`)
const wrong = [...soak.wrong, ...(crowd?.wrong ?? []), ...(crowd?.failed ?? [])]
process.exitCode = wrong.length > 0 ? 1 : 0
