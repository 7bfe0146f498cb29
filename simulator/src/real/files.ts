/** What stands for the family's photos and documents: a few small files, made once. */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { crc32, deflateSync } from 'node:zlib'

/** Paths below the folder of the photos; the database names them. */
export const photos: readonly string[] = [
  '2023/2023-07-14/IMG_0412.png',
  '2023/2023-07-14/IMG_0413.png',
  '2023/2023-12-24/IMG_0977.png',
  '2024/2024-03-02/IMG_1208.png',
  '2024/2024-08-19/IMG_1533.png',
  '2025/2025-05-31/IMG_2040.png',
]

const documents: Readonly<Record<string, string>> = {
  'anna/files/Documents/insurance.txt': 'Household insurance, renewed each March.\n',
  'anna/files/Documents/recipes/bread.md':
    '# Bread\n\n500 g flour, 350 g water, 10 g salt, a night of patience.\n',
  'anna/files/Notes/garden.md': '- tomatoes: after the last frost\n- garlic: before the first one\n',
  'harmeet/files/Documents/rack.txt': 'U1 switch, U2 patch panel, U3-U6 server, U8 battery\n',
  'harmeet/files/Notes/passwords.md': 'They are in Vaultwarden.\n',
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), data])
  const whole = Buffer.alloc(body.length + 8)
  whole.writeUInt32BE(data.length)
  body.copy(whole, 4)
  whole.writeUInt32BE(crc32(body), body.length + 4)
  return whole
}

/** A picture of 64 by 48 pixels, another one for each number. */
export function png(number: number): Buffer {
  const [width, height] = [64, 48]
  const rows = Array.from({ length: height }, (_, y) =>
    // Each line begins with its filter: none.
    Buffer.from([0, ...Array.from({ length: width }, (__, x) => [x * 4, y * 5, number * 40]).flat()]),
  )
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  // 8 bits a channel, red, green and blue.
  header.set([8, 2], 8)
  return Buffer.concat([
    Buffer.from('89504e470d0a1a0a', 'hex'),
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(Buffer.concat(rows))),
    chunk('IEND', Buffer.alloc(0)),
  ])
}

/** Made whole or not at all, and left alone when it is there: somebody may have put files of their own into it. */
function makeFolder(folder: string, files: Readonly<Record<string, Buffer | string>>): void {
  if (existsSync(folder)) return
  const part = `${folder}.part`
  rmSync(part, { recursive: true, force: true })
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(part, name)), { recursive: true })
    writeFileSync(join(part, name), content)
  }
  renameSync(part, folder)
}

export function makeFiles(folders: { readonly photos: string; readonly nextcloud: string }): void {
  makeFolder(folders.photos, Object.fromEntries(photos.map((name, index) => [name, png(index)])))
  makeFolder(folders.nextcloud, documents)
}
