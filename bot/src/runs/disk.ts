import { dirname } from 'node:path'
import { errorData, HomelabError, isHomelabError } from '@homelab/core'
import { isBusy, isFull } from './database.ts'

/** @throws HomelabError `failed` that says what to do about a full disk or a locked state file */
export function explainDisk<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (isFull(error)) {
      throw new HomelabError('failed', `There is no space left to save the state of runs in ${file}.`, {
        hint: `Free space on ${dirname(file)}. Runs that are at work are held and go on by themselves then.`,
        cause: error,
      })
    }
    if (isBusy(error)) {
      throw new HomelabError('failed', `Another program has locked ${file}.`, {
        hint: 'Try again when it is done.',
        cause: error,
      })
    }
    throw error
  }
}

/** As `explainDisk`, for everything that can be wrong with the file itself. */
export function explainOpening<T>(file: string, work: () => T): T {
  try {
    return explainDisk(file, work)
  } catch (error) {
    if (isHomelabError(error)) throw error
    throw new HomelabError('failed', `The state file ${file} cannot be used: ${errorData(error).message}.`, {
      hint: 'Look at its owner and rights. If it is damaged, move it away: the history of runs is lost with it.',
      cause: error,
    })
  }
}
