import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'
import { long } from './test/long.ts'
import { retry } from './test/support/flaky.ts'

/** What nodes for n8n import is not installed whole: see the stand-in. */
const alias = { 'n8n-workflow': fileURLToPath(new URL('test/support/n8n-workflow.ts', import.meta.url)) }

/** One project a kind of test: `npm test -- --project unit` runs one kind. */
const project = (name: string, include: string[], timeout: number) => ({
  test: {
    name,
    include,
    exclude: [...configDefaults.exclude, ...long],
    alias,
    retry,
    testTimeout: timeout,
    hookTimeout: timeout,
    environment: 'node' as const,
  },
})

export default defineConfig({
  test: {
    // Much of a test is waiting for a process: three of them keep two cores busy, which everybody has.
    maxWorkers: 3,
    reporters: ['default', './test/support/flaky.ts'],
    projects: [
      project(
        'unit',
        [
          'core/src/**/*.test.ts',
          'bot/src/**/*.test.ts',
          'simulator/src/**/*.test.ts',
          'n8n-nodes/**/*.test.ts',
          'test/unit/**/*.test.ts',
        ],
        10_000,
      ),
      project('contract', ['test/contract/**/*.test.ts'], 30_000),
      project('integration', ['test/integration/**/*.test.ts'], 120_000),
      project('faults', ['test/faults/**/*.test.ts'], 240_000),
    ],
  },
})
