/** Folders with a lockfile of their own, whose packages are too big or too old for everyone's install. */
import { execFileSync, type StdioOptions } from 'node:child_process'
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
  install(folder, ['--ignore-scripts'])
  writeFileSync(stamp, lock)
}

/** From npm's cache alone when everything is in it. Not `ci`, which refuses a lockfile without other platforms' packages. */
export function install(folder: string, args: readonly string[]): void {
  const all = ['install', '--no-save', '--no-audit', '--no-fund', ...args]
  try {
    npm(folder, [...all, '--offline'], 'ignore')
  } catch {
    npm(folder, [...all, '--prefer-offline'])
  }
}

/** @throws with npm's own words in the message */
export function npm(
  folder: string,
  args: readonly string[],
  stderr: 'inherit' | 'ignore' = 'inherit',
): string {
  const stdio: StdioOptions = ['ignore', 'pipe', stderr]
  return execFileSync('npm', ['--loglevel=error', ...args], { cwd: folder, encoding: 'utf8', stdio })
}
