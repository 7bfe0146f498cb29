/** The form of an operation, derived from its input schema: what chat options, the console's form and n8n are made of. */
import { z } from 'zod'
import type { SuggestKind } from '../inventory/types.ts'
import type { Json, Operation } from './types.ts'

export interface Field {
  readonly name: string
  readonly kind: 'text' | 'choice' | 'boolean' | 'integer' | 'number' | 'list'
  readonly description: string
  readonly required: boolean
  readonly default?: Json
  readonly choices?: readonly string[]
  /** Of a number its value, of a text its length, of a list its items. */
  readonly min?: number
  readonly max?: number
  /** Where completions come from. */
  readonly suggest?: SuggestKind
  /** Of a list: each item is taken as it is, commas and dashes too. */
  readonly verbatim?: true
  /** Its place among the words of a command; absent when it must be named. */
  readonly position?: number
}

interface Property {
  readonly type?: string
  readonly enum?: readonly string[]
  readonly items?: { readonly type?: string }
  readonly description?: string
  readonly default?: Json
  readonly suggest?: SuggestKind
  readonly verbatim?: boolean
  readonly [key: string]: unknown
}

const cache = new WeakMap<Operation, readonly Field[]>()

/**
 * Required fields first, then in the schema's order (Discord demands it, people expect it).
 * @throws TypeError when a field is of a type that a chat form cannot hold
 */
export function fieldsOf(operation: Operation): readonly Field[] {
  const known = cache.get(operation)
  if (known !== undefined) return known
  const schema = z.toJSONSchema(operation.input, { io: 'input', unrepresentable: 'any' })
  const required = new Set(schema.required ?? [])
  const fields = Object.entries(schema.properties ?? {}).map(([name, property]) =>
    field(operation, name, property as Property, required.has(name)),
  )
  const sorted = [...fields.filter((f) => f.required), ...fields.filter((f) => !f.required)]
  cache.set(operation, sorted)
  return sorted
}

function field(operation: Operation, name: string, property: Property, required: boolean): Field {
  const kind = kindOf(property)
  if (kind === undefined) {
    throw new TypeError(
      `operation ${operation.id}: input "${name}" is of a type that a chat form cannot hold. ` +
        'Use a string, enum, boolean, integer, number or list of strings.',
    )
  }
  if (property.description === undefined) {
    throw new TypeError(`operation ${operation.id}: input "${name}" has no description`)
  }
  const bound = (...keys: string[]) => {
    const values = keys.map((key) => property[key]).filter((value) => typeof value === 'number')
    // Zod writes the limits of a safe integer into every integer: they are no limits to a person.
    return values.find((value) => Math.abs(value) < Number.MAX_SAFE_INTEGER)
  }
  const min = bound('minimum', 'minLength', 'minItems')
  const max = bound('maximum', 'maxLength', 'maxItems')
  const position = operation.positional?.indexOf(name) ?? -1
  return {
    name,
    kind,
    description: property.description,
    required,
    ...(property.default === undefined ? {} : { default: property.default }),
    ...(kind === 'choice' && property.enum ? { choices: property.enum } : {}),
    ...(min === undefined ? {} : { min }),
    ...(max === undefined ? {} : { max }),
    ...(property.suggest === undefined ? {} : { suggest: property.suggest }),
    ...(property.verbatim === true ? { verbatim: true as const } : {}),
    ...(position < 0 ? {} : { position }),
  }
}

function kindOf(property: Property): Field['kind'] | undefined {
  if (property.enum !== undefined)
    return property.enum.every((v) => typeof v === 'string') ? 'choice' : undefined
  switch (property.type) {
    case 'string':
      return 'text'
    case 'boolean':
    case 'integer':
    case 'number':
      return property.type
    case 'array':
      return property.items?.type === 'string' ? 'list' : undefined
    default:
      return undefined
  }
}
