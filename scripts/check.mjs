// `npm run check`: types, lint, format, dead code. Runs them all and fails if any failed.
import { prepare, run } from './runtime.mjs'

const checks = [
  ['types', 'tsc', ['-b']],
  ['format and lint', 'biome', ['ci', '--colors=off', '.']],
  ['promises', 'oxlint', ['--type-aware', '--deny-warnings']],
  ['dead code', 'knip', []],
]

const runtime = prepare()
const failed = []
for (const [name, command, args] of checks) {
  console.log(`\n== ${name}: ${command} ${args.join(' ')}`)
  if ((await run(runtime, command, args)) !== 0) failed.push(name)
}
console.log(failed.length === 0 ? '\nAll checks passed.' : `\nFailed: ${failed.join(', ')}`)
process.exit(failed.length === 0 ? 0 : 1)
