/** What an operation's items look like, as JSON Schema: the editor shows their fields before the node has run once. */
import { type Operation, outputSchema } from '@homelab/core'
import type { IDataObject } from 'n8n-workflow'
import type { OperationOverride } from './overrides.ts'

interface JsonSchema {
  readonly type?: unknown
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly items?: JsonSchema
}

export interface Given {
  readonly operation: Pick<Operation, 'output'>
  readonly override: Pick<OperationOverride, 'records' | 'single'>
}

export function itemSchema({ operation, override }: Given): IDataObject {
  const whole = outputSchema(operation) as JsonSchema
  const list = override.records ?? override.single
  const item = list === undefined ? whole : (whole.properties?.[list]?.items ?? {})
  return { ...plainTypes(item), version: 1 }
}

/** The editor wants types and properties, no conditions. */
function plainTypes({ type, properties, items }: JsonSchema): IDataObject {
  return {
    ...(typeof type === 'string' ? { type } : {}),
    ...(properties === undefined
      ? {}
      : {
          properties: Object.fromEntries(
            Object.entries(properties).map(([name, each]) => [name, plainTypes(each)]),
          ),
        }),
    ...(items === undefined ? {} : { items: plainTypes(items) }),
  }
}
