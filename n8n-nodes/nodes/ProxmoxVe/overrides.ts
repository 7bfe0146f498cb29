import type { Overrides } from '../../src/overrides.ts'

export const overrides: Overrides = {
  operations: {
    'guest.list': {
      name: 'Get Many',
      action: 'Get many guests',
      records: 'guests',
      simple: ['vmid', 'name', 'type', 'node', 'status', 'lock', 'tags', 'uptime', 'cpu', 'mem'],
      fields: {
        name: { example: 'plex' },
        node: { example: 'pve' },
      },
    },
    'guest.restart': {
      action: 'Restart a guest',
      warning: ({ outcome, name, upid }) =>
        outcome === 'warnings'
          ? `${name} was restarted, but its task ended with warnings: ${upid}`
          : undefined,
      fields: {
        // Its health check is in the homelab file, which this node does not have.
        wait: { hidden: true },
        timeout: { displayName: 'Timeout (Seconds)' },
      },
    },
  },
}
