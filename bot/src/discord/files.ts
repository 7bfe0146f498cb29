/** The files beside a card, as many and as large as a message takes. */
import { gzipSync } from 'node:zlib'
import type { Card } from '@homelab/core'
import { limits } from './limits.ts'
import { plainText } from './plain.ts'
import { oneLine } from './text.ts'

export interface DiscordFile {
  readonly name: string
  readonly data: string | Buffer
  /** For who cannot see it. */
  readonly alt?: string
}

export const pictureFile = 'picture.png'

/** Larger texts are packed: a log becomes a tenth of its size. */
const unpacked = 8 * 1024 * 1024

export const wholeFile = 'whole.txt'

/** @param png the picture drawn: Discord shows no SVG, but keeps it for who opens it */
export function filesOf({ attachments = [], picture }: Card, png?: Uint8Array): readonly DiscordFile[] {
  const files: DiscordFile[] = attachments.map(({ name, text }) => ({ name: safe(name), data: text }))
  if (picture === undefined) return files
  const alt = oneLine(picture.alt).slice(0, limits.altText)
  // First: of too many files the last ones are joined into one.
  if (png !== undefined) return [{ name: pictureFile, data: Buffer.from(png), alt }, ...files]
  return [...files, { name: 'picture.svg', data: picture.svg }]
}

/** Everything that the card says, in one text. */
export const wholeOf = (card: Card): DiscordFile => ({ name: wholeFile, data: plainText(card) })

/** Within all limits; of too many the last are joined into one. */
export function fitted(files: readonly DiscordFile[]): readonly DiscordFile[] {
  const few =
    files.length <= limits.files
      ? files
      : [...files.slice(0, limits.files - 1), joined(files.slice(limits.files - 1))]
  const used = new Set<string>()
  let left: number = limits.filesInAll - 1024 * 1024
  return few.flatMap((file, index) => {
    const named = packed({ ...file, name: used.has(file.name) ? `${index + 1}-${file.name}` : file.name })
    used.add(named.name)
    const size = Buffer.byteLength(named.data)
    if (size > limits.file || size > left) return []
    left -= size
    return [named]
  })
}

const packed = (file: DiscordFile): DiscordFile =>
  Buffer.byteLength(file.data) <= unpacked
    ? file
    : { ...file, name: `${file.name}.gz`, data: gzipSync(file.data) }

const joined = (files: readonly DiscordFile[]): DiscordFile => ({
  name: 'more.txt',
  data: files.map(({ name, data }) => `=== ${name} ===\n${String(data)}\n`).join('\n'),
})

const safe = (name: string): string =>
  name
    .replace(/[^\w.-]+/g, '_')
    .replace(/^\.+/, '')
    .slice(-80) || 'file.txt'
