import { expect, test } from 'vitest'
import { Secret } from '../secret.ts'
import { collectOutput } from './output.ts'

const bytes = (text: string) => new TextEncoder().encode(text)

function feed(text: string, size: number, maxBytes = 1024, hide: readonly Secret[] = []) {
  const lines: string[] = []
  const output = collectOutput(maxBytes, hide, (line) => lines.push(line))
  const all = bytes(text)
  for (let at = 0; at < all.length; at += size) output.push(all.subarray(at, at + size))
  output.end()
  return { lines, text: output.text(), truncated: output.truncated }
}

test.each([1, 2, 3, 5, 1000])('lines and text are whole whatever the chunks (%i bytes)', (size) => {
  const text = 'first\r\n\nünïcode → 😀\nlast without newline'
  expect(feed(text, size)).toEqual({
    lines: ['first', '', 'ünïcode → 😀', 'last without newline'],
    text,
    truncated: false,
  })
})

test('a newline at the end makes no empty line', () => {
  expect(feed('a\nb\n', 4).lines).toEqual(['a', 'b'])
  expect(feed('', 4).lines).toEqual([])
})

test('keeps the last bytes and says so, on a character boundary', () => {
  expect(feed('0123456789', 3, 4)).toMatchObject({ text: '6789', truncated: true })
  expect(feed('0123', 3, 4)).toMatchObject({ text: '0123', truncated: false })
  expect(feed('aé→😀z', 2, 4)).toMatchObject({ text: 'z', truncated: true })
})

test('hides secrets in lines and text, also when a chunk cuts through', () => {
  const secret = new Secret('hunter22')
  for (const size of [1, 3, 100]) {
    const { lines, text } = feed('pass hunter22 word\nhunter22', size, 1024, [secret])
    expect(lines).toEqual(['pass [secret] word', '[secret]'])
    expect(text).toBe('pass [secret] word\n[secret]')
  }
})

test('the end of a secret that the limit cut off is dropped', () => {
  expect(feed('password hunter22 end', 4, 9, [new Secret('hunter22')]).text).toBe(' end')
})

test('a stream without newlines is handed on in pieces, with no secret in two of them', () => {
  const secret = new Secret('s3cret-s3cret')
  const text = `${'x'.repeat(64 * 1024 - 5)}s3cret-s3cret${'y'.repeat(70_000)}`
  const { lines } = feed(text, 1000, 10, [secret])
  expect(lines.length).toBeGreaterThan(1)
  expect(lines.join('')).not.toMatch(/s3cret/)
  expect(lines.join('')).toContain('y'.repeat(1000))
})
