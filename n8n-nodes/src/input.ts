/** What a person filled in, for one item, as the operation's input. */
import { type Field, fieldsOf, validateInput } from '@homelab/core'
import type { IDataObject, IExecuteFunctions } from 'n8n-workflow'
import { collectionOf, isTop, type Surfaced } from './form.ts'

type Parameters = Pick<IExecuteFunctions, 'getNodeParameter'>

/**
 * @param given input that does not come from a field of its own
 * @throws HomelabError `usage` that names each missing or wrong field
 */
export function inputOf(
  context: Parameters,
  surface: Surfaced,
  item: number,
  given: Readonly<Record<string, unknown>> = {},
): Record<string, unknown> {
  const collected = context.getNodeParameter(collectionOf(surface), item, {}) as IDataObject
  const values: Record<string, unknown> = {
    ...surface.override.fixed,
    ...given,
    ...limitOf(context, surface, item),
  }
  for (const field of surface.fields) {
    const raw = isTop(surface, field) ? context.getNodeParameter(field.name, item, '') : collected[field.name]
    const value = typed(field, plain(raw))
    if (value !== undefined) values[field.name] = value
  }
  return validateInput(surface.operation, values)
}

/** An operation that has a limit of its own looks no further than the person wants. */
function limitOf(context: Parameters, { operation, override }: Surfaced, item: number): IDataObject {
  const own =
    override.records === undefined ? undefined : fieldsOf(operation).find(({ name }) => name === 'limit')
  if (own === undefined) return {}
  const most = own.max ?? 1000
  const all = context.getNodeParameter('returnAll', item, false) as boolean
  return { limit: all ? most : Math.min(most, context.getNodeParameter('limit', item, 50) as number) }
}

/** A resource locator holds its value under `value`, whichever mode it is in. */
export const plain = (raw: unknown): unknown =>
  typeof raw === 'object' && raw !== null && '__rl' in raw && 'value' in raw ? raw.value : raw

/** Empty means not given: the operation's own default holds, or it says what is missing. */
function typed(field: Field, raw: unknown): unknown {
  if (raw === undefined || raw === null || raw === '') return undefined
  switch (field.kind) {
    case 'text':
    case 'choice':
      // An expression such as {{ $json.vmid }} gives a number.
      return typeof raw === 'string' ? raw.trim() : String(raw)
    case 'integer':
    case 'number':
      return typeof raw === 'string' ? Number(raw) : raw
    case 'list':
      // Words that are handed on as they are: a comma in one belongs to it.
      if (field.verbatim === true) return (Array.isArray(raw) ? raw : [raw]).map(String)
      return listOf(raw)
    case 'boolean':
      return raw
  }
}

export function listOf(raw: unknown): readonly string[] | undefined {
  const items = (Array.isArray(raw) ? raw : String(raw).split(',')).map((each) => String(each).trim())
  const given = items.filter((each) => each !== '')
  return given.length === 0 ? undefined : given
}
