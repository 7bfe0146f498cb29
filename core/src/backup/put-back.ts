/** What a job that was killed could not do any more: a container is started again, a maintenance mode ended. */
import { isHomelabError } from '../errors.ts'
import type { Verbs } from '../operation/types.ts'
import { commandText } from './job/errors.ts'
import type { Machine } from './plan.ts'

/** @param signal without: also after a cancel. @returns the commands that failed, for people */
export async function putBack(
  { shell }: Machine,
  commands: readonly (readonly string[])[],
  verbs: Pick<Verbs, 'log'>,
  signal?: AbortSignal,
): Promise<string[]> {
  const failed: string[] = []
  for (const argv of commands) {
    const name = commandText(argv)
    try {
      const { code, stderr } = await shell.exec(argv, {
        timeoutMs: 300_000,
        ...(signal === undefined ? {} : { signal }),
      })
      verbs.log(`${name}: ${code === 0 ? 'done' : `exit ${code} ${stderr.trim()}`}`)
      if (code !== 0) failed.push(`\`${name}\` (exit ${code})`)
    } catch (error) {
      // The others are run all the same; this one may have been, and is not sent again.
      signal?.throwIfAborted()
      if (!isHomelabError(error)) throw error
      verbs.log(`${name}: ${error.message}`)
      failed.push(`\`${name}\` (no answer)`)
    }
  }
  return failed
}
