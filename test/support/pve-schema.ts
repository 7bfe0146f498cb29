/** The subset of JSON schema in which Proxmox describes its API, with Perl's ideas of numbers and booleans. */
export interface Schema {
  readonly type?: string
  readonly optional?: boolean | number
  readonly enum?: readonly string[]
  readonly minimum?: number
  readonly maximum?: number
  readonly pattern?: string
  readonly properties?: Readonly<Record<string, Schema>>
  readonly items?: Schema
}

function typeProblem(type: string | undefined, value: unknown): boolean {
  const scalar = typeof value === 'string' || typeof value === 'number'
  switch (type) {
    case 'integer':
      // Perl prints a number as text when it was read as text.
      return !(scalar && /^-?\d+$/.test(String(value)))
    case 'number':
      return !(scalar && value !== '' && Number.isFinite(Number(value)))
    case 'boolean':
      return !(value === 0 || value === 1 || value === '0' || value === '1' || value === '')
    case 'string':
      return !scalar
    case 'array':
      return !Array.isArray(value)
    case 'object':
      return typeof value !== 'object' || value === null || Array.isArray(value)
    case 'null':
      return value !== null
    default:
      return false
  }
}

/** What does not fit, each with its place; [] when all fits. Keys that the schema does not name are allowed. */
export function problems(schema: Schema | undefined, value: unknown, place = 'data'): readonly string[] {
  if (!schema) return [`${place}: no schema`]
  if (typeProblem(schema.type, value))
    return [`${place}: ${JSON.stringify(value)?.slice(0, 80)} is no ${schema.type}`]
  const found: string[] = []
  if (schema.enum && !schema.enum.includes(String(value)))
    found.push(`${place}: ${String(value)} is none of ${schema.enum.join(', ')}`)
  if (schema.minimum !== undefined && Number(value) < schema.minimum)
    found.push(`${place}: below ${schema.minimum}`)
  if (schema.maximum !== undefined && Number(value) > schema.maximum)
    found.push(`${place}: above ${schema.maximum}`)
  if (
    schema.pattern &&
    !schema.pattern.includes('(?^') &&
    !new RegExp(`^(?:${schema.pattern})$`).test(String(value))
  ) {
    found.push(`${place}: ${String(value)} does not match ${schema.pattern}`)
  }
  if (Array.isArray(value))
    return [
      ...found,
      ...value.flatMap((item, index) =>
        schema.items ? problems(schema.items, item, `${place}[${index}]`) : [],
      ),
    ]
  if (typeof value !== 'object' || value === null) return found
  const entries = new Map(Object.entries(value))
  for (const [name, part] of Object.entries(schema.properties ?? {})) {
    const inner = entries.get(name)
    if (inner !== undefined) found.push(...problems(part, inner, `${place}.${name}`))
    else if (!part.optional && !name.endsWith('[n]')) found.push(`${place}.${name}: missing`)
  }
  return found
}
