/** A node's properties, generated from core's operations: resource, operation, and the fields of each. */
import { type Field, fieldsOf, type Need, type Operation } from '@homelab/core'
import type { INodeProperties, INodePropertyOptions } from 'n8n-workflow'
import { changeProperties, listProperties, type Show } from './common-fields.ts'
import { fieldProperty, sentence } from './field.ts'
import type { OperationOverride, Overrides, OwnOperation } from './overrides.ts'
import { byName, titleCase } from './words.ts'

export interface Surfaced {
  readonly operation: Operation
  readonly resource: string
  readonly verb: string
  readonly override: OperationOverride
  /** Fields that are offered at all. */
  readonly fields: readonly Field[]
}

/** What a node takes of all operations: those of its nouns, as far as it can give them what they need. */
export interface Share {
  readonly nouns: readonly string[]
  readonly needs: readonly Need[]
  /** Ids that fit and are left out all the same. */
  readonly without?: readonly string[]
}

export const shareOf = (
  operations: readonly Operation[],
  { nouns, needs, without = [] }: Share,
): readonly Operation[] =>
  operations.filter(
    ({ id, needs: needed, surfaces }) =>
      nouns.includes(id.split('.')[0] ?? '') &&
      (needed as readonly Need[]).every((need) => needs.includes(need)) &&
      (surfaces === undefined || surfaces.includes('n8n')) &&
      !without.includes(id),
  )

/** Takes the id apart (`guest.list`) and adds what the overrides say. */
export function surfaced(operations: readonly Operation[], overrides: Overrides): readonly Surfaced[] {
  return operations.map((operation) => {
    const override = overrides.operations[operation.id] ?? {}
    const [noun = '', verb = ''] = operation.id.split('.')
    const offered = ({ name }: Field): boolean =>
      override.fields?.[name]?.hidden !== true &&
      override.fixed?.[name] === undefined &&
      // Return All and Limit stand for it.
      !(override.records !== undefined && name === 'limit')
    return {
      operation,
      resource: override.resource ?? noun,
      verb: override.verb ?? verb,
      override,
      fields: fieldsOf(operation).filter(offered),
    }
  })
}

/** The collection that holds an operation's optional fields. */
export const collectionOf = ({ override }: Surfaced): 'filters' | 'options' =>
  override.records === undefined ? 'options' : 'filters'

export const isTop = ({ override }: Surfaced, field: Field): boolean =>
  field.required || override.fields?.[field.name]?.prominent === true

export function propertiesOf(all: readonly Surfaced[], overrides: Overrides): INodeProperties[] {
  const own = overrides.own ?? []
  const choices = [...all.map(choiceOf), ...own.map(({ properties: _, ...each }) => each)]
  const resources = [...new Set(choices.map(({ resource }) => resource))]
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
        choices.filter((each) => each.resource === resource),
        resource,
      ),
    ),
    ...all.flatMap(fieldProperties),
    ...own.flatMap(({ resource, verb, properties }) =>
      properties.map((property) => placed(property, { resource: [resource], operation: [verb] })),
    ),
  ]
}

type Choice = Omit<OwnOperation, 'properties'>

const choiceOf = ({ operation, resource, verb, override }: Surfaced): Choice => ({
  resource,
  verb,
  name: override.name ?? titleCase(verb),
  action: override.action ?? operation.title,
  description: override.description ?? operation.description,
})

function operationProperty(choices: readonly Choice[], resource: string): INodeProperties {
  const options = choices.map(
    ({ verb, name, action, description }): INodePropertyOptions => ({
      name,
      value: verb,
      description: sentence(description),
      action,
    }),
  )
  return {
    displayName: 'Operation',
    name: 'operation',
    type: 'options',
    noDataExpression: true,
    displayOptions: { show: { resource: [resource] } },
    options: byName(options),
    default: choices[0]?.verb ?? '',
  }
}

const placed = (property: INodeProperties, show: Show): INodeProperties => ({
  ...property,
  displayOptions: { ...property.displayOptions, show: { ...property.displayOptions?.show, ...show } },
})

function fieldProperties(surface: Surfaced): INodeProperties[] {
  const show: Show = { resource: [surface.resource], operation: [surface.verb] }
  const [top, rest] = [true, false].map((wanted) =>
    surface.fields
      .filter((field) => isTop(surface, field) === wanted)
      .map((field) => fieldProperty(field, surface.override.fields?.[field.name] ?? {})),
  )
  const properties = [...(surface.override.own ?? []), ...(top ?? [])].map((each) => placed(each, show))
  if (surface.override.records !== undefined) properties.push(...listProperties(surface, show))
  const collection = collectionOf(surface)
  if (rest !== undefined && rest.length > 0) {
    properties.push({
      displayName: titleCase(collection),
      name: collection,
      type: 'collection',
      placeholder: collection === 'filters' ? 'Add Filter' : 'Add Option',
      default: {},
      displayOptions: { show: { ...show } },
      options: byName(rest),
    })
  }
  return [...properties, ...changeProperties(surface, show)]
}

/** When the SSH credential is shown. @returns conditions that none meets when no operation runs commands */
export function sshOperations(all: readonly Surfaced[]): { resource: string[]; operation: string[] } {
  const wanted = all.filter(({ override }) => override.ssh === true)
  return {
    resource: [...new Set(wanted.map(({ resource }) => resource))],
    operation: [...new Set(wanted.map(({ verb }) => verb))],
  }
}
