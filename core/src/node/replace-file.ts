/** A file replaced as a whole: whoever reads it has the old text or the new one, also after a power cut. */
import { randomBytes } from 'node:crypto'
import { type FileHandle, open, realpath, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { HomelabError, isHomelabError } from '../errors.ts'

/**
 * Mode and owner stay, and so does a link to it. One that is not there yet is made, for its owner to write.
 * @param before called when all is ready; what it throws leaves the file as it is
 * @throws HomelabError `config` when it cannot be written, and what `before` throws
 */
export async function replaceFile(path: string, text: string, before: () => Promise<void>): Promise<void> {
  const real = await realpath(path).catch(() => path)
  const next = join(dirname(real), `.${basename(real)}.${randomBytes(6).toString('hex')}`)
  let isThere = false
  try {
    const now = await stat(real).catch(() => undefined)
    const file = await open(next, 'wx', 0o600)
    isThere = true
    try {
      await file.writeFile(text)
      await file.chmod((now?.mode ?? 0o644) & 0o7777)
      if (now !== undefined) await own(file, now)
      await file.sync()
    } finally {
      await file.close()
    }
    await before()
    await rename(next, real)
    isThere = false
    await syncFolder(dirname(real))
  } catch (error) {
    if (isThere) await unlink(next).catch(() => undefined)
    if (isHomelabError(error)) throw error
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error)
    throw new HomelabError('config', `${path} cannot be written (${code}).`, {
      hint: hints[code] ?? hints.other,
      cause: error,
    })
  }
}

const hints: Readonly<Record<string, string>> & { readonly other: string } = {
  EPERM: 'It belongs to somebody else: give it, and its folder, to whoever runs this.',
  EBUSY: 'It is mounted by itself, so it cannot be replaced: mount its folder instead.',
  EROFS: 'Its file system can only be read here.',
  ENOSPC: 'There is no room left.',
  other: 'Whoever runs this must be allowed to write in its folder.',
}

async function own(
  file: FileHandle,
  { uid, gid }: { readonly uid: number; readonly gid: number },
): Promise<void> {
  const made = await file.stat()
  if (made.uid !== uid || made.gid !== gid) await file.chown(uid, gid)
}

/** The name is as lasting as the text only when its folder is written, too. Not every file system lets one. */
async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r').catch(() => undefined)
  await folder?.sync().catch(() => undefined)
  await folder?.close()
}
