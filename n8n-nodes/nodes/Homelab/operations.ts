/** What the node offers, out of all operations of core. */
import { operations as all } from '@homelab/core/operations'
import { type Share, shareOf, surfaced } from '../../src/form.ts'
import { overrides } from './overrides.ts'

/** Operations of these nouns are in the node as soon as they are in core. */
export const share: Share = {
  nouns: [
    'lab',
    'graph',
    'service',
    'backup',
    'schedule',
    'run',
    'storage',
    'alert',
    'maintenance',
    'approval',
    'audit',
    'tunnel',
    'route',
    'dns',
    'blueprint',
    'k3s',
    'update',
  ],
  needs: [
    'lab',
    'proxmox',
    'health',
    'shells',
    'clock',
    'secrets',
    'network',
    'monitoring',
    'runs',
    'schedules',
    'incidents',
    'maintenances',
    'approvals',
    'audit',
    'caller',
    'rights',
    'commands',
    'blueprints',
    'k3s',
  ],
  // A yes is a person's.
  without: ['approval.accept', 'approval.reject'],
}

export const operations = surfaced(shareOf(all, share), overrides)
