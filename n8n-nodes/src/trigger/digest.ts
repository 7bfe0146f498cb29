export const sha256 = async (text: string): Promise<Uint8Array> =>
  new Uint8Array(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(text)))

/** 24 hexadecimal digits: the same parts have the same print. */
export async function printOf(...parts: readonly unknown[]): Promise<string> {
  const bytes = await sha256(JSON.stringify(parts))
  return [...bytes.slice(0, 12)].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}
