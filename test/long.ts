/**
 * Integration tests that take long together: `npm run test:long` runs them, and `npm test` does not, so that it stays below ten
 * minutes on two cores. What decides what lands runs both.
 */
export const long = [
  'alert-intake',
  'audit',
  'bad-input',
  'discord-people',
  'discord-starts',
  'discord-trouble',
  'guest-end',
  'guest-life',
  'guest-restore',
  'n8n-homelab-long',
  'n8n-proxmox',
  'platforms',
  'proxmox-backups',
  'slack',
  'slack-faults',
  'slack-story',
  'snapshots',
  'ssh-connection',
  'traefik-files',
  'tunnel-bad-input',
  'tunnel-drift',
  'tunnel-drift-foreign',
  'tunnel-rotate',
  'tunnel-undo',
  'tunnel-wildcard',
  'update',
  'watch-notices',
  'workflows',
].map((name) => `test/integration/${name}.test.ts`)
