/** Where one entry more goes in the text of homelab.yaml. */
import { isAlias, isMap, isScalar, type Node, type Scalar, type YAMLMap } from 'yaml'
import {
  cannot,
  type EntryPath,
  endOfMap,
  hasToken,
  type Opened,
  pairOf,
  rangeOf,
  startOf,
  stepOf,
} from './edit-nodes.ts'
import { blockLines, commentLines, flowText } from './entry-text.ts'
import { columnOf, type Edit, eolOf, lineEnd, lineStart, pastComments } from './lines.ts'

export function insertion(
  { text, contents }: Opened,
  path: EntryPath,
  value: unknown,
  comment?: string,
): Edit[] {
  let node: Node | null | undefined = contents
  let holder: Scalar | undefined
  let isInBraces = false
  for (const [depth, key] of path.entries()) {
    const missing = path.slice(depth)
    const hint = () => blockLines(path, value, { indent: 0, step: 2 }).join('\n')
    if (isAlias(node)) throw cannot(path, 'the section is written as *name', hint())
    const isEmpty = node === null || node === undefined || (isScalar(node) && node.value === null)
    const isBare = isMap(node) && node.items.length === 0 && !isInBraces && holder !== undefined
    const room: Room = { text, missing, value, step: stepOf(text, contents), comment }
    if (isEmpty || isBare) {
      if (holder === undefined) return atTheEnd(room, node)
      return isInBraces ? asBraces(room, holder, node) : beneath(room, holder, node)
    }
    if (!isMap(node)) throw cannot(path, `${path.slice(0, depth).join('.')} is no map`, hint())
    const pair = pairOf(node, key)
    if (pair === undefined) return node.flow === true ? insideBraces(room, node) : behind(room, node, depth)
    isInBraces ||= node.flow === true
    holder = pair.key as Scalar
    node = pair.value as Node | null
  }
  throw cannot(path, 'it is there already')
}

/** What is to be written, and where it is looked for. */
interface Room {
  readonly text: string
  readonly missing: EntryPath
  readonly value: unknown
  readonly step: number
  readonly comment: string | undefined
}

const linesAt = ({ missing, value, step, comment }: Room, indent: number): readonly string[] =>
  blockLines(missing, value, { indent, step, ...(comment === undefined ? {} : { comment }) })

/** Whole lines at the start of a line, or behind the last one when nothing ends that. */
function linesEdit(text: string, at: number, lines: readonly string[]): Edit {
  const eol = eolOf(text)
  const body = lines.join(eol)
  return { at, insert: at > 0 && text[at - 1] !== '\n' ? `${eol}${body}` : `${body}${eol}` }
}

/** A section of its own has a line of air before it. */
const isSection = ({ missing, value }: Room): boolean =>
  missing.length > 1 || (typeof value === 'object' && value !== null)

const withAir = (text: string, at: number, lines: readonly string[]): readonly string[] =>
  text.slice(0, at).trim() === '' || /\n[^\S\n]*\r?\n$/.test(text.slice(0, at)) ? lines : ['', ...lines]

function atTheEnd(room: Room, node: Node | null | undefined): Edit[] {
  const { text } = room
  const at = text.length
  const lines = linesAt(room, 0)
  return [
    ...withoutToken(text, node),
    linesEdit(text, at, text.trim() === '---' ? lines : withAir(text, at, lines)),
  ]
}

/** Behind all entries of a block, and behind the comments that are theirs. */
function behind(room: Room, map: YAMLMap, depth: number): Edit[] {
  const { text } = room
  const indent = columnOf(text, startOf(map.items[0]))
  const at = pastComments(text, lineEnd(text, endOfMap(map)), indent)
  const lines = linesAt(room, indent)
  const isApart =
    depth === 0
      ? isSection(room)
      : map.items.length > 1 && map.items.slice(1).every((pair) => hasAir(text, startOf(pair)))
  return [linesEdit(text, at, isApart ? withAir(text, at, lines) : lines)]
}

const hasAir = (text: string, at: number): boolean =>
  /\n[^\S\n]*\r?\n(?:[^\S\n]*#[^\n]*\n)*$/.test(text.slice(0, lineStart(text, at)))

/** The first entry of a section that is empty, `null` or `{}`. */
function beneath(room: Room, holder: Scalar, node: Node | null | undefined): Edit[] {
  const { text, step } = room
  const column = columnOf(text, rangeOf(holder)[0])
  const end = Math.max(rangeOf(holder)[1], hasToken(node) ? rangeOf(node)[1] : 0)
  const at = pastComments(text, lineEnd(text, end), column + 1)
  return [...withoutToken(text, node), linesEdit(text, at, linesAt(room, column + step))]
}

function asBraces({ text, missing, value }: Room, holder: Scalar, node: Node | null | undefined): Edit[] {
  const braces = `{ ${flowText(missing, value)} }`
  if (hasToken(node)) {
    const [start, end] = rangeOf(node)
    return [{ at: start, remove: end - start, insert: braces }]
  }
  const end = rangeOf(holder)[1]
  const colon = /^\s*:/.exec(text.slice(end))
  return colon === null
    ? [{ at: end, insert: `: ${braces}` }]
    : [{ at: end + colon[0].length, insert: ` ${braces}` }]
}

/** Before the others: what follows the last one can be a comma, comments, or neither. */
function insideBraces({ text, missing, value, comment }: Room, map: YAMLMap): Edit[] {
  const entry = flowText(missing, value)
  const [start, end] = rangeOf(map)
  const at = start + 1
  const [first] = map.items
  if (first === undefined) {
    const inner = text.slice(at, end - 1)
    return [{ at, insert: inner === '' ? ` ${entry} ` : ` ${entry}` }]
  }
  const begin = startOf(first)
  const next = lineEnd(text, at)
  if (begin < next) {
    const isTight = begin === at
    return [{ at, insert: isTight ? `${entry}, ` : ` ${entry},` }]
  }
  const margin = ' '.repeat(columnOf(text, begin))
  const remarks = comment === undefined ? [] : commentLines(comment)
  return [
    linesEdit(
      text,
      next,
      [...remarks, `${entry},`].map((line) => `${margin}${line}`),
    ),
  ]
}

/** `null`, `~` or `{}` and the spaces before it. */
function withoutToken(text: string, node: Node | null | undefined): Edit[] {
  if (!hasToken(node)) return []
  const [start, end] = rangeOf(node)
  const line = lineStart(text, start)
  const spaces = /[ \t]*$/.exec(text.slice(line, start))?.[0].length ?? 0
  return [{ at: start - spaces, remove: end - start + spaces, insert: '' }]
}
