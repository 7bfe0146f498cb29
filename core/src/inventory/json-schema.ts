import { z } from 'zod'
import { InventoryFile } from './schema.ts'

/** The text of homelab.schema.json. */
export function inventoryJsonSchema(): string {
  const schema = z.toJSONSchema(InventoryFile, { io: 'input', target: 'draft-7' })
  return `${JSON.stringify({ ...schema, title: 'homelab.yaml' }, null, 2)}\n`
}
