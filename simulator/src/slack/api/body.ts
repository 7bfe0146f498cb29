import type { IncomingMessage } from 'node:http'
import type { Json } from '../json.ts'
import { isObject } from '../json.ts'

const LARGEST_BYTES = 64 * 1024 ** 2

/** @throws Error when it is larger than anything that a test sends */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size > LARGEST_BYTES) throw new Error('the body is too large')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** The arguments of a call: from a form, from JSON, or from the address; undefined when JSON is none. */
export function argumentsOf(request: IncomingMessage, body: Buffer): Json | undefined {
  const address = new URL(request.url ?? '/', 'http://localhost').searchParams
  const type = request.headers['content-type'] ?? ''
  if (type.startsWith('application/json')) {
    if (body.length === 0) return {}
    try {
      const parsed: unknown = JSON.parse(body.toString())
      return isObject(parsed) ? parsed : undefined
    } catch {
      return undefined
    }
  }
  return { ...Object.fromEntries(address), ...Object.fromEntries(new URLSearchParams(body.toString())) }
}

/** The bytes of an upload, which come raw or as a form with one file. */
export async function uploadOf(request: IncomingMessage, body: Buffer): Promise<Buffer> {
  const type = request.headers['content-type'] ?? ''
  if (!type.startsWith('multipart/form-data')) return body
  const form = await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData()
  for (const value of form.values()) {
    if (typeof value !== 'string') return Buffer.from(await value.arrayBuffer())
  }
  return Buffer.alloc(0)
}
