import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { long } from './test/long.ts'
import { retry } from './test/support/flaky.ts'

/** The integration tests that `npm test` leaves out, as it would run them. */
export default defineConfig({
  test: {
    name: 'long',
    // As in vitest.config.ts: what nodes for n8n import is not installed whole.
    alias: { 'n8n-workflow': fileURLToPath(new URL('test/support/n8n-workflow.ts', import.meta.url)) },
    include: long,
    maxWorkers: 3,
    retry,
    reporters: ['default', './test/support/flaky.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
  },
})
