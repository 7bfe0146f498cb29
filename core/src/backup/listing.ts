/** What a snapshot holds, asked for on the machine of a plan: restic reads its lists, nothing of the files themselves. */
import { z } from 'zod'
import { HomelabError } from '../errors.ts'
import { resticError } from './restic/errors.ts'
import { type ResticOptions, runRestic } from './restic/restic.ts'

export const Entry = z.object({
  path: z.string(),
  type: z.string(),
  size: z.number().default(0),
  mtime: z.string().default(''),
  uid: z.number().default(0),
  gid: z.number().default(0),
  /** Go's: its lowest nine bits are the rights. */
  mode: z.number().default(0),
})
export type Entry = z.infer<typeof Entry>

/** Milliseconds. */
const timeoutMs = 1_800_000

/**
 * Hands on every file at or under a path, one by one: there may be millions.
 * @param path undefined: all
 * @param options.cache false: what a cache of ours may have wrong is read from the repository itself
 * @returns how many there are, and their bytes
 * @throws HomelabError as restic fails
 */
export async function listFiles(
  options: ResticOptions,
  snapshot: string,
  path: string | undefined,
  onFile: (entry: Entry) => void,
  signal?: AbortSignal,
  { cache = true }: { readonly cache?: boolean } = {},
): Promise<{ readonly files: number; readonly bytes: number }> {
  let [files, bytes] = [0, 0]
  const args = [...(cache ? [] : ['--no-cache']), 'ls', '--json', '--no-lock', '--recursive', snapshot]
  const { code, stderr } = await runRestic(options, path === undefined ? args : [...args, path], {
    timeoutMs,
    maxOutputBytes: 65_536,
    onLine(line, stream) {
      if (stream !== 'stdout' || !line.includes('"type":"file"')) return
      const entry = Entry.parse(JSON.parse(line))
      // Its own filter lets the folders on the way through as well.
      if (path !== undefined && entry.path !== path && !entry.path.startsWith(`${path}/`)) return
      files += 1
      bytes += entry.size
      onFile(entry)
    },
    signal,
  })
  if (code !== 0) throw resticError(code, stderr, options.name)
  return { files, bytes }
}

const Found = z.array(
  z.object({ snapshot: z.string(), matches: z.array(Entry).nullish(), hits: z.number().default(0) }),
)

/** Files whose names hold a text or match a pattern, by snapshot; capitals do not matter. */
export async function findFiles(
  options: ResticOptions,
  snapshots: readonly string[],
  text: string,
  signal?: AbortSignal,
): Promise<z.infer<typeof Found>> {
  const pattern = /[*?]/.test(text) ? text : `*${text.replaceAll(/[\\[\]]/g, '\\$&')}*`
  const chosen = snapshots.flatMap((id) => ['--snapshot', id])
  const { code, stdout, stderr, truncated } = await runRestic(
    options,
    ['find', '--json', '--no-lock', '--ignore-case', ...chosen, '--', pattern],
    { timeoutMs, maxOutputBytes: 16 * 1024 * 1024, signal },
  )
  if (truncated)
    throw new HomelabError('usage', `Too many files match "${text}".`, { hint: 'Type more of the name.' })
  if (code !== 0) throw resticError(code, stderr, options.name)
  const line = stdout.split('\n').find((each) => each.startsWith('['))
  return Found.parse(line === undefined ? [] : JSON.parse(line))
}
