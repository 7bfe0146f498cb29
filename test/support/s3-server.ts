/** A server of S3 as Backblaze B2 has one: signed requests over TLS, a bucket, and its own answers to what is wrong. */
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createAuthority } from '../../simulator/src/certificate.ts'
import { installIsolated } from '../e2e/support/n8n/isolated.ts'
import { type Server, startServer } from './server.ts'

const here = fileURLToPath(new URL('s3/', import.meta.url))
const program = fileURLToPath(new URL('s3/server.mjs', import.meta.url))
const runtime = fileURLToPath(new URL('../../.runtime/s3/', import.meta.url))

/** The only account that s3rver has. */
export const s3Keys = { id: 'S3RVER', secret: 'S3RVER' } as const

export interface S3Server extends AsyncDisposable {
  /** `s3:https://127.0.0.1:40015/backups/name` */
  repository(name: string): string
  /** Of the authority that its certificate is from: restic is told by SSL_CERT_FILE. */
  readonly authority: string
  /** It is gone until `start`; what is stored stays. */
  stop(): Promise<void>
  start(): Promise<void>
}

/** Over TLS only: without it restic signs each piece of a body, which s3rver would store with the signatures in it. */
export async function startS3Server(): Promise<S3Server> {
  mkdirSync(runtime, { recursive: true })
  for (const name of ['package.json', 'package-lock.json'])
    copyFileSync(join(here, name), join(runtime, name))
  installIsolated(runtime)
  const dir = mkdtempSync(join(tmpdir(), 'homelab-s3-'))
  const remove = () => rmSync(dir, { recursive: true, force: true })
  const authority = await createAuthority()
  const made = await authority.issue('s3')
  const at = (name: string) => join(dir, name)
  const [ca, cert, key, data] = [at('ca.pem'), at('cert.pem'), at('key.pem'), at('data')]
  writeFileSync(ca, authority.ca)
  writeFileSync(cert, made.cert)
  writeFileSync(key, made.key, { mode: 0o600 })
  mkdirSync(data)
  const listen = (port?: number): Promise<Server> =>
    startServer(
      [
        process.execPath,
        program,
        ...[data, join(runtime, 'package.json'), cert, key],
        ...(port === undefined ? [] : [String(port)]),
      ],
      { ready: /listening on (\d+)/ },
    )
  let server: Server
  try {
    server = await listen()
  } catch (error) {
    remove()
    throw error
  }
  const port = Number(server.ready[1])
  return {
    repository: (name) => `s3:https://127.0.0.1:${port}/backups/${name}`,
    authority: ca,
    stop: () => server.stop(),
    async start() {
      server = await listen(port)
    },
    async [Symbol.asyncDispose]() {
      await server.stop()
      remove()
    },
  }
}
