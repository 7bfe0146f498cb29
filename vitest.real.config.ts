import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

/** What takes minutes: backups with every version of real peers, and the long storms. */
export default defineConfig({
  test: {
    name: 'real',
    // As in vitest.config.ts: what nodes for n8n import is not installed whole.
    alias: { 'n8n-workflow': fileURLToPath(new URL('test/support/n8n-workflow.ts', import.meta.url)) },
    include: ['test/real/**/*.test.ts'],
    // Their jobs keep their folders and locks in one place of the machine, as they would on a Proxmox host.
    fileParallelism: false,
    testTimeout: 300_000,
    hookTimeout: 300_000,
  },
})
