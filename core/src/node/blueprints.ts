/** The blueprints that come along, and those of the lab's own folder, which go before them. */
import { readdir, readFile } from 'node:fs/promises'
import { basename, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { HomelabError } from '../errors.ts'
import type { Blueprints, NamedBlueprint } from '../provision/blueprint.ts'
import { parseBlueprint } from '../provision/blueprint-file.ts'

const builtIn = fileURLToPath(new URL('../../blueprints', import.meta.url))

/**
 * Read anew each time: a file that is edited counts at once.
 * @param own the lab's own folder, when there is one
 */
export function createBlueprints(own: () => string | undefined): Blueprints {
  let names: readonly string[] = []
  const list = async (): Promise<readonly NamedBlueprint[]> => {
    const mine = own()
    const [ours, theirs] = await Promise.all([
      folder(builtIn, false),
      mine === undefined ? [] : folder(mine, true),
    ])
    const all = new Map([...ours, ...theirs].map((each) => [each.name, each]))
    const sorted = [...all.values()].toSorted((a, b) => a.name.localeCompare(b.name))
    names = sorted.map(({ name }) => name)
    return sorted
  }
  // For completion; whoever asks for one is told what is wrong.
  void list().catch(() => undefined)
  return { list, names: () => names }
}

async function folder(path: string, own: boolean): Promise<readonly NamedBlueprint[]> {
  const files = await readdir(path).catch((error: unknown) => {
    throw new HomelabError('config', `The folder of blueprints ${path} cannot be read.`, {
      hint: 'Look at `blueprints` in homelab.yaml.',
      cause: error,
    })
  })
  const wanted = files.filter((file) => ['.yaml', '.yml'].includes(extname(file)))
  return await Promise.all(
    wanted.map(async (file) => ({
      name: basename(file, extname(file)),
      blueprint: parseBlueprint(await readFile(join(path, file), 'utf8'), `blueprints/${file}`),
      own,
    })),
  )
}
