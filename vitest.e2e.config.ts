import { defineConfig } from 'vitest/config'
import { retry } from './test/support/flaky.ts'

export default defineConfig({
  test: {
    name: 'e2e',
    include: ['test/e2e/**/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 900_000,
    globalSetup: ['test/e2e/support/setup.ts'],
    // Mostly they wait for n8n or Chromium to be there.
    maxWorkers: 2,
    retry,
    reporters: ['default', './test/support/flaky.ts'],
  },
})
