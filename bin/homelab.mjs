#!/usr/bin/env node
import { prepare, run } from '../scripts/runtime.mjs'

process.exit(await run(prepare(), 'bot/src/cli/main.ts', process.argv.slice(2)))
