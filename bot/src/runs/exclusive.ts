/** One process a state file. The operating system drops the lock with the process, also after `kill -9`. */
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { HomelabError } from '@homelab/core'
import { isBusy } from './database.ts'

// A collected handle closes itself and drops the lock without a word.
const held = new Set<DatabaseSync>()

/**
 * Holds `<file>.lock` until the returned function is called. `<file>.pid` tells a second process who the first is.
 * @throws HomelabError `conflict` when another process holds it
 */
export function holdAlone(file: string): () => void {
  const lock = new DatabaseSync(`${file}.lock`)
  try {
    lock.exec('PRAGMA locking_mode=EXCLUSIVE; BEGIN EXCLUSIVE')
  } catch (error) {
    lock.close()
    if (!isBusy(error)) throw error
    const pid = readPid(file)
    throw new HomelabError(
      'conflict',
      `Another homelab bot${pid === undefined ? '' : ` (process ${pid})`} is using ${file}.`,
      {
        hint: 'Stop it first, or give this one a state directory of its own.',
        data: { file, ...(pid === undefined ? {} : { pid }) },
      },
    )
  }
  held.add(lock)
  writePid(file)
  return () => {
    held.delete(lock)
    rmSync(`${file}.pid`, { force: true })
    lock.close()
  }
}

function writePid(file: string): void {
  try {
    writeFileSync(`${file}.pid`, `${process.pid}\n`)
  } catch {
    // Only a courtesy for a second process; a full disk must not keep the first from starting.
  }
}

function readPid(file: string): number | undefined {
  try {
    const pid = Number(readFileSync(`${file}.pid`, 'utf8'))
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}
