/** The file of a simulated vzdump: a tar with the guest's configuration in it, where a real one has its root file system too. */
import { gzipSync, zstdCompressSync } from 'node:zlib'

const BLOCK = 512

function header(name: string, size: number, seconds: number): Buffer {
  const block = Buffer.alloc(BLOCK)
  const octal = (value: number, length: number) => `${value.toString(8).padStart(length - 1, '0')}\0`
  block.write(name, 0, 100)
  block.write(octal(0o644, 8), 100)
  block.write(octal(0, 8), 108)
  block.write(octal(0, 8), 116)
  block.write(octal(size, 12), 124)
  block.write(octal(seconds, 12), 136)
  // The sum is over the header with blanks in its own place.
  block.write(' '.repeat(8), 148)
  block.write('0', 156)
  block.write('ustar\0', 257)
  block.write('00', 263)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

export function tarOf(name: string, text: string, seconds: number): Buffer {
  const content = Buffer.from(text)
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK)
  return Buffer.concat([header(name, content.length, seconds), content, padding, Buffer.alloc(2 * BLOCK)])
}

/** As the ending of the archive's name says; lzo, which Node does not have, stays as it is. */
export function compressed(file: string, tar: Buffer): Buffer {
  if (file.endsWith('.zst')) return zstdCompressSync(tar)
  return file.endsWith('.gz') ? gzipSync(tar) : tar
}
