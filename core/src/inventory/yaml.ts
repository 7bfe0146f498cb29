/** YAML text to a plain value that still knows where each part of it stood. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  visit,
  type YAMLError,
  type YAMLMap,
} from 'yaml'

export type Path = readonly (string | number)[]

interface Position {
  /** From 1. */
  readonly line: number
  readonly column: number
}

/** One thing that is wrong in the file. */
export interface Problem extends Position {
  /** `services.plex`; empty for the file as a whole. */
  readonly path: string
  readonly message: string
}

export interface Source {
  readonly value: unknown
  readonly problems: readonly Problem[]
  /** False when the text is so broken that `value` means nothing. */
  readonly readable: boolean
  /** Where the value at this path stands, or the nearest thing around it; `key` points at its name instead. */
  at(path: Path, part?: 'key' | 'value'): Position
}

/** Characters. Ten thousand services fit. */
export const maxFileSize = 1024 * 1024

/** How homelab.yaml is read. */
export const yamlOptions = {
  prettyErrors: false,
  stringKeys: true,
  // Its own check compares each key with each other one.
  uniqueKeys: false,
  merge: true,
  // Below this it writes to the console, which n8n forbids; above it a second document goes unnoticed.
  logLevel: 'error',
} as const

const start: Position = { line: 1, column: 1 }

export function readYaml(text: string): Source {
  const broken = (message: string): Source => ({
    value: undefined,
    problems: [{ ...start, path: '', message }],
    readable: false,
    at: () => start,
  })
  if (text.length > maxFileSize) {
    return broken(`is too big: ${(text.length / 1e6).toFixed(1)} million characters, the limit is 1 million`)
  }
  try {
    return parse(text)
  } catch (error) {
    // What `yaml` throws for depth (a full stack) and for aliases that multiply.
    if (error instanceof RangeError) return broken('is nested too deeply')
    if (error instanceof ReferenceError) {
      return broken(
        error.message.startsWith('Unresolved alias')
          ? 'holds a *name that is defined nowhere as &name. A text that begins with * needs quotes'
          : 'repeats itself too often by aliases (*name)',
      )
    }
    throw error
  }
}

function parse(text: string): Source {
  const lines = new LineCounter()
  const document = parseDocument(text, { ...yamlOptions, lineCounter: lines })
  const position = (offset: number): Position => {
    const { line, col } = lines.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  const errors: readonly YAMLError[] = [...document.errors, ...document.warnings]
  // After this one the parser only stumbles on.
  const depth = errors.filter((error) => error.code === 'RESOURCE_EXHAUSTION').slice(0, 1)
  const syntax = (depth.length > 0 ? depth : errors).map((error) => ({
    ...position(error.pos[0]),
    path: '',
    message: syntaxMessage(error),
  }))
  const readable = errors.length === 0
  const keys = createKeys()
  const twice = readable ? repeatedKeys(document) : []
  const problems = [
    ...syntax,
    ...twice.map((key) => ({
      ...position(key.range?.[0] ?? 0),
      path: '',
      message: `"${String(key.value)}" stands here a second time`,
    })),
  ]
  return {
    value: readable ? document.toJS({ maxAliasCount: 100 }) : undefined,
    problems,
    readable,
    at: (path, part = 'value') => {
      const node = locate(document, path, part, keys)
      return position(node?.range?.[0] ?? 0)
    },
  }
}

function locate(
  document: Document.Parsed,
  path: Path,
  part: 'key' | 'value',
  keys: Keys,
): Node | null | undefined {
  let node: Node | null | undefined = document.contents
  let best = node
  for (const [index, step] of path.entries()) {
    if (isAlias(node)) node = node.resolve(document)
    if (isMap(node)) {
      const pair = keys(node).get(String(step))
      if (pair === undefined) return best
      const key = pair.key as Node
      node = pair.value as Node | null
      // The key is what one looks for; a value of its own line says more only when it is a plain one.
      const last = index === path.length - 1
      best = last && part === 'value' && isScalar(node) && node.value !== null ? node : key
    } else if (isSeq(node)) {
      node = node.items[Number(step)] as Node | undefined
      if (node === undefined) return best
      best = node
    } else {
      return best
    }
  }
  return best
}

type Keys = (map: YAMLMap) => ReadonlyMap<string, Pair>
/** The pairs of a map by key, remembered: a file with many problems asks for many. */
function createKeys(): Keys {
  const known = new WeakMap<YAMLMap, Map<string, Pair>>()
  return (map) => {
    const pairs = known.get(map) ?? new Map(map.items.map((pair) => [keyOf(pair), pair]))
    known.set(map, pairs)
    return pairs
  }
}

const keyOf = (pair: Pair): string => (isScalar(pair.key) ? String(pair.key.value) : '')

function repeatedKeys(document: Document.Parsed): Scalar[] {
  const repeated: Scalar[] = []
  visit(document, {
    Map(_, map) {
      const seen = new Set<string>()
      for (const { key } of map.items) {
        if (!isScalar(key) || key.value === '<<') continue
        if (seen.has(String(key.value))) repeated.push(key)
        seen.add(String(key.value))
      }
    },
  })
  return repeated
}

/** In plain words, and without quoting the text: a broken line may well hold a secret. */
function syntaxMessage(error: YAMLError): string {
  switch (error.code) {
    case 'TAB_AS_INDENT':
      return 'a tab at the start of a line: YAML indents with spaces only'
    case 'BAD_INDENT':
      return 'this line is indented differently from the ones that it belongs to'
    case 'BAD_ALIAS':
      return 'this *name is defined nowhere as &name. A text that begins with * needs quotes'
    case 'MULTIPLE_DOCS':
      return 'a second document begins here (---): the file may hold only one'
    case 'TAG_RESOLVE_FAILED':
      return 'tags such as !secret are not used here. A secret is "env:NAME" or "file:/path"'
    case 'MISSING_CHAR':
      return 'a closing quote or bracket, or a ":" after a key, is missing'
    case 'BLOCK_AS_IMPLICIT_KEY':
    case 'MULTILINE_IMPLICIT_KEY':
      return 'this is not valid YAML: a text with ": " in it needs quotes, and a list or map begins on a new line'
    case 'BAD_SCALAR_START':
      return 'a text cannot begin with this character unless it is in quotes'
    case 'RESOURCE_EXHAUSTION':
      return 'is nested too deeply'
    default:
      return `this is not valid YAML (${error.code.toLowerCase().replaceAll('_', ' ')})`
  }
}
