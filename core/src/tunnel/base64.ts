/** Core has neither Buffer nor btoa. */
const letters = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'

export function toBase64(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const part = [bytes[at] ?? 0, bytes[at + 1] ?? 0, bytes[at + 2] ?? 0] as const
    const bits = (part[0] << 16) | (part[1] << 8) | part[2]
    const digits = [18, 12, 6, 0].map((shift) => letters[(bits >> shift) & 63] ?? '')
    const used = Math.min(3, bytes.length - at) + 1
    text += digits.slice(0, used).join('').padEnd(4, '=')
  }
  return text
}

/** undefined for what is none. */
export function fromBase64(text: string): string | undefined {
  const plain = text.trim().replace(/=+$/, '')
  if (!/^[A-Za-z0-9+/]*$/.test(plain)) return undefined
  const bytes: number[] = []
  let bits = 0
  let count = 0
  for (const letter of plain) {
    bits = (bits << 6) | letters.indexOf(letter)
    count += 6
    if (count < 8) continue
    count -= 8
    bytes.push((bits >> count) & 255)
    bits &= (1 << count) - 1
  }
  return new TextDecoder('utf-8').decode(new Uint8Array(bytes))
}
