/** What zod found, as problems that a person can act on: plain words, the place, the nearest valid key. */
import { z } from 'zod'
import { nearest } from '../nearest.ts'
import { InventoryFile } from './schema.ts'
import type { Path, Problem, Source } from './yaml.ts'

type Issue = z.core.$ZodIssue
interface JsonSchema {
  readonly type?: string
  readonly properties?: Readonly<Record<string, JsonSchema>>
  readonly additionalProperties?: JsonSchema | boolean
  readonly items?: JsonSchema
  readonly anyOf?: readonly JsonSchema[]
  readonly oneOf?: readonly JsonSchema[]
}

export const pathText = (path: Path): string =>
  path.reduce<string>(
    (text, step) => (typeof step === 'number' ? `${text}[${step}]` : text === '' ? step : `${text}.${step}`),
    '',
  )

export const didYouMean = (wrong: string, valid: Iterable<string>): string => {
  const near = nearest(wrong, valid, 1)[0]
  return near === undefined ? '' : ` Did you mean "${near}"?`
}

/** @param of what the text was read as */
export function toProblems(
  issues: readonly Issue[],
  source: Source,
  of: z.ZodType = InventoryFile,
): Problem[] {
  // A mistyped key explains why the rest of its entry does not add up.
  const mistyped = new Set(
    issues.filter(({ code }) => code === 'unrecognized_keys').map(({ path }) => path.join('\n')),
  )
  return issues
    .filter((issue) => issue.code !== 'custom' || !mistyped.has(issue.path.join('\n')))
    .flatMap((issue) => problemsOf(issue, named(issue.path), source, of))
}

const named = (path: readonly PropertyKey[]): Path => path.filter((step) => typeof step !== 'symbol')

function problemsOf(issue: Issue, path: Path, source: Source, of: z.ZodType): Problem[] {
  const value = valueAt(source.value, path)
  const problem = (message: string, where: Path = path, part: 'key' | 'value' = 'value'): Problem => ({
    ...source.at(where, part),
    path: pathText(part === 'key' && where !== path ? path : where),
    message,
  })
  switch (issue.code) {
    case 'unrecognized_keys': {
      const valid = keysAt(schemaOf(of), path)
      return issue.keys.map((key) => {
        const rest = didYouMean(key, valid) || ` Valid here: ${valid.join(', ')}.`
        return problem(`unknown key "${key}".${rest}`, [...path, key], 'key')
      })
    }
    case 'invalid_type':
      if (value === undefined) return [problem('is missing')]
      if (value === null) return [problem('has no value')]
      return [
        problem(
          ownWords(issue.message) ??
            `must be ${kinds[issue.expected] ?? issue.expected}, not ${kindOf(value)}`,
        ),
      ]
    case 'invalid_value':
      return [problem(ownWords(issue.message) ?? notOneOf(value, issue.values))]
    case 'invalid_union':
      return unionProblems(issue, path, source, of, problem)
    case 'invalid_key':
      return [problem(ownWords(issue.issues[0]?.message ?? '') ?? 'is not a valid name here', path, 'key')]
    case 'too_small':
      if (issue.origin === 'number') return [problem(`must be at least ${issue.minimum}`)]
      return [
        problem(issue.origin === 'array' ? `needs at least ${issue.minimum} entry` : 'must not be empty'),
      ]
    case 'too_big':
      return [problem(`must be at most ${issue.maximum}${issue.origin === 'string' ? ' characters' : ''}`)]
    default:
      return [problem(ownWords(issue.message) ?? 'is not valid here')]
  }
}

/** Of a union's branches, the one that the writer meant: whose own shape fits, so that only a part of it is wrong. */
function unionProblems(
  issue: Extract<Issue, { code: 'invalid_union' }>,
  path: Path,
  source: Source,
  of: z.ZodType,
  problem: (message: string, where?: Path) => Problem,
): Problem[] {
  if (issue.discriminator !== undefined) {
    const key = issue.discriminator
    const at = path.at(-1) === key ? path : [...path, key]
    const written = valueAt(source.value, at)
    const options = ('options' in issue ? (issue.options ?? []) : []).map(String)
    return written === undefined
      ? [problem(`needs "${key}": ${options.join(', ')}`, at.slice(0, -1))]
      : [problem(notOneOf(written, options), at)]
  }
  const own = ownWords(issue.message)
  if (own !== undefined) return [problem(own)]
  const meant = issue.errors.find((branch) =>
    branch.every(
      (inner) => inner.path.length > 0 || inner.code === 'unrecognized_keys' || inner.code === 'custom',
    ),
  )
  const plain = issue.errors.find((branch) => branch.every((inner) => inner.code !== 'invalid_type'))
  const chosen = meant ?? plain ?? issue.errors[0] ?? []
  return chosen.flatMap((inner) => problemsOf(inner, [...path, ...named(inner.path)], source, of))
}

/** Messages of our own schemas begin in lower case, zod's in upper case. */
const ownWords = (message: string): string | undefined =>
  message === '' || /^[A-Z][a-z]/.test(message) ? undefined : message

function notOneOf(value: unknown, allowed: readonly unknown[]): string {
  const options = allowed.map(String)
  const near = typeof value === 'string' ? didYouMean(value, options) : ''
  return `must be one of ${options.join(', ')}.${near}`
}

const kinds: Readonly<Record<string, string>> = {
  string: 'a text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a map (keys with values)',
  record: 'a map (names with values)',
}

const kindOf = (value: unknown): string => {
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object') return 'a map'
  return (
    { string: 'a text', number: 'a number', boolean: 'true or false' }[typeof value as string] ?? typeof value
  )
}

function valueAt(value: unknown, path: Path): unknown {
  let current = value
  for (const step of path) {
    if (typeof current !== 'object' || current === null || !Object.hasOwn(current, step)) return undefined
    current = (current as Record<string | number, unknown>)[step]
  }
  return current
}

const schemas = new WeakMap<z.ZodType, JsonSchema>()
function schemaOf(type: z.ZodType): JsonSchema {
  const known = schemas.get(type)
  if (known !== undefined) return known
  const made = z.toJSONSchema(type, { io: 'input', reused: 'inline' }) as JsonSchema
  schemas.set(type, made)
  return made
}
/** The keys that may stand at this place. */
function keysAt(root: JsonSchema, path: Path): string[] {
  let here: readonly JsonSchema[] = expand([root])
  for (const step of path) {
    here = expand(
      here.flatMap((part) => {
        if (typeof step === 'number') return part.items ?? []
        const property = part.properties?.[step]
        if (property !== undefined) return property
        return typeof part.additionalProperties === 'object' ? part.additionalProperties : []
      }),
    )
  }
  return [...new Set(here.flatMap((part) => Object.keys(part.properties ?? {})))]
}

const expand = (parts: readonly JsonSchema[]): JsonSchema[] =>
  parts.flatMap((part) => [part, ...expand([...(part.anyOf ?? []), ...(part.oneOf ?? [])])])
