import { Alert } from '@homelab/core/alerts'
import type { IDataObject } from 'n8n-workflow'
import { operations as cloudflare } from '../nodes/CloudflareTunnel/operations.ts'
import { operations as homelab } from '../nodes/Homelab/operations.ts'
import { operations as backup } from '../nodes/HomelabBackup/operations.ts'
import { operations as proxmox } from '../nodes/ProxmoxVe/operations.ts'
import type { Surfaced } from '../src/form.ts'
import { itemSchema } from '../src/schema.ts'

/** By the folder of the node. */
const nodes: Readonly<Record<string, readonly Surfaced[]>> = {
  CloudflareTunnel: cloudflare,
  Homelab: homelab,
  HomelabBackup: backup,
  ProxmoxVe: proxmox,
}

/** Where n8n looks for the fields of a node's items, relative to dist/. */
export const schemas = (): readonly (readonly [path: string, schema: IDataObject])[] => [
  ...Object.entries(nodes).flatMap(([folder, all]) =>
    all.map(
      (surface) =>
        [
          `nodes/${folder}/__schema__/v1.0.0/${surface.resource}/${surface.verb}.json`,
          itemSchema(surface),
        ] as const,
    ),
  ),
  [
    'nodes/HomelabAlertTrigger/__schema__/v1.0.0.json',
    itemSchema({ operation: { output: Alert.omit({ card: true }) }, override: {} }),
  ],
]
