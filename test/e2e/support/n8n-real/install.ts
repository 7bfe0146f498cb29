/** n8n itself and our package in it, each installed as a user does: with npm. */
import { copyFileSync, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installTarball, packed } from '../n8n/harness.ts'
import { installIsolated } from '../n8n/isolated.ts'

const here = dirname(fileURLToPath(import.meta.url))
/** Kept between runs: it takes minutes. Not beside the lockfile, where every tool that walks the tree would find it. */
const folder = fileURLToPath(new URL('../../../../.runtime/n8n/', import.meta.url))

export interface Installed {
  /** The arguments of every n8n command begin with it. */
  readonly bin: string
  /** Of n8n's own packages. */
  readonly modules: string
}

/** Its native parts are not built: PostgreSQL is the database, and SQLite's is the only one that n8n would miss. */
export function installN8n(): Installed {
  mkdirSync(folder, { recursive: true })
  for (const name of ['package.json', 'package-lock.json']) copyFileSync(join(here, name), join(folder, name))
  installIsolated(folder)
  const modules = join(folder, 'node_modules')
  return { bin: join(modules, 'n8n', 'bin', 'n8n'), modules }
}

/**
 * Installs the package's tarball where n8n looks for community nodes.
 * @param userFolder n8n's N8N_USER_FOLDER
 */
export function installNodes(userFolder: string): void {
  const nodes = join(userFolder, '.n8n', 'nodes')
  mkdirSync(nodes, { recursive: true })
  installTarball(nodes, packed())
}
