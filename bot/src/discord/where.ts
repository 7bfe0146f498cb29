/** Where the message of a card is. */
import { z } from 'zod'
import type { Where } from '../chat/courier.ts'

const Place = z.object({
  /** The channel, thread or direct conversation that it is in, or shall be. */
  channel: z.string().optional(),
  message: z.string().optional(),
  /** Of the interaction that asked for it: with it a message is changed that the bot itself may not see. */
  token: z.string().optional(),
  /** When the token is of no use any more, ISO 8601. */
  until: z.string().optional(),
  /** Only this person sees it. */
  only: z.string().optional(),
  /** It is in a direct conversation, because what one person alone saw could not be changed any more. */
  direct: z.boolean().optional(),
  /** They take no direct messages: the message says so. */
  closed: z.boolean().optional(),
  /** The message that it answers. */
  replyTo: z.string().optional(),
  /** The thread of its log. */
  thread: z.string().optional(),
  /** No thread can be made here: the log comes as a file at the end, if it may. */
  noThread: z.enum(['file', 'nothing']).optional(),
})
export type Spot = z.infer<typeof Place>

export const spotOf = (where: Where | undefined): Spot => Place.safeParse(where ?? {}).data ?? {}

/** Without what is undefined: it is kept as JSON. */
export const whereOf = (spot: Spot): Where =>
  Object.fromEntries(
    Object.entries(spot).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
  )
