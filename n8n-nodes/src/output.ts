/** An operation's output as n8n items: one for each record, or the whole as one. */
import type { Json, Plan } from '@homelab/core'
import type { IDataObject, IExecuteFunctions } from 'n8n-workflow'
import type { Surfaced } from './form.ts'
import type { OperationOverride } from './overrides.ts'

type Parameters = Pick<IExecuteFunctions, 'getNodeParameter'>

export function recordsOf(context: Parameters, surface: Surfaced, output: Json, item: number): IDataObject[] {
  const { records, simple } = surface.override
  if (records === undefined) return [itemOf(surface, output)]
  const all = (output as IDataObject)[records] as IDataObject[]
  const wanted = context.getNodeParameter('returnAll', item, false)
    ? all
    : all.slice(0, context.getNodeParameter('limit', item, 50) as number)
  if (simple === undefined || !isSimplified(context, surface.override, item)) return wanted
  return wanted.map((record) => pick(record, simple))
}

interface Schema {
  readonly def: { readonly type: string; readonly innerType?: Schema; readonly element?: Schema }
  readonly shape?: Readonly<Record<string, Schema>>
  parse(value: unknown): Json
}

const plain: ReadonlySet<string> = new Set(['string', 'number', 'boolean', 'enum', 'literal'])

/** What its schema would hand on as it is. */
const isPlain = ({ def }: Schema): boolean =>
  def.type === 'optional' || def.type === 'nullable'
    ? def.innerType !== undefined && isPlain(def.innerType)
    : def.type === 'array'
      ? def.element !== undefined && isPlain(def.element)
      : plain.has(def.type)

/**
 * The output of a list as its schema gives it, its records by a plain loop: only the fields that are promised. A schema looks at every
 * field of every record once more, which for a thousand takes as long as all else that is done with them here.
 * @returns undefined when the schema does more with a record than to leave fields out
 */
export function listOutput(
  context: Parameters,
  { operation, override }: Surfaced,
  item: number,
): ((value: Json) => Json) | undefined {
  const { records, simple = [] } = override
  const all = (operation.output as Schema).shape ?? {}
  const { shape } = (records === undefined ? undefined : all[records]?.def.element) ?? {}
  if (records === undefined || shape === undefined || !Object.values(shape).every(isPlain)) return undefined
  // They are simplified later, to fields that are promised: one copy is enough.
  const later = isSimplified(context, override, item) && simple.every((key) => key in shape)
  const keys = Object.keys(shape)
  const recordsIn = (list: IDataObject[]) => (later ? list : list.map((each) => pick(each, keys)))
  return (value) =>
    Object.fromEntries(
      Object.entries(all).map(([name, schema]) => {
        const given = (value as IDataObject)[name]
        return [name, name === records ? recordsIn(given as IDataObject[]) : schema.parse(given)]
      }),
    ) as Json
}

const isSimplified = (context: Parameters, { simple }: OperationOverride, item: number): boolean =>
  simple !== undefined && Boolean(context.getNodeParameter('simplify', item, true))

/** A plain loop, because a list can have thousands of records. */
function pick(record: IDataObject, keys: readonly string[]): IDataObject {
  const picked: IDataObject = {}
  for (const key of keys) {
    const value = record[key]
    // Another item may be made of the same record.
    if (value !== undefined) picked[key] = Array.isArray(value) ? [...value] : value
  }
  return picked
}

/** The output that is one item. */
export function itemOf({ override: { single } }: Pick<Surfaced, 'override'>, output: Json): IDataObject {
  if (single === undefined) return output as IDataObject
  const { [single]: list, ...rest } = output as IDataObject
  return { ...rest, ...(list as IDataObject[])[0] }
}

/** What a dry run returns. */
export function planItem(plan: Plan | undefined): IDataObject {
  const { summary = '', steps = [], affects = [], warnings = [], lockout = [] } = plan ?? {}
  return {
    dryRun: true,
    summary,
    steps: [...steps],
    affects: affects.map((each) => ({ ...each })),
    warnings: [...warnings, ...lockout],
  }
}

/** What is known of a change that was left to go on: its task, when that is what it is. */
export function leftItem(changes: readonly Json[]): IDataObject {
  const upid = changes.findLast((result) => typeof result === 'string' && result.startsWith('UPID:'))
  return { completed: false, ...(upid === undefined ? {} : { upid: upid as string }) }
}
