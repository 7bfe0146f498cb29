/** YAML with comments, and texts that cannot become anything else in it. */
import { Document, isMap, isScalar, isSeq, type Node, Pair, Scalar, YAMLMap, YAMLSeq } from 'yaml'

/** A value with a comment before it. */
export class Noted {
  readonly comment: string
  readonly value: unknown
  constructor(comment: string, value: unknown) {
    this.comment = comment
    this.value = value
  }
}

export const noted = (comment: string, value: unknown): Noted => new Noted(comment, value)

/** On one line, without anything that ends a line or turns the writing around: names may hold all of it. */
export const plain = (text: string): string =>
  text
    .replaceAll(/[\p{C}\p{Z}\s]+/gu, ' ')
    .trim()
    .slice(0, 200)

/** Lists of plain values are written on one line. */
export const inline = (...items: readonly (string | number)[]): YAMLSeq => {
  const seq = new YAMLSeq()
  seq.items = items.map((item) => new Scalar(item))
  seq.flow = true
  return seq
}

/** @param header what the file is, one line each */
export function yamlText(header: readonly string[], value: unknown): string {
  const document = new Document()
  document.contents = nodeOf(value) as typeof document.contents
  const text = document.toString({ lineWidth: 0, indentSeq: true })
  return `${header.map((line) => `# ${plain(line)}`.trimEnd()).join('\n')}\n\n${text}`
}

function nodeOf(value: unknown): Node {
  if (isMap(value) || isSeq(value) || isScalar(value)) return value
  if (value instanceof Noted) {
    const node = nodeOf(value.value)
    node.commentBefore = commentOf(value)
    return node
  }
  if (Array.isArray(value)) {
    const seq = new YAMLSeq()
    seq.items = value.map((item) => nodeOf(item))
    for (const item of seq.items.slice(1) as Node[]) if (isMap(item)) item.spaceBefore = true
    return seq
  }
  if (typeof value === 'object' && value !== null) {
    const map = new YAMLMap()
    for (const [name, inner] of Object.entries(value)) {
      if (inner === undefined) continue
      const key = new Scalar(name)
      if (inner instanceof Noted) key.commentBefore = commentOf(inner)
      map.items.push(new Pair(key, nodeOf(inner instanceof Noted ? inner.value : inner)))
    }
    return map
  }
  const scalar = new Scalar(value)
  if (typeof value === 'string' && value.includes('\n')) scalar.type = Scalar.BLOCK_LITERAL
  return scalar
}

const commentOf = ({ comment }: Noted): string =>
  comment
    .split('\n')
    .map((line) => ` ${plain(line)}`)
    .join('\n')
