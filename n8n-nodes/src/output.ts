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
  return wanted.map((record) =>
    Object.fromEntries(simple.filter((key) => record[key] !== undefined).map((key) => [key, record[key]])),
  )
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
