/**
 * Integration tests that take long together: `npm run test:long` runs them, and `npm test` does not, so that it stays below ten
 * minutes on two cores. What decides what lands runs both.
 */
export const long = [
  'bad-input',
  'discord-starts',
  'n8n-homelab-long',
  'platforms',
  'slack-faults',
  'slack-story',
  'traefik-files',
  'tunnel-drift',
  'tunnel-drift-foreign',
  'tunnel-rotate',
  'tunnel-undo',
  'tunnel-wildcard',
].map((name) => `test/integration/${name}.test.ts`)
