/** `npm run bench [name …] [-- --json FILE]`: measures what docs/performance.md says; exits 1 when a target is missed. */
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { acknowledge } from './acknowledge.ts'
import { alerts } from './alerts.ts'
import { backup } from './backup.ts'
import { charts } from './charts.ts'
import { chat } from './chat.ts'
import { idleDay, memory } from './chat-day.ts'
import { completion } from './completion.ts'
import { idle } from './idle.ts'
import { intake } from './intake.ts'
import { n8n } from './n8n.ts'
import { restart } from './restart.ts'
import { ssh } from './ssh.ts'
import { status } from './status.ts'
import { type Bench, missed, ratioOf } from './support/row.ts'
import { tableOf } from './support/table.ts'
import { tunnel } from './tunnel.ts'

const benches: readonly Bench[] = [
  ...[
    restart,
    status,
    acknowledge,
    chat,
    completion,
    idle,
    idleDay,
    memory,
    ssh,
    backup,
    n8n,
    tunnel,
    charts,
    intake,
    alerts,
  ],
]

const { values, positionals } = parseArgs({ options: { json: { type: 'string' } }, allowPositionals: true })
const unknown = positionals.filter((name) => !benches.some((bench) => bench.name === name))
if (unknown.length > 0) {
  process.stderr.write(
    `bench: no ${unknown.join(', ')}; there are ${benches.map(({ name }) => name).join(', ')}\n`,
  )
  process.exit(2)
}
const chosen = benches.filter(({ name }) => positionals.length === 0 || positionals.includes(name))

const say = (text: string): void => void process.stdout.write(`${text}\n`)
say(
  `Node ${process.versions.node}, ${availableParallelism()} cores. Ratio = ours ÷ the alternative: below 1 is better.`,
)
const results = []
for (const bench of chosen) {
  const began = performance.now()
  const rows = await bench.run()
  results.push({
    bench: bench.name,
    rows: rows.map((row) => ({ ...row, ratio: ratioOf(row), missed: missed(row) })),
  })
  say(
    `\n## ${bench.title} (\`npm run bench ${bench.name}\`, ${Math.round((performance.now() - began) / 1000)} s)\n`,
  )
  say(tableOf(rows))
}
say(
  '\nRuns that outlive `kill -9` are counted, not timed: `npm test -- test/faults` kills the bot at every failpoint and at random.',
)
if (values.json !== undefined) {
  const about = { node: process.versions.node, cores: availableParallelism(), at: new Date().toISOString() }
  await writeFile(values.json, `${JSON.stringify({ ...about, results }, undefined, 2)}\n`)
}
const failed = results.flatMap(({ bench, rows }) =>
  rows.filter((row) => row.missed).map(({ what }) => `${bench}: ${what}`),
)
for (const text of failed) say(`MISSED ${text}`)
process.exitCode = failed.length > 0 ? 1 : 0
