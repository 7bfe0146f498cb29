/** Folders with a lockfile of their own, whose packages are too big or too old for everyone's install. */
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

/** Installs what its package.json names, unless that was done for this very lockfile. */
export function installIsolated(folder: string): void {
  const stamp = join(folder, 'node_modules', '.homelab-lock')
  const lock = createHash('sha256')
    .update(readFileSync(join(folder, 'package-lock.json')))
    .update(readFileSync(join(folder, 'package.json')))
    .digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === lock) return
  rmSync(join(folder, 'node_modules'), { recursive: true, force: true })
  // Not `ci`, which refuses a lockfile without the optional packages of other platforms.
  npm(folder, ['install', '--no-save', '--prefer-offline', '--ignore-scripts', '--no-audit', '--no-fund'])
  writeFileSync(stamp, lock)
}

/** @throws with npm's own words in the message */
export function npm(folder: string, args: readonly string[]): string {
  return execFileSync('npm', ['--loglevel=error', ...args], { cwd: folder, encoding: 'utf8' })
}
