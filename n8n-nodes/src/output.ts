/** An operation's output as n8n items: one for each record, or the whole as one. */
import type { Json, Plan } from '@homelab/core'
import type { IDataObject, IExecuteFunctions } from 'n8n-workflow'
import type { Surfaced } from './form.ts'

type Parameters = Pick<IExecuteFunctions, 'getNodeParameter'>

export function recordsOf(context: Parameters, surface: Surfaced, output: Json, item: number): IDataObject[] {
  const { records, simple } = surface.override
  if (records === undefined) return [itemOf(surface, output)]
  const all = (output as IDataObject)[records] as IDataObject[]
  const wanted = context.getNodeParameter('returnAll', item, false)
    ? all
    : all.slice(0, context.getNodeParameter('limit', item, 50) as number)
  if (simple === undefined || !context.getNodeParameter('simplify', item, true)) return wanted
  return wanted.map((record) => pick(record, simple))
}

/** A plain loop, because a list can have thousands of records. */
function pick(record: IDataObject, keys: readonly string[]): IDataObject {
  const picked: IDataObject = {}
  for (const key of keys) {
    const value = record[key]
    if (value !== undefined) picked[key] = value
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
