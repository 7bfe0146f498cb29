/** What the answer to a look into an archive says of the archive itself. */
import { X509Certificate } from 'node:crypto'
import { afterEach, expect, test } from 'vitest'
import { createHttp } from '../node/http.ts'
import { fastClock, type Reply, startServer } from '../node/testing.ts'
import { Secret } from '../secret.ts'
import { createProxmox } from './index.ts'

const cleanups: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const cleanup of cleanups.splice(0).reverse()) await cleanup()
})

async function answering(reply: Reply) {
  const server = await startServer(() => reply)
  cleanups.push(async () => server[Symbol.asyncDispose]())
  const http = createHttp({ fingerprint: new X509Certificate(server.certificate).fingerprint256 })
  cleanups.push(() => http.close())
  const { backups } = createProxmox({
    http,
    clock: fastClock(),
    endpoints: [server.url],
    auth: { kind: 'token', id: 'root@pam!homelab', secret: new Secret('secret') },
    random: () => 0.5,
  })
  return backups
}

const refused = (reason: string): Reply => ({ status: 500, reason })

test.each([
  ['there is no configuration in it', { data: '' }, true],
  ['it has no file of one', refused('ERROR: archive contains no configuration file'), true],
  ['it ends in the middle', refused('zstd: Read error (39) : premature end'), true],
  ['its storage is not there', refused("storage 'nas' is not online"), undefined],
])('a configuration that cannot be read as %s', async (_, reply, ofArchive) => {
  const backups = await answering(reply)
  const error = await backups
    .config({ node: 'pve', archive: 'nas:backup/a' })
    .catch((thrown: unknown) => thrown)
  expect(error).toMatchObject({ code: 'failed' })
  expect((error as { data?: { ofArchive?: boolean } }).data?.ofArchive).toBe(ofArchive)
})
