/** What of the text of homelab.yaml is one entry. */
import { isAlias, isMap, type Node, type Pair, type Scalar, type YAMLMap } from 'yaml'
import { cannot, type EntryPath, endOfPair, type Opened, pairOf, rangeOf, startOf } from './edit-nodes.ts'
import { columnOf, type Edit, lineEnd, lineStart, pastComments } from './lines.ts'

export function removal({ text, contents }: Opened, path: EntryPath, comment?: string): Edit[] {
  let node: Node | null | undefined = contents
  let holder: Scalar | undefined
  for (const [depth, key] of path.entries()) {
    if (isAlias(node)) throw cannot(path, 'the section is written as *name')
    const pair = isMap(node) ? pairOf(node, key) : undefined
    if (!isMap(node) || pair === undefined) throw cannot(path, 'it comes from another section by <<')
    if (depth === path.length - 1) {
      if (node.flow === true) return outOfBraces(text, node, pair)
      const isLast = node.items.length === 1 && holder !== undefined
      const empty = isLast ? [{ at: afterColon(text, holder as Scalar), insert: ' {}' }] : []
      // What is taken out may begin where the braces go.
      return [...outOfBlock(text, node, pair, comment), ...empty]
    }
    holder = pair.key as Scalar
    node = pair.value as Node | null
  }
  return []
}

function afterColon(text: string, key: Scalar): number {
  const end = rangeOf(key)[1]
  return end + (/^[^\S\n]*:/.exec(text.slice(end))?.[0].length ?? 0)
}

function outOfBlock(text: string, map: YAMLMap, pair: Pair, comment: string | undefined): Edit[] {
  const isLast = map.items.at(-1) === pair
  const key = startOf(pair)
  let start = lineStart(text, key)
  const end = pastComments(text, lineEnd(text, endOfPair(pair)), columnOf(text, key) + 1)
  if (comment !== undefined) start = withRemark(text, start, columnOf(text, key), comment)
  const before = text.slice(0, start)
  const air = /(?:^|\n)([^\S\n]*\r?\n)$/.exec(before)?.[1] ?? ''
  // The empty line before it was its own, or would meet another.
  if (isLast || /^[^\S\n]*(?:\r?\n|$)/.test(text.slice(end))) start -= air.length
  // What had no line end keeps none.
  if (end === text.length && !text.endsWith('\n') && start > 0) start -= text[start - 2] === '\r' ? 2 : 1
  return [{ at: start, remove: end - start, insert: '' }]
}

/** Where the remark begins that stands right above, when there is such a one. */
function withRemark(text: string, start: number, column: number, comment: string): number {
  for (let at = start; at > 0; ) {
    at = lineStart(text, at - 1)
    const line = /^( *)# ?([^\r\n]*)/.exec(text.slice(at, start))
    if (line === null || line[1]?.length !== column) return start
    if (line[2]?.startsWith(comment)) return at
  }
  return start
}

function outOfBraces(text: string, map: YAMLMap, pair: Pair): Edit[] {
  const start = startOf(pair)
  const end = Math.max(endOfPair(pair), afterColon(text, pair.key as Scalar))
  const comma = /^\s*,[^\S\n]*/.exec(text.slice(end))
  if (comma !== null) {
    const until = end + comma[0].length
    const line = lineStart(text, start)
    const isAlone = text.slice(line, start).trim() === '' && line > rangeOf(map)[0]
    const rest = /^(?:#[^\n]*)?(?:\r?\n)/.exec(text.slice(until))
    if (isAlone && rest !== null) return [{ at: line, remove: until + rest[0].length - line, insert: '' }]
    return [{ at: start, remove: until - start, insert: '' }]
  }
  const before = /\s*,\s*$/.exec(text.slice(0, start)) ?? /[^\S\n]*$/.exec(text.slice(0, start))
  const from = start - (before?.[0].length ?? 0)
  return [{ at: from, remove: end - from, insert: '' }]
}
