/** How long a node stays with a job that goes on without it. */
import { HomelabError } from '@homelab/core'
import type { IExecuteFunctions, INodeProperties } from 'n8n-workflow'

export const stay: INodeProperties = {
  displayName: 'Stay (Seconds)',
  name: 'stay',
  type: 'number',
  typeOptions: { minValue: 0, maxValue: 3600, numberPrecision: 0 },
  default: 10,
  description:
    'How long to stay with it. After that the item has the state "running" and the ID of the job, which goes on; Job: Get Status looks again.',
}

/** Milliseconds. @throws HomelabError `usage` */
export function stayOf(context: Pick<IExecuteFunctions, 'getNodeParameter'>, item: number): number {
  const seconds = Number(context.getNodeParameter(stay.name, item, stay.default))
  if (Number.isFinite(seconds) && seconds >= 0 && seconds <= 3600) return seconds * 1000
  throw new HomelabError('usage', 'Stay is a number of seconds, from 0 to 3600')
}
