/** An entry of homelab.yaml as the text that a person would write: blocks with short maps and lists on one line. */
import { Document, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml'

/** Characters of a map or list that still stands on one line. */
const SHORT = 90

const style = {
  lineWidth: 0,
  indentSeq: true,
  singleQuote: true,
  doubleQuotedMinMultiLineLength: Number.MAX_SAFE_INTEGER,
} as const

/**
 * @param keys the entry's own name at the end, before it the sections that are not there yet
 * @param indent spaces before the first key
 * @param step spaces of each further level
 * @param comment goes above the entry itself
 */
export function blockLines(
  keys: readonly string[],
  value: unknown,
  { indent, step, comment }: { readonly indent: number; readonly step: number; readonly comment?: string },
): readonly string[] {
  const margin = ' '.repeat(indent)
  const remarks = comment === undefined ? [] : commentLines(comment)
  const outer = keys.slice(0, -1).map((key, level) => `${' '.repeat(step * level)}${keyText(key)}:`)
  const inner = ' '.repeat(step * outer.length)
  const entry = textOf(mapOf(keys.slice(-1), blockOf(value)), step, value)
  return [...outer, ...[...remarks, ...entry.trimEnd().split('\n')].map((line) => `${inner}${line}`)].map(
    (line) => `${margin}${line}`.trimEnd(),
  )
}

/** `jellyfin: { guest: 111 }`, for a map that is written in braces. */
export function flowText(keys: readonly string[], value: unknown): string {
  const map = mapOf(keys, nodeOf(value), true)
  return textOf(map, 2).trim().slice(1, -1).trim()
}

export const commentLines = (comment: string): readonly string[] =>
  comment.split(/\r\n|[\r\n\u0085\u2028\u2029]/).map((line) =>
    // What YAML does not allow in a file at all.
    `# ${line.replaceAll(/[\p{Cc}\p{Cs}\uFEFF\uFFFE\uFFFF]/gu, ' ').trim()}`.trimEnd(),
  )

const keyText = (key: string): string => textOf(new Scalar(key), 2).trim()

function textOf(node: Node, step: number, value?: unknown): string {
  const document = new Document()
  document.contents = node as typeof document.contents
  // An entry without settings of its own is `plex:`.
  return document.toString({ ...style, indent: step, ...(value === null ? { nullStr: '' } : {}) })
}

function mapOf(keys: readonly string[], value: Node, flow = false): Node {
  return keys.reduceRight<Node>((inner, key) => {
    const map = new YAMLMap()
    map.flow = flow
    map.items = [new Pair(new Scalar(key), inner)]
    return map
  }, value)
}

/** The entry's own keys below each other. */
function blockOf(value: unknown): Node {
  const node = nodeOf(value)
  if (node instanceof YAMLMap && node.items.length > 0) {
    node.flow = false
    for (const { value: inner } of node.items) unfold(inner)
  } else {
    unfold(node)
  }
  return node
}

function unfold(node: unknown): void {
  const isCollection = node instanceof YAMLMap || node instanceof YAMLSeq
  if (!isCollection || node.items.length === 0 || textOf(node, 2).trimEnd().length <= SHORT) return
  node.flow = false
  for (const item of node.items) unfold(item instanceof Pair ? item.value : item)
}

/** Everything in braces and brackets. */
function nodeOf(value: unknown): Node {
  if (Array.isArray(value)) {
    const seq = new YAMLSeq()
    seq.flow = true
    seq.items = value.map((item) => nodeOf(item))
    return seq
  }
  if (typeof value === 'object' && value !== null) {
    const map = new YAMLMap()
    map.flow = true
    map.items = Object.entries(value)
      .filter(([, inner]) => inner !== undefined)
      .map(([key, inner]) => new Pair(new Scalar(key), nodeOf(inner)))
    return map
  }
  const scalar = new Scalar(value)
  if (typeof value === 'string' && /[\p{Cc}\u2028\u2029]/u.test(value)) scalar.type = Scalar.QUOTE_DOUBLE
  return scalar
}
