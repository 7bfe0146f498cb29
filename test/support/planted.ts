/** A broken dump that looks like a good backup: what a drill and a restore must not believe. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type BackupLab, password } from './backup-lab.ts'
import { resticBinary } from './restic.ts'

/**
 * Saves the newest dump of a plan once more, changed, with the tags of a backup and its proof.
 * @param change is given the folder of the dump
 * @param honest the proof counts what is saved now; else what was saved then
 */
export async function plant(
  lab: BackupLab,
  {
    version,
    repository,
    plan,
    change,
    honest = true,
  }: {
    readonly version: string
    readonly repository: string
    readonly plan: string
    readonly change: (folder: string) => void
    readonly honest?: boolean
  },
): Promise<string> {
  const all = await lab.snapshots(repository, plan)
  const proof = all.findLast(({ tags }) => tags.includes('proof'))
  const tag = (name: string) => proof?.tags.find((one) => one.startsWith(`${name}=`))?.slice(name.length + 1)
  const dump = all.find(({ id }) => id.startsWith(tag('of') ?? '?'))
  const [folder] = dump?.paths ?? []
  if (proof === undefined || dump === undefined || folder === undefined)
    throw new Error(`no proof of ${plan}`)
  await lab.restic(repository, ['restore', dump.id, '--target', '/'])
  const work = mkdtempSync(join(tmpdir(), 'homelab-planted-'))
  try {
    change(folder)
    const run = `planted${all.length}`
    const saved = await lab.restic(repository, [
      'backup',
      '--json',
      '--tag',
      `plan=${plan},run=${run}`,
      folder,
    ])
    const summary: {
      snapshot_id: string
      total_files_processed: number
      total_bytes_processed: number
    } = JSON.parse(saved.stdout.trim().split('\n').at(-1) ?? '')
    const [files, bytes] = honest
      ? [summary.total_files_processed, summary.total_bytes_processed]
      : [tag('files'), tag('bytes')]
    const manifest = await lab.restic(repository, ['dump', proof.id, '/manifest.jsonl'])
    writeFileSync(join(work, 'manifest.jsonl'), manifest.stdout)
    const tags = `proof,plan=${plan},run=${run},of=${summary.snapshot_id},files=${files},bytes=${bytes},rows=${tag('rows')}`
    execFileSync(resticBinary(version), ['--no-cache', 'backup', '--tag', tags, 'manifest.jsonl'], {
      cwd: work,
      env: { PATH: process.env.PATH, RESTIC_REPOSITORY: repository, RESTIC_PASSWORD: password },
    })
    return summary.snapshot_id
  } finally {
    rmSync(folder, { recursive: true, force: true })
    rmSync(work, { recursive: true, force: true })
  }
}
