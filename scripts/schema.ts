// Writes homelab.schema.json, which editors use to complete and check homelab.yaml.
import { writeFileSync } from 'node:fs'
import { inventoryJsonSchema } from '../core/src/inventory/json-schema.ts'

writeFileSync(new URL('../homelab.schema.json', import.meta.url), inventoryJsonSchema())
