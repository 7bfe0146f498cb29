import { HomelabError } from '../../errors.ts'
import type { RunHistory, RunView } from '../../operation/services.ts'

/** Looks among this many of the newest runs when only the first letters of an id are given. */
const RECENT = 500

/** @throws HomelabError `not-found`, or `ambiguous` when several ids begin so */
export async function findRun(runs: RunHistory, id: string): Promise<RunView> {
  const exact = await runs.get(id)
  if (exact !== undefined) return exact
  const similar = (await runs.list({ limit: RECENT })).filter((run) => run.id.startsWith(id))
  const [only] = similar
  if (only !== undefined && similar.length === 1) return only
  if (similar.length > 1) {
    throw new HomelabError('ambiguous', `${similar.length} runs begin with "${id}".`, {
      hint: `Type more of it: ${similar
        .slice(0, 3)
        .map((run) => run.id)
        .join(', ')}.`,
    })
  }
  throw new HomelabError('not-found', `No run "${id.slice(0, 60)}".`, {
    hint: '`run list` shows the latest.',
  })
}
