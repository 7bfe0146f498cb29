/** Ed25519 keys in OpenSSH's own format, made from 32 bytes so that a seed gives the same keys again. */
import { createHash, createPrivateKey, createPublicKey } from 'node:crypto'

export interface KeyPair {
  readonly privateKey: string
  /** The public key as it travels in the protocol. */
  readonly blob: Buffer
  /** `SHA256:…`, as ssh-keygen and known_hosts tools print it. */
  readonly fingerprint: string
}

const TYPE = 'ssh-ed25519'
/** What stands before the 32 bytes in PKCS #8. */
const PKCS8 = Buffer.from('302e020100300506032b657004220420', 'hex')

const uint32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4)
  bytes.writeUInt32BE(value)
  return bytes
}

const field = (value: string | Buffer): Buffer =>
  Buffer.concat([uint32(Buffer.byteLength(value)), Buffer.from(value)])

/** Public half of the 32 bytes. */
function publicOf(seed: Buffer): Buffer {
  const key = createPrivateKey({ key: Buffer.concat([PKCS8, seed]), format: 'der', type: 'pkcs8' })
  return Buffer.from(createPublicKey(key).export({ format: 'jwk' }).x ?? '', 'base64url')
}

export function createKeyPair(seed: Buffer, comment: string): KeyPair {
  const open = publicOf(seed)
  const blob = Buffer.concat([field(TYPE), field(open)])
  const check = uint32(seed.readUInt32BE(0))
  const secret = Buffer.concat([
    check,
    check,
    field(TYPE),
    field(open),
    field(Buffer.concat([seed, open])),
    field(comment),
  ])
  const padding = Buffer.from(Array.from({ length: (8 - (secret.length % 8)) % 8 }, (_, index) => index + 1))
  const body = Buffer.concat([
    Buffer.from('openssh-key-v1\0'),
    field('none'),
    field('none'),
    field(''),
    uint32(1),
    field(blob),
    field(Buffer.concat([secret, padding])),
  ])
  const lines = body.toString('base64').match(/.{1,70}/g) ?? []
  return {
    privateKey: [
      '-----BEGIN OPENSSH PRIVATE KEY-----',
      ...lines,
      '-----END OPENSSH PRIVATE KEY-----',
      '',
    ].join('\n'),
    blob,
    fingerprint: `SHA256:${createHash('sha256').update(blob).digest('base64').replace(/=+$/, '')}`,
  }
}
