/** The ready workflows, and what a node's description says about the parameters that they set. */
import { readdirSync, readFileSync } from 'node:fs'

export interface Workflow {
  readonly name: string
  readonly nodes: readonly WorkflowNode[]
  readonly connections: Readonly<
    Record<string, Readonly<Record<string, readonly (readonly Link[] | null)[]>>>
  >
  readonly settings?: Readonly<Record<string, unknown>>
}

export interface WorkflowNode {
  readonly id: string
  readonly name: string
  readonly type: string
  readonly typeVersion: number
  readonly position: readonly [number, number]
  readonly parameters: Parameters
  readonly credentials?: Readonly<Record<string, { readonly id: string | null; readonly name: string }>>
  readonly webhookId?: string
}

interface Link {
  readonly node: string
  readonly type: string
  readonly index: number
}

type Parameters = Readonly<Record<string, unknown>>

const folder = new URL('../../workflows/', import.meta.url)

/** `nightly-postgres` → its text as it is in the repository. */
export const workflowTexts = (): ReadonlyMap<string, string> =>
  new Map(
    readdirSync(folder)
      .filter((file) => file.endsWith('.json'))
      .toSorted()
      .map((file) => [file.replace(/\.json$/, ''), readFileSync(new URL(file, folder), 'utf8')]),
  )

/** As n8n has it in a node's description; only what is looked at. */
export interface Property {
  readonly name: string
  readonly type: string
  readonly default?: unknown
  readonly options?: readonly Option[]
  readonly modes?: readonly { readonly name: string }[]
  readonly typeOptions?: { readonly loadOptionsMethod?: string; readonly multipleValues?: boolean }
  readonly displayOptions?: { readonly show?: Condition; readonly hide?: Condition }
}

interface Option extends Partial<Property> {
  readonly name: string
  readonly value?: unknown
  readonly values?: readonly Property[]
}

type Condition = Readonly<Record<string, readonly unknown[]>>

const isRecord = (value: unknown): value is Parameters =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
const isExpression = (value: unknown): boolean => typeof value === 'string' && value.startsWith('=')

/**
 * What is set and is not offered: a name that the node does not have (any more), one that is hidden with these values of the others, a
 * choice that there is not.
 * @returns paths, `options.stay: …`; empty when all is well
 */
export function strangeParameters(
  properties: readonly Property[],
  { parameters, typeVersion }: Pick<WorkflowNode, 'parameters' | 'typeVersion'>,
): readonly string[] {
  const settingOf = (name: string): unknown => {
    if (name === '@version') return typeVersion
    if (name in parameters) return parameters[name]
    return properties.find((each) => each.name === name && shown(each))?.default
  }
  const meets = (condition: Condition | undefined, when: boolean): boolean =>
    Object.entries(condition ?? {})[when ? 'every' : 'some'](([name, wanted]) => {
      // Conditions with more than a value (`_cnd`), and those on the instance (`@tool`), are n8n's to judge.
      if (wanted.some(isRecord) && name !== '@version') return when
      if (name.startsWith('@') && name !== '@version') return when
      const value = settingOf(name.replace(/^\//, ''))
      if (name === '@version') return wanted.some((each) => versionMeets(each, value))
      return Array.isArray(value) ? value.some((each) => wanted.includes(each)) : wanted.includes(value)
    })
  const shown = ({ displayOptions: { show, hide } = {} }: Property): boolean =>
    meets(show, true) && (hide === undefined || !meets(hide, false))

  return strange(properties, parameters, shown, '')
}

function versionMeets(wanted: unknown, version: unknown): boolean {
  const condition = isRecord(wanted) && isRecord(wanted._cnd) ? wanted._cnd : { eq: wanted }
  const compare: Record<string, (a: number, b: number) => boolean> = {
    eq: (a, b) => a === b,
    gte: (a, b) => a >= b,
    gt: (a, b) => a > b,
    lte: (a, b) => a <= b,
    lt: (a, b) => a < b,
    not: (a, b) => a !== b,
  }
  return Object.entries(condition).every(([how, than]) =>
    how === 'between' && isRecord(than)
      ? Number(version) >= Number(than.from) && Number(version) <= Number(than.to)
      : (compare[how]?.(Number(version), Number(than)) ?? true),
  )
}

function strange(
  properties: readonly Property[],
  values: Parameters,
  shown: (property: Property) => boolean,
  path: string,
): readonly string[] {
  return Object.entries(values).flatMap(([name, value]) => {
    const at = `${path}${name}`
    const named = properties.filter((each) => each.name === name)
    if (named.length === 0) return [`${at}: there is no such parameter`]
    const offered = named.filter(shown)
    if (offered.length === 0) return [`${at}: is not offered with these values`]
    const found = offered.map((property) => strangeValue(property, value, shown, at))
    // The same name for several things: one that fits is enough.
    return found.find((problems) => problems.length === 0) ?? found[0] ?? []
  })
}

function strangeValue(
  property: Property,
  value: unknown,
  shown: (property: Property) => boolean,
  at: string,
): readonly string[] {
  const { type, options = [], modes = [], typeOptions = {} } = property
  if (isExpression(value)) return []
  const wrong = [`${at}: ${JSON.stringify(value)} is no ${type} that is offered`]
  const choices = options.map((option) => option.value)
  switch (type) {
    case 'boolean':
    case 'number':
    case 'string':
      return (typeOptions.multipleValues ? Array.isArray(value) : typeof value === type) ? [] : wrong
    case 'options':
    case 'multiOptions':
      if (typeOptions.loadOptionsMethod !== undefined) return []
      return [value].flat().every((each) => choices.includes(each)) ? [] : wrong
    case 'resourceLocator':
      return isRecord(value) && modes.some(({ name }) => name === value.mode) ? [] : wrong
    case 'collection':
      return isRecord(value) ? strange(options as readonly Property[], value, shown, `${at}.`) : wrong
    case 'fixedCollection':
      if (!isRecord(value)) return wrong
      return Object.entries(value).flatMap(([group, entries]) => {
        const inner = options.find(({ name }) => name === group)?.values
        if (inner === undefined) return [`${at}.${group}: there is no such group`]
        return [entries]
          .flat()
          .flatMap((entry) =>
            isRecord(entry) ? strange(inner, entry, () => true, `${at}.${group}.`) : wrong,
          )
      })
    default:
      return []
  }
}
