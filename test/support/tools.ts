import { spawnSync } from 'node:child_process'

/**
 * Whether a real tool (sshd, chromium, psql) is on this machine. In CI a missing one is an error,
 * on a developer's laptop its tests are skipped, with a line that says so.
 */
export function requireTool(...names: string[]): boolean {
  const missing = names.filter(
    (name) =>
      spawnSync('sh', ['-c', 'command -v "$1"', 'sh', name], {
        env: { ...process.env, PATH: `${process.env.PATH}:/usr/sbin:/sbin` },
      }).status !== 0,
  )
  if (missing.length === 0) return true
  const text = `${missing.join(', ')} not installed`
  if (process.env.CI) throw new Error(`${text}: .ci/run must install it`)
  console.warn(`SKIPPED: ${text}`)
  return false
}
