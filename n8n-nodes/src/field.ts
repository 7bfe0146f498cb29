/** One field of an operation as a property of a node. */
import type { Field } from '@homelab/core'
import type { INodeProperties, INodePropertyMode } from 'n8n-workflow'
import type { FieldOverride } from './overrides.ts'
import { byName, titleCase, whether } from './words.ts'

/** List search methods by what a field takes; each node that has such fields offers them all. */
export const searchMethods = {
  guests: 'searchGuests',
  nodes: 'searchNodes',
  storages: 'searchStorages',
} as const

export function fieldProperty(field: Field, override: FieldOverride): INodeProperties {
  const description = override.description ?? sentence(field.description)
  const displayName = override.displayName ?? titleCase(field.name)
  const base = {
    displayName,
    name: field.name,
    // What says no more than the name is left out.
    ...(description.toLowerCase() === displayName.toLowerCase()
      ? {}
      : { description: field.kind === 'boolean' ? whether(description) : description }),
    ...(field.required ? { required: true } : {}),
    ...(override.example === undefined ? {} : { placeholder: `e.g. ${override.example}` }),
  }
  if (override.search !== undefined) return foundLocator(base, override.search)
  // A filter is part of a name, not one guest.
  if (field.required && field.kind === 'text') {
    if (field.suggest === 'guests') return guestLocator(base)
    if (field.suggest === 'nodes') return nameLocator(base, 'nodes', 'a node', 'pve')
    if (field.suggest === 'storages') return nameLocator(base, 'storages', 'a storage', 'local')
  }
  switch (field.kind) {
    case 'text':
      return {
        ...base,
        type: 'string',
        ...(override.secret === true ? { typeOptions: { password: true } } : {}),
        default: text(field.default),
      }
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

/** n8n wants a full stop after several sentences only. */
export const sentence = (description: string): string => {
  const plain = description.replace(/\.$/, '')
  return plain.includes('. ') ? `${plain}.` : plain
}

type Base = Omit<INodeProperties, 'type' | 'default'>

/** One field that takes a thing in any way a person has it. */
export const locator = (base: Base, ...modes: INodePropertyMode[]): INodeProperties => ({
  ...base,
  type: 'resourceLocator',
  default: { mode: 'list', value: '' },
  modes,
})

/** @param noun with its article */
export const listMode = (searchListMethod: string, noun: string): INodePropertyMode => ({
  displayName: 'From List',
  name: 'list',
  type: 'list',
  placeholder: `Select ${noun}…`,
  typeOptions: { searchListMethod, searchable: true },
})

const idMode = (example: string): INodePropertyMode => ({
  displayName: 'By ID',
  name: 'id',
  type: 'string',
  placeholder: `e.g. ${example}`,
})

export const nameMode = (example: string): INodePropertyMode => ({
  displayName: 'By Name',
  name: 'name',
  type: 'string',
  placeholder: `e.g. ${example}`,
})

/** Node and type are found out. */
const guestLocator = (base: Base): INodeProperties =>
  locator(
    base,
    listMode(searchMethods.guests, 'a guest'),
    {
      ...idMode('110'),
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
    nameMode('plex'),
  )

const nameLocator = (
  base: Base,
  kind: 'nodes' | 'storages',
  noun: string,
  example: string,
): INodeProperties => locator(base, listMode(searchMethods[kind], noun), nameMode(example))

const foundLocator = (
  base: Base,
  { method, noun, id, name }: NonNullable<FieldOverride['search']>,
): INodeProperties => locator(base, listMode(method, `a ${noun}`), idMode(id), nameMode(name))
