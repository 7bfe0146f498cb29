/** A Proxmox node with a container that has PostgreSQL, and a restic repository: all real, as n8n's credentials name them. */
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startBackupHost } from '../../../support/backup-host.ts'
import { startPostgres } from '../../../support/postgres.ts'
import { openRestic, resticVersions } from '../../../support/restic.ts'

const password = 'correct horse battery'
const vmid = 102

export interface Backups extends AsyncDisposable {
  /** `resticRepositoryApi` and `sshHostApi`, on the container with PostgreSQL or on the node itself. */
  credentials(on: 'container' | 'node'): Readonly<Record<string, Readonly<Record<string, unknown>>>>
  /** For the nodes' field Server. */
  readonly server: Readonly<Record<string, unknown>>
  /** A folder of the node with archives of vzdump. */
  readonly dump: string
  /** The snapshots of a plan that are proven, the oldest first. */
  proven(plan: string): Promise<readonly { readonly id: string; readonly paths: readonly string[] }[]>
  psql(database: string, sql: string): Promise<string>
}

export async function startBackups(): Promise<Backups> {
  const version = resticVersions.at(-1) ?? ''
  const stack = new AsyncDisposableStack()
  try {
    const dir = mkdtempSync(join(tmpdir(), 'homelab-n8n-backup-'))
    stack.defer(() => rmSync(dir, { recursive: true, force: true }))
    // The server's own user gets to its dumps through it.
    chmodSync(dir, 0o711)
    const dump = join(dir, 'dump')
    mkdirSync(dump)
    writeFileSync(join(dump, 'vzdump-lxc-110-2026_11_22-03_00_00.tar.zst'), Buffer.alloc(200_000, 'zst'))
    const repository = join(dir, 'repository')
    const restic = openRestic(version, { repository, password })
    const made = await restic(['init'])
    if (made.code !== 0) throw new Error(made.stderr)
    const host = stack.use(await startBackupHost({ containers: [{ vmid, name: 'postgresql' }] }))
    host.restic(version)
    host.container(vmid).restic(version)
    const postgres = stack.use(await startPostgres())
    for (const program of ['pg_dump', 'pg_dumpall', 'pg_restore', 'psql'])
      host.container(vmid).program(program, `#!/bin/sh\nexec ${postgres.binDir}/${program} "$@"\n`)
    await postgres.createDatabase('immich')
    await postgres.psql('immich', 'CREATE TABLE assets AS SELECT generate_series(1, 500) AS id')
    return {
      credentials: (on) => ({
        resticRepositoryApi: { backend: 'other', repository, password, env: '', readOnly: false },
        sshHostApi: {
          host: '127.0.0.1',
          port: host.sshd.port,
          user: host.sshd.host.user,
          authenticateWith: 'privateKey',
          privateKey: readFileSync(join(host.sshd.dir, 'client'), 'utf8'),
          hostKey: host.sshd.hostKey('ed25519').fingerprint,
          container: on === 'container' ? String(vmid) : '',
          node: 'pve',
          jobs: join(dir, 'jobs'),
        },
      }),
      server: { host: postgres.socketDir, port: postgres.port, staging: join(dir, 'staging') },
      dump,
      psql: postgres.psql,
      async proven(plan) {
        type Snapshot = { id: string; tags?: readonly string[]; paths: readonly string[] }
        const { stdout } = await restic(['snapshots', '--json', '--no-lock', '--tag', `plan=${plan}`])
        const all: Snapshot[] = JSON.parse(stdout)
        const proofs = all.flatMap(({ tags = [] }) => (tags.includes('proof') ? tags : []))
        return all.filter(({ id }) => proofs.includes(`of=${id}`))
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}
