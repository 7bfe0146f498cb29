/** A node's properties, generated from core's operations: resource, operation, and the fields of each. */
import { type Field, fieldsOf, type Operation } from '@homelab/core'
import type { INodeProperties, INodePropertyOptions } from 'n8n-workflow'
import type { FieldOverride, OperationOverride, Overrides } from './overrides.ts'
import { titleCase, whether } from './words.ts'

/** The list search method that fills the guest locator's "From List". */
const guestSearch = 'searchGuests'

export interface Surfaced {
  readonly operation: Operation
  readonly resource: string
  readonly verb: string
  readonly override: OperationOverride
  /** Fields that are offered at all. */
  readonly fields: readonly Field[]
}

/** Takes the id apart (`guest.list`) and adds what the overrides say. */
export function surfaced(operations: readonly Operation[], overrides: Overrides): readonly Surfaced[] {
  return operations.map((operation) => {
    const [resource = '', verb = ''] = operation.id.split('.')
    const override = overrides.operations[operation.id] ?? {}
    const fields = fieldsOf(operation).filter((field) => override.fields?.[field.name]?.hidden !== true)
    return { operation, resource, verb, override, fields }
  })
}

/** The collection that holds an operation's optional fields. */
export const collectionOf = ({ override }: Surfaced): 'filters' | 'options' =>
  override.records === undefined ? 'options' : 'filters'

export const isTop = ({ override }: Surfaced, field: Field): boolean =>
  field.required || override.fields?.[field.name]?.prominent === true

const byName = <T extends { readonly displayName?: string; readonly name: string }>(
  items: readonly T[],
): T[] => items.toSorted((a, b) => (a.displayName ?? a.name).localeCompare(b.displayName ?? b.name))

export function propertiesOf(all: readonly Surfaced[], overrides: Overrides): INodeProperties[] {
  const resources = [...new Set(all.map(({ resource }) => resource))]
  return [
    {
      displayName: 'Resource',
      name: 'resource',
      type: 'options',
      noDataExpression: true,
      options: byName(
        resources.map((value) => ({ name: overrides.resources?.[value] ?? titleCase(value), value })),
      ),
      default: resources[0] ?? '',
    },
    ...resources.map((resource) =>
      operationProperty(
        all.filter((each) => each.resource === resource),
        resource,
      ),
    ),
    ...all.flatMap(fieldProperties),
  ]
}

function operationProperty(all: readonly Surfaced[], resource: string): INodeProperties {
  const options = all.map(
    ({ operation, verb, override }): INodePropertyOptions => ({
      name: override.name ?? titleCase(verb),
      value: verb,
      description: operation.description.replace(/\.$/, ''),
      action: override.action ?? operation.title,
    }),
  )
  return {
    displayName: 'Operation',
    name: 'operation',
    type: 'options',
    noDataExpression: true,
    displayOptions: { show: { resource: [resource] } },
    options: byName(options),
    default: all[0]?.verb ?? '',
  }
}

function fieldProperties(surface: Surfaced): INodeProperties[] {
  const show = { resource: [surface.resource], operation: [surface.verb] }
  const [top, rest] = [true, false].map((wanted) =>
    surface.fields
      .filter((field) => isTop(surface, field) === wanted)
      .map((field) => fieldProperty(field, surface.override.fields?.[field.name] ?? {})),
  )
  const properties = (top ?? []).map(
    (property): INodeProperties => ({ ...property, displayOptions: { show } }),
  )
  if (surface.override.records !== undefined) properties.push(...listProperties(surface, show))
  const collection = collectionOf(surface)
  if (rest !== undefined && rest.length > 0) {
    properties.push({
      displayName: titleCase(collection),
      name: collection,
      type: 'collection',
      placeholder: collection === 'filters' ? 'Add Filter' : 'Add Option',
      default: {},
      displayOptions: { show },
      options: byName(rest),
    })
  }
  return properties
}

type Show = Readonly<Record<'resource' | 'operation', string[]>>

function listProperties({ override }: Surfaced, show: Show): INodeProperties[] {
  return [
    {
      displayName: 'Return All',
      name: 'returnAll',
      type: 'boolean',
      default: false,
      description: 'Whether to return all results or only up to a given limit',
      displayOptions: { show },
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
            displayOptions: { show },
          },
        ]),
  ]
}

function fieldProperty(field: Field, override: FieldOverride): INodeProperties {
  const description = override.description ?? field.description
  const base = {
    displayName: override.displayName ?? titleCase(field.name),
    name: field.name,
    description: field.kind === 'boolean' ? whether(description) : description,
    ...(field.required ? { required: true } : {}),
    ...(override.example === undefined ? {} : { placeholder: `e.g. ${override.example}` }),
  }
  // A filter is part of a name, not one guest.
  if (field.suggest === 'guests' && field.required && field.kind === 'text') return guestLocator(base)
  switch (field.kind) {
    case 'text':
      return { ...base, type: 'string', default: text(field.default) }
    case 'boolean':
      return { ...base, type: 'boolean', default: field.default === true }
    case 'choice':
      return {
        ...base,
        type: 'options',
        options: byName((field.choices ?? []).map((value) => ({ name: titleCase(value), value }))),
        default: text(field.default ?? field.choices?.[0]),
      }
    case 'integer':
    case 'number':
      return {
        ...base,
        type: 'number',
        typeOptions: {
          ...(field.min === undefined ? {} : { minValue: field.min }),
          ...(field.max === undefined ? {} : { maxValue: field.max }),
          ...(field.kind === 'integer' ? { numberPrecision: 0 } : {}),
        },
        default: typeof field.default === 'number' ? field.default : (field.min ?? 0),
      }
    case 'list':
      return { ...base, type: 'string', typeOptions: { multipleValues: true }, default: [] }
  }
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')

/** One field that takes a guest in any way a person has it; node and type are found out. */
function guestLocator(base: Omit<INodeProperties, 'type' | 'default'>): INodeProperties {
  return {
    ...base,
    type: 'resourceLocator',
    default: { mode: 'list', value: '' },
    modes: [
      {
        displayName: 'From List',
        name: 'list',
        type: 'list',
        placeholder: 'Select a guest…',
        typeOptions: { searchListMethod: guestSearch, searchable: true },
      },
      {
        displayName: 'By ID',
        name: 'id',
        type: 'string',
        placeholder: 'e.g. 110',
        validation: [
          {
            type: 'regex',
            properties: {
              regex: '^[1-9][0-9]{2,8}$',
              errorMessage: 'A VMID is a number from 100 to 999999999',
            },
          },
        ],
      },
      { displayName: 'By Name', name: 'name', type: 'string', placeholder: 'e.g. plex' },
    ],
  }
}
