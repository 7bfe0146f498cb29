import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const packages = ['discord.js@14', '@slack/bolt@5'] as const
const INSTALL_MS = 40_000

/** The folder where both are installed, outside of the project's own dependencies; undefined when that did not work. */
export function installChatClients(): string | undefined {
  const folder = fileURLToPath(new URL('../../../.cache/bench-chat-clients', import.meta.url))
  const installed = () =>
    ['discord.js', '@slack/bolt'].every((name) => existsSync(join(folder, 'node_modules', name)))
  if (installed()) return folder
  mkdirSync(folder, { recursive: true })
  process.stderr.write('bench: installing discord.js and @slack/bolt to compare with (once)\n')
  const flags = [
    '--no-save',
    '--no-package-lock',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
    '--fetch-retries=1',
  ]
  spawnSync('npm', ['install', '--prefix', folder, ...flags, ...packages], {
    cwd: folder,
    stdio: 'ignore',
    timeout: INSTALL_MS,
  })
  return installed() ? folder : undefined
}
