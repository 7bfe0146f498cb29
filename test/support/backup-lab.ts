/** A lab whose node is a real sshd, with real restic and PostgreSQL on it, and a desk to type at. */
import { chmodSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseInventory } from '@homelab/core/inventory'
import { createSecrets } from '@homelab/core/node'
import type { Posted } from '../../bot/src/chat/types.ts'
import { type InlineDesk, inlineDesk } from '../../bot/src/cli/inline.ts'
import { type BackupHost, type BackupHostOptions, startBackupHost } from './backup-host.ts'
import { type Postgres, startPostgres } from './postgres.ts'
import { openRestic } from './restic.ts'
import { type Simulator, startSimulator } from './simulator.ts'

export const password = 'correct horse battery'

export interface BackupLab extends AsyncDisposable {
  readonly simulator: Simulator
  readonly host: BackupHost
  readonly postgres: Postgres
  /** A folder of the machine for sources, repositories and stagings. */
  readonly dir: string
  readonly desk: InlineDesk
  /** Its homelab.yaml, and what its secrets refer to, for a bot of its own. */
  readonly text: string
  readonly env: Readonly<Record<string, string>>
  /** Types a command and waits for its end; questions are answered with yes. */
  type(text: string): Promise<Posted>
  /** A restic of its own, beside the bot's. */
  restic(
    repository: string,
    args: readonly string[],
  ): Promise<{ code: number; stdout: string; stderr: string }>
  /** The snapshots that a plan has in a repository, the oldest first. */
  snapshots(
    repository: string,
    plan: string,
  ): Promise<readonly { id: string; tags: string[]; paths: string[] }[]>
}

export interface BackupLabOptions {
  readonly version: string
  /** Lines under `backups:` and more, made with the folder. */
  readonly yaml: (about: { readonly dir: string; readonly postgres: Postgres }) => string
  /** What its containers are; default: roots of this machine. In real ones the folder is mounted. */
  readonly kind?: NonNullable<BackupHostOptions['kind']>
  /** What else its secrets refer to. */
  readonly env?: Readonly<Record<string, string>>
}

/** VMIDs of the simulated lab whose containers the host has. */
const containers = [
  { vmid: 102, name: 'postgresql' },
  { vmid: 110, name: 'plex' },
]

export async function openBackupLab({
  version,
  yaml,
  kind,
  env: more = {},
}: BackupLabOptions): Promise<BackupLab> {
  await using stack = new AsyncDisposableStack()
  const dir = mkdtempSync(join(tmpdir(), 'homelab-backup-'))
  stack.defer(() => rmSync(dir, { recursive: true, force: true }))
  // The server's own user gets to its dumps through it.
  chmodSync(dir, 0o711)
  mkdirSync(join(dir, 'photos'))
  const simulator = await startSimulator()
  stack.defer(() => simulator.stop())
  const host = stack.use(
    await startBackupHost({ containers, ...(kind === undefined ? {} : { kind, mounts: [dir] }) }),
  )
  host.restic(version)
  for (const { vmid } of containers) host.container(vmid).restic(version)
  const postgres = stack.use(await startPostgres())
  const { lab } = simulator
  const { hostKey, user } = host.sshd.host
  const text = `
proxmox:
  endpoints: ${lab.pve}
  token: { id: "${lab.token.id}", secret: env:TEST_TOKEN }
  fingerprint: "${lab.fingerprint}"
  ssh:
    pve:
      host: 127.0.0.1
      port: ${host.sshd.port}
      user: ${user}
      key: file:${join(host.sshd.dir, 'client')}
      fingerprint: ${'fingerprint' in hostKey ? hostKey.fingerprint : ''}
services:
  postgresql: { guest: 102 }
  plex: { guest: 110 }
${yaml({ dir, postgres })}`
  const inventory = parseInventory(text)
  const env = { TEST_TOKEN: lab.token.secret, RESTIC_PASSWORD: password, WRONG_PASSWORD: 'wrong', ...more }
  const desk = stack.use(
    await inlineDesk({
      inventory: () => inventory,
      secrets: createSecrets({ env }),
      stateDir: '',
      label: 'test lab',
    }),
  )
  const restic: BackupLab['restic'] = (repository, args) =>
    openRestic(version, { repository, password })(args)
  const owned = stack.move()
  return {
    simulator,
    host,
    postgres,
    dir,
    desk,
    text,
    env,
    restic,
    type: (line) => desk.desk.settled(desk.submit(line, true).id),
    async snapshots(repository, plan) {
      const { stdout } = await restic(repository, [
        'snapshots',
        '--json',
        '--no-lock',
        '--tag',
        `plan=${plan}`,
      ])
      return JSON.parse(stdout)
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  }
}
