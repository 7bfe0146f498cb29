// `node scripts/with-node.mjs <file.ts | installed program> [arguments]`: what every npm script goes through.
import { prepare, run } from './runtime.mjs'

const [command, ...args] = process.argv.slice(2)
process.exit(await run(prepare(), command, args))
