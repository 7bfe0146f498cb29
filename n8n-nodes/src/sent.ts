/** What a request to Proxmox sends, taken apart as Proxmox does: the path, and parameters in the query and in the body. */
import type { IHttpRequestOptions } from 'n8n-workflow'

export interface Parameter {
  readonly name: string
  readonly text: string
}

export interface Sent {
  readonly path: string
  readonly parameters: readonly Parameter[]
  /** There is more that cannot be read: a file, a stream, JSON that is broken. */
  readonly hidden: boolean
}

/** As the HTTP Request node of n8n has it: `uri` where others say `url`, and forms beside the body. */
type Request = IHttpRequestOptions & {
  readonly uri?: unknown
  readonly form?: unknown
  readonly formData?: unknown
}

/** @returns undefined when the address cannot be read */
export function sentBy(request: Request): Sent | undefined {
  const url = addressOf(request)
  if (url === undefined) return undefined
  const parameters = [...pairsOf(url.searchParams)]
  let hidden = false
  for (const part of [request.qs, request.body, request.form, request.formData]) {
    const text = textOf(part)
    const whole = text === undefined ? read(part, '', parameters) : readText(text, parameters)
    hidden ||= !whole
  }
  return { path: url.path, parameters, hidden }
}

function addressOf(request: Request) {
  try {
    const url = new URL(String(request.url ?? request.uri ?? ''), request.baseURL ?? 'https://proxmox/')
    return { path: decodeURIComponent(url.pathname), searchParams: url.searchParams }
  } catch {
    return undefined
  }
}

const pairsOf = (all: URLSearchParams): readonly Parameter[] =>
  [...all].map(([name, text]) => ({ name, text }))

/** Bytes: no call but an upload sends more. */
const largest = 1_000_000

const textOf = (part: unknown): string | undefined => {
  if (part instanceof Uint8Array && part.byteLength <= largest) return new TextDecoder().decode(part)
  return typeof part === 'string' ? part : undefined
}

/** As a form and as JSON: the type that is given with it may be another. @returns whether it can be read */
function readText(text: string, into: Parameter[]): boolean {
  into.push(...pairsOf(new URLSearchParams(text)))
  if (!/^\s*[[{]/.test(text)) return true
  try {
    return read(JSON.parse(text), '', into)
  } catch {
    return false
  }
}

const deepest = 20

/** @param name of the parameter that it is, or is in @returns whether all of it can be read */
function read(value: unknown, name: string, into: Parameter[], depth = 0): boolean {
  if (value === undefined || value === null) return true
  if (typeof value !== 'object') {
    into.push({ name, text: String(value) })
    return true
  }
  if (value instanceof URLSearchParams) {
    into.push(...pairsOf(value))
    return true
  }
  const entries = entriesOf(value, name)
  if (entries === undefined || depth > deepest) return false
  return entries.map(([key, each]) => read(each, key, into, depth + 1)).every(Boolean)
}

/** Of a list or a plain object. */
function entriesOf(value: object, name: string): readonly (readonly [string, unknown])[] | undefined {
  if (Array.isArray(value)) return value.map((each) => [name, each] as const)
  const plain = Object.prototype.toString.call(value) === '[object Object]' && !('pipe' in value)
  return plain ? Object.entries(value) : undefined
}
