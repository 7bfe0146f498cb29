/**
 * A restic repository whose key is quick to derive, for tests that ask restic hundreds of times: each time costs half a
 * second of processor otherwise, which is what protects a password and is not what these tests are about.
 */
import { createCipheriv, createHash, randomBytes, scryptSync } from 'node:crypto'
import { readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openRestic } from '../../support/restic.ts'

/** Makes a repository in a folder. @throws Error with restic's words */
export async function quickRepository(version: string, folder: string, password: string): Promise<void> {
  const { code, stderr } = await openRestic(version, { repository: folder, password })(['init'])
  if (code !== 0) throw new Error(stderr)
  await quickKey(version, folder, password)
}

/** Gives one that is there such a key instead of its own. */
export async function quickKey(version: string, folder: string, password: string): Promise<void> {
  const restic = openRestic(version, { repository: folder, password })
  const keys = join(folder, 'keys')
  const slow = readdirSync(keys)
  const { stdout } = await restic(['cat', 'masterkey', '--no-lock'])
  const master = JSON.stringify(JSON.parse(stdout))

  const salt = randomBytes(64)
  const cost = { N: 1024, r: 8, p: 1 }
  const user = scryptSync(password, salt, 64, cost)
  const data = sealed(user, Buffer.from(master))
  const about = { created: new Date().toISOString(), username: 'test', hostname: 'test', kdf: 'scrypt' }
  const text = JSON.stringify({
    ...about,
    ...cost,
    salt: salt.toString('base64'),
    data: data.toString('base64'),
  })
  writeFileSync(join(keys, createHash('sha256').update(text).digest('hex')), text)
  for (const name of slow) rmSync(join(keys, name), { force: true })
}

/** As restic's design document has it: AES-256 in counter mode, then Poly1305-AES. */
function sealed(key: Buffer, text: Buffer): Buffer {
  const [encrypt, k, r] = [key.subarray(0, 32), key.subarray(32, 48), key.subarray(48, 64)]
  const iv = randomBytes(16)
  const cipher = createCipheriv('aes-256-ctr', encrypt, iv)
  const hidden = Buffer.concat([cipher.update(text), cipher.final()])
  const pad = createCipheriv('aes-128-ecb', k, null).setAutoPadding(false).update(iv)
  return Buffer.concat([iv, hidden, poly1305(r, pad, hidden)])
}

/** What restic writes of a snapshot, as far as its list shows it. */
export interface Planted {
  readonly time: string
  readonly hostname: string
  readonly paths: readonly string[]
  readonly tags: readonly string[]
  /** Of its root folder; nobody looks whether it is there. */
  readonly tree: string
}

/** Puts snapshots into a repository, thousands in a second. @returns their ids, in order */
export async function plantSnapshots(
  version: string,
  folder: string,
  password: string,
  snapshots: Iterable<Planted | ((ids: readonly string[]) => Planted)>,
): Promise<readonly string[]> {
  const { stdout } = await openRestic(version, { repository: folder, password })([
    'cat',
    'masterkey',
    '--no-lock',
  ])
  const { encrypt, mac } = JSON.parse(stdout) as { encrypt: string; mac: { k: string; r: string } }
  const key = Buffer.concat([encrypt, mac.k, mac.r].map((part) => Buffer.from(part, 'base64')))
  const ids: string[] = []
  for (const one of snapshots) {
    const data = sealed(key, Buffer.from(JSON.stringify(typeof one === 'function' ? one(ids) : one)))
    const id = createHash('sha256').update(data).digest('hex')
    writeFileSync(join(folder, 'snapshots', id), data)
    ids.push(id)
  }
  return ids
}

function poly1305(r: Buffer, s: Buffer, text: Buffer): Buffer {
  const prime = (1n << 130n) - 5n
  const clamped = little(r) & 0x0ffffffc0ffffffc0ffffffc0fffffffn
  let sum = 0n
  for (let at = 0; at < text.length; at += 16) {
    const block = text.subarray(at, at + 16)
    sum = ((sum + little(block) + (1n << BigInt(8 * block.length))) * clamped) % prime
  }
  const tag = (sum + little(s)) & ((1n << 128n) - 1n)
  return Buffer.from(tag.toString(16).padStart(32, '0'), 'hex').reverse()
}

const little = (bytes: Buffer): bigint => BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`)
