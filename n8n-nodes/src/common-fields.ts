/** Fields that every change, or every list, has besides its own. */
import type { INodeProperties } from 'n8n-workflow'
import type { Surfaced } from './form.ts'

export interface Show {
  readonly resource: string[]
  readonly operation: string[]
}

/** Parameter names that are the node's own in a change, and what their absence means. */
export const changeFields = {
  dryRun: 'dryRun',
  confirm: 'confirm',
  wait: 'waitForCompletion',
  limit: 'waitLimit',
} as const

/** Seconds. */
export const defaultWaitLimit = 300

/** A destructive operation that asks for a name to be typed has its explicit field already. */
export const asksConfirm = ({ operation, fields }: Pick<Surfaced, 'operation' | 'fields'>): boolean =>
  operation.risk === 'destructive' && !fields.some(({ name }) => name === changeFields.confirm)

/** Where "Confirm" is shown. */
export const offersConfirm = (surface: Pick<Surfaced, 'operation' | 'fields' | 'override'>): boolean =>
  asksConfirm(surface) || surface.override.mayAsk === true

export function changeProperties(surface: Surfaced, show: Show): INodeProperties[] {
  const { operation, override } = surface
  if (operation.risk === 'read') return []
  const forReal = { show: { ...show, [changeFields.dryRun]: [false] } }
  const properties: INodeProperties[] = [
    {
      displayName: 'Dry Run',
      name: changeFields.dryRun,
      type: 'boolean',
      default: false,
      description: 'Whether to return the plan of what would be done, and to change nothing',
      displayOptions: { show: { ...show } },
    },
  ]
  if (offersConfirm(surface)) {
    properties.push({
      displayName: 'Confirm',
      name: changeFields.confirm,
      type: 'boolean',
      default: false,
      description: asksConfirm(surface)
        ? 'Whether it may really be done, though it cannot be undone. A dry run needs no confirmation.'
        : 'Whether it may be done where its plan asks for a confirmation. A dry run needs none.',
      displayOptions: forReal,
    })
  }
  if (override.leavable !== undefined && override.leavable !== false) {
    properties.push(
      {
        displayName: 'Wait for Completion',
        name: changeFields.wait,
        type: 'boolean',
        default: true,
        description:
          'Whether to wait until the task has ended and its result is there. Otherwise the output has the UPID of the task, which goes on.',
        displayOptions: forReal,
      },
      {
        displayName: 'Wait Limit (Seconds)',
        name: changeFields.limit,
        type: 'number',
        typeOptions: { minValue: 1, numberPrecision: 0 },
        default: defaultWaitLimit,
        description: 'After that the output has the UPID of the task, which goes on',
        displayOptions: { show: { ...forReal.show, [changeFields.wait]: [true] } },
      },
    )
  }
  return properties
}

export function listProperties({ override }: Pick<Surfaced, 'override'>, show: Show): INodeProperties[] {
  return [
    {
      displayName: 'Return All',
      name: 'returnAll',
      type: 'boolean',
      default: false,
      description: 'Whether to return all results or only up to a given limit',
      displayOptions: { show: { ...show } },
    },
    {
      displayName: 'Limit',
      name: 'limit',
      type: 'number',
      typeOptions: { minValue: 1 },
      default: 50,
      description: 'Max number of results to return',
      displayOptions: { show: { ...show, returnAll: [false] } },
    },
    ...(override.simple === undefined
      ? []
      : [
          {
            displayName: 'Simplify',
            name: 'simplify',
            type: 'boolean' as const,
            default: true,
            description: 'Whether to return a simplified version of the response instead of the raw data',
            displayOptions: { show: { ...show } },
          },
        ]),
  ]
}
