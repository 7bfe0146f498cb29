/** homelab.yaml as it is parsed, and where in its text each part stands. */
import { isMap, isScalar, isSeq, type Node, type Pair, type ParsedNode, type YAMLMap } from 'yaml'
import { HomelabError } from '../errors.ts'
import { columnOf } from './lines.ts'

/** Keys from the top of the file: `['services', 'jellyfin']`. */
export type EntryPath = readonly string[]

export interface Opened {
  readonly text: string
  readonly value: unknown
  readonly contents: ParsedNode | null
}

export const cannot = (path: EntryPath, why: string, hint?: string): HomelabError =>
  new HomelabError('conflict', `${path.join('.')} cannot be changed in homelab.yaml by itself: ${why}.`, {
    hint: hint === undefined ? 'Change it there by hand.' : `Write it there by hand:\n${hint}`,
  })

export const pairOf = (map: YAMLMap, key: string): Pair | undefined =>
  map.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === key)

export const rangeOf = (node: unknown): readonly [number, number] => {
  const range = (node as Node).range
  return [range?.[0] ?? 0, range?.[1] ?? 0]
}

/** Whether anything is written for it. */
export const hasToken = (node: Node | null | undefined): node is Node =>
  node !== null && node !== undefined && rangeOf(node)[1] > rangeOf(node)[0]

export const startOf = (pair: Pair | undefined): number => rangeOf(pair?.key)[0]

export const endOfMap = (map: YAMLMap): number => endOfPair(map.items.at(-1) as Pair)

export const endOfPair = ({ key, value }: Pair): number =>
  hasToken(value as Node | null) ? endOf(value as Node) : rangeOf(key)[1]

/** Without the comments and empty lines that follow. */
function endOf(node: Node): number {
  const last = isMap(node) || isSeq(node) ? node.items.at(-1) : undefined
  if (last === undefined || ((isMap(node) || isSeq(node)) && node.flow === true)) return rangeOf(node)[1]
  return isMap(node) ? endOfPair(last as Pair) : Math.max(endOf(last as Node), rangeOf(last)[0])
}

/** By how much the file indents. */
export function stepOf(text: string, contents: Node | null): number {
  if (!isMap(contents) || contents.flow === true) return 2
  const inner = contents.items.find(
    ({ value }) => isMap(value) && value.flow !== true && value.items.length > 0,
  )
  return inner === undefined
    ? 2
    : Math.max(1, columnOf(text, startOf((inner.value as YAMLMap).items[0])) || 2)
}
