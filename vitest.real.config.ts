import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'
import { retry } from './test/support/flaky.ts'

// As in vitest.config.ts: what nodes for n8n import is not installed whole.
const alias = { 'n8n-workflow': fileURLToPath(new URL('test/support/n8n-workflow.ts', import.meta.url)) }
/** Storms and kills: they load the machine, and wait much of the time. */
const storms = ['test/real/*-kills.test.ts', 'test/real/chat-storm.test.ts']
const patience = { testTimeout: 300_000, hookTimeout: 300_000, retry }

/** What takes minutes: backups with every version of real peers, and the long storms. */
export default defineConfig({
  test: {
    reporters: ['default', './test/support/flaky.ts'],
    projects: [
      {
        test: {
          ...patience,
          alias,
          name: 'real',
          include: ['test/real/**/*.test.ts'],
          exclude: storms,
          // Mostly they wait for their peers. What two keep in one place of the machine (jobs, locks) has names of its own.
          maxWorkers: 3,
          sequence: { groupOrder: 0 },
        },
      },
      {
        test: {
          ...patience,
          alias,
          name: 'storms',
          include: storms,
          maxWorkers: 2,
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
})
