/** Where a card's message is, as it is kept between two starts. */
import type { Where } from '../chat/courier.ts'

export interface Spot {
  readonly channel: string
  /** Of the message, which is its id in the channel. */
  readonly ts: string
  /** The thread that it is in itself. */
  readonly thread?: string
  /** The channel in which it was asked, where the bot may not write. */
  readonly instead?: string
  /** Marks of the files that are beside it already. */
  readonly files: readonly string[]
}

/** Undefined when there is no message yet. */
export function spotIn(where: Where | undefined): Spot | undefined {
  const { channel, ts, thread, instead, files } = where ?? {}
  if (typeof channel !== 'string' || typeof ts !== 'string') return undefined
  return {
    channel,
    ts,
    ...(typeof thread === 'string' ? { thread } : {}),
    ...(typeof instead === 'string' ? { instead } : {}),
    files: Array.isArray(files) ? files.filter((file): file is string => typeof file === 'string') : [],
  }
}

export const whereOf = ({ channel, ts, thread, instead, files }: Spot): Where => ({
  message: `${channel}/${ts}`,
  channel,
  ts,
  ...(thread === undefined ? {} : { thread }),
  ...(instead === undefined ? {} : { instead }),
  files: [...files],
})

/** The thread of what is said beside a card: its own, or the one that it is in. */
export const beside = (spot: Spot): string => spot.thread ?? spot.ts
