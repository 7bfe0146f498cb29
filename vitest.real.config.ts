import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** What takes minutes: backups with every version of real peers, and the long storms. */
export default defineConfig({
  test: {
    name: 'real',
    // As in vitest.config.ts: what nodes for n8n import is not installed whole.
    alias: { 'n8n-workflow': fileURLToPath(new URL('test/support/n8n-workflow.ts', import.meta.url)) },
    include: ['test/real/**/*.test.ts'],
    // Mostly they wait for their peers. What two keep in one place of the machine (jobs, locks) has names of its own.
    maxWorkers: 2,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
