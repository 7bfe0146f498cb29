/** The few files of the page, read once, served with a tag so that a browser asks and rarely fetches. */
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { extname } from 'node:path'

interface Asset {
  readonly body: Buffer<ArrayBuffer>
  readonly type: string
  readonly tag: string
}

const types: Readonly<Record<string, string>> = {
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
}

export function loadAssets(): { readonly files: ReadonlyMap<string, Asset>; readonly version: string } {
  const folder = new URL('./public/', import.meta.url)
  const files = new Map<string, Asset>()
  const all = createHash('sha1')
  for (const name of readdirSync(folder).sort()) {
    const type = types[extname(name)]
    if (type === undefined) continue
    const body = readFileSync(new URL(name, folder))
    all.update(body)
    files.set(name, { body, type, tag: `"${createHash('sha1').update(body).digest('base64url')}"` })
  }
  return { files, version: all.digest('base64url').slice(0, 8) }
}
