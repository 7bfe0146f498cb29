/** The files of an answer, in a folder. */
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { type Card, HomelabError } from '@homelab/core'

export interface Save {
  readonly folder: string
  /** Files that are there and say something else are written over. */
  readonly over: boolean
}

/**
 * All of them or none.
 * @returns their paths
 * @throws HomelabError `usage` when there are none, `conflict` when one is there and says something else, `config` when
 * the folder cannot be written
 */
export async function saveFiles(
  files: NonNullable<Card['attachments']>,
  { folder, over }: Save,
): Promise<readonly string[]> {
  if (folder === '') throw new HomelabError('usage', '--save needs a folder.')
  if (files.length === 0)
    throw new HomelabError('usage', 'This answer has no files to save.', { hint: 'Leave --save out.' })
  // What a name says of folders is not followed.
  const all = files.map(({ name, text }) => ({ path: join(folder, basename(name)), text }))
  const there = await Promise.all(
    all.map(async ({ path, text }) => {
      const found = await readFile(path, 'utf8').catch(() => undefined)
      return found === undefined || found === text ? [] : [path]
    }),
  )
  if (!over && there.flat().length > 0)
    throw new HomelabError(
      'conflict',
      `These are there already, and are different: ${there.flat().join(', ')}.`,
      {
        hint: 'Save to another folder and compare, or add --yes to write over them.',
      },
    )
  try {
    await mkdir(folder, { recursive: true })
    for (const { path, text } of all) await writeFile(path, text)
  } catch (error) {
    throw new HomelabError(
      'config',
      `${folder} cannot be written: ${error instanceof Error ? error.message : String(error)}`,
      {
        cause: error,
      },
    )
  }
  return all.map(({ path }) => path)
}
