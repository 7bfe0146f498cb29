/** What the node offers, out of all operations of core. */
import { operations as all } from '@homelab/core/operations'
import { type Share, shareOf, surfaced } from '../../src/form.ts'
import { proxmoxNeeds } from '../../src/needs.ts'
import { overrides } from './overrides.ts'

/** Operations of these nouns are in the node as soon as they are in core. */
export const share: Share = {
  nouns: [
    'guest',
    'snapshot',
    'archive',
    'node',
    'storage',
    'task',
    'cluster',
    'ha',
    'replication',
    'template',
  ],
  needs: proxmoxNeeds,
}

export const operations = surfaced(shareOf(all, share), overrides)
