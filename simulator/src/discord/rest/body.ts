/** A request's body: JSON, or a form with `payload_json` and `files[n]`. */
import { isJson } from '../check/form.ts'
import { refuse } from '../error.ts'
import type { Upload } from '../files.ts'
import { checkSizes } from '../files.ts'

export interface Body {
  readonly raw: unknown
  readonly files: readonly Upload[]
}

function parse(text: string): unknown {
  if (text === '') return {}
  try {
    return JSON.parse(text)
  } catch {
    throw refuse('badJson')
  }
}

/** @throws ApiError 50109, 40005 */
export async function readBody(request: Request): Promise<Body> {
  if (request.method === 'GET') return { raw: {}, files: [] }
  const type = request.headers.get('content-type') ?? ''
  const bytes = Buffer.from(await request.arrayBuffer())
  if (!type.startsWith('multipart/form-data')) {
    checkSizes([], bytes.length)
    return { raw: parse(bytes.toString('utf8')), files: [] }
  }
  const form = await new Response(bytes, { headers: { 'content-type': type } }).formData()
  const files: Upload[] = []
  for (const [name, value] of form) {
    if (typeof value === 'string') continue
    const place = Number(/^files\[(\d+)\]$/.exec(name)?.[1] ?? files.length)
    const data = Buffer.from(await value.arrayBuffer())
    files.push({ place, name: value.name, type: value.type || 'application/octet-stream', data })
  }
  checkSizes(files, bytes.length)
  const payload = form.get('payload_json')
  const raw = typeof payload === 'string' ? parse(payload) : {}
  return { raw: isJson(raw) || Array.isArray(raw) ? raw : {}, files }
}
