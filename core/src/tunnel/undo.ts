/** Going back while Cloudflare takes no calls: it blocks a token that called too often for five minutes, and that ends. */
import { HomelabError, isHomelabError } from '../errors.ts'
import type { Verbs } from '../operation/types.ts'
import type { Clock } from '../ports.ts'

/** Of a block, in ms; the clocks of both may differ by some. */
const LONGEST_MS = 300_000
const SLACK_MS = 5_000
/** Between two looks whether it has ended, at least. */
const SHORTEST_MS = 50

/** When the block ends that this error speaks of; undefined: it speaks of none. */
export function blockedUntil(error: unknown): Date | undefined {
  if (!isHomelabError(error) || typeof error.data?.until !== 'string') return undefined
  const until = new Date(error.data.until)
  return error.code === 'failed' && !Number.isNaN(until.getTime()) ? until : undefined
}

/** Does it again when the block has ended. Whatever else goes wrong is its end. */
export async function pastBlock(
  work: () => Promise<void>,
  clock: Pick<Clock, 'now' | 'sleep'>,
  log: (line: string) => void,
): Promise<void> {
  for (let waited = 0; ; ) {
    try {
      await work()
      return
    } catch (error) {
      const until = blockedUntil(error)
      if (until === undefined) throw error
      const wait = Math.max(SHORTEST_MS, until.getTime() - clock.now().getTime())
      if (waited + wait > LONGEST_MS + SLACK_MS) throw error
      if (waited === 0) log(`waits until ${timeOf(until)}: ${(error as HomelabError).message}`)
      await clock.sleep(wait)
      waited += wait
    }
  }
}

const timeOf = (until: Date): string => `${until.toISOString().slice(11, 19)} UTC`

/** The same verbs; what they undo waits for the end of a block. Whoever did them twice does no harm: each looks first. */
export const patient = (verbs: Verbs, clock: Pick<Clock, 'now' | 'sleep'>): Verbs => ({
  ...verbs,
  undo: (name, revert) =>
    verbs.undo(name, () => pastBlock(revert, clock, (line) => verbs.log(`undoing ${name} ${line}`))),
})

/** A run that the block ended is said to be taken back later, and where it is to be seen if that does not come about. */
export async function sayingWhen<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    const until = blockedUntil(error)
    if (until === undefined || !isHomelabError(error)) throw error
    throw new HomelabError(error.code, error.message, {
      hint: `What was done until then is taken back when the block ends, at ${timeOf(until)}. What could not be is named in the log of the run, and \`tunnel drift\` shows it.`,
      ...(error.data === undefined ? {} : { data: error.data }),
      cause: error,
    })
  }
}
