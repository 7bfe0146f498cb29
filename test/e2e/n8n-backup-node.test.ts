/** The Homelab Backup node on n8n's own SSH client, which checks no host key: the node does. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { quickRepository } from '../faults/support/quick-key.ts'
import { startBackupHost } from '../support/backup-host.ts'
import { requireRestic, resticVersions } from '../support/restic.ts'
import { requireTool } from '../support/tools.ts'
import { installPackage, type NodeSpec, packageName, startN8n } from './support/n8n/harness.ts'

const ready = [requireTool('sshd', 'ssh-keygen', 'unshare', 'nsenter'), requireRestic()].every(Boolean)
const password = 'correct horse battery'

it.skipIf(!ready)(
  'saves files, follows the job by its id, and talks to the host with its key alone',
  async () => {
    await using stack = new AsyncDisposableStack()
    const dir = mkdtempSync(join(tmpdir(), 'homelab-n8n-'))
    stack.defer(() => rmSync(dir, { recursive: true, force: true }))
    const version = resticVersions.at(-1) ?? ''
    await quickRepository(version, join(dir, 'repository'), password)
    mkdirSync(join(dir, 'photos'))
    writeFileSync(join(dir, 'photos', 'one.jpg'), 'one')
    const host = stack.use(await startBackupHost())
    host.restic(version)
    const n8n = stack.use(await startN8n(installPackage()))

    const node = (
      name: string,
      parameters: Readonly<Record<string, unknown>>,
      hostKey = host.sshd.hostKey('ed25519').fingerprint,
    ): NodeSpec => ({
      name,
      type: `${packageName}.homelabBackup`,
      parameters,
      credentials: {
        sshHostApi: {
          host: '127.0.0.1',
          port: host.sshd.port,
          user: host.sshd.host.user,
          authenticateWith: 'privateKey',
          privateKey: readFileSync(join(host.sshd.dir, 'client'), 'utf8'),
          hostKey,
          node: 'pve',
          jobs: join(dir, 'jobs'),
        },
        resticRepositoryApi: { backend: 'other', repository: join(dir, 'repository'), password },
      },
    })
    const backup = {
      resource: 'restic',
      operation: 'backup',
      planName: 'photos',
      paths: [join(dir, 'photos')],
      stay: 0,
    }
    const run = await n8n.run([
      node('Back up', backup),
      node('Status', { resource: 'job', operation: 'status', job: '={{ $json.job }}', stay: 60 }),
    ])
    expect(run.error).toBeUndefined()
    const [begun] = run.nodes['Back up']?.data?.main[0] ?? []
    expect(begun?.json).toMatchObject({ state: 'running', plan: 'photos' })
    expect(JSON.stringify(begun)).not.toContain(password)
    const [done] = run.nodes.Status?.data?.main[0] ?? []
    expect(done).toMatchObject({ json: { state: 'done', files: 1, bytes: 3 }, pairedItem: { item: 0 } })

    const other = await n8n.run([node('Back up', backup, `SHA256:${'A'.repeat(43)}`)])
    expect(other.nodes['Back up']?.error?.message).toMatch(/IS NOT THE HOST EXPECTED.*No command was sent/)
  },
)
