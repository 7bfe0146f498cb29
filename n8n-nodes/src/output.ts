/** An operation's output as n8n items: one for each record, or the whole as one. */
import type { Json } from '@homelab/core'
import type { IDataObject, IExecuteFunctions } from 'n8n-workflow'
import type { Surfaced } from './form.ts'

type Parameters = Pick<IExecuteFunctions, 'getNodeParameter'>

export function recordsOf(context: Parameters, surface: Surfaced, output: Json, item: number): IDataObject[] {
  const { records, simple } = surface.override
  if (records === undefined) return [output as IDataObject]
  const all = (output as IDataObject)[records] as IDataObject[]
  const wanted = context.getNodeParameter('returnAll', item, false)
    ? all
    : all.slice(0, context.getNodeParameter('limit', item, 50) as number)
  if (simple === undefined || !context.getNodeParameter('simplify', item, true)) return wanted
  return wanted.map((record) =>
    Object.fromEntries(simple.filter((key) => record[key] !== undefined).map((key) => [key, record[key]])),
  )
}
