/** The bodies of the API. */
import { z } from 'zod'

/** As long as the grammar allows; what is longer is garbage and not worth keeping. */
export const maxCommandChars = 4_000

const key = z.string().regex(/^[\w:.-]{8,120}$/, 'must be 8 to 120 letters, digits or - _ . :')

export const commandText = z
  .string()
  .max(
    maxCommandChars,
    `is too long: a command has at most ${maxCommandChars.toLocaleString('en')} characters`,
  )

export const submitBody = z.object({
  text: commandText,
  /** The same key again is the same command. Made here when it is missing. */
  key: key.optional(),
  confirmed: z.boolean().optional(),
})

export const buttonAction = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('command'), text: commandText }),
  z.object({ kind: z.enum(['confirm', 'decline']), id: z.string().min(1).max(200) }),
])

export const pressBody = z.object({ action: buttonAction, key: key.optional() })

export const completeBody = z.object({
  line: z.string().max(maxCommandChars),
  /** More than a person looks through, for the lists of other programs. */
  limit: z.int().min(1).max(1_000).optional(),
})

/** Of `GET /api/cards/:id/picture`. */
export const pictureQuery = z.object({ theme: z.enum(['light', 'dark']).default('light') })

/** How `GET /api/cards/:id` may be answered later. */
export const waitQuery = z.object({
  /** Seconds, below what proxies give an answer. */
  wait: z.coerce.number().min(0).max(25).default(0),
  /** `started`: until its run has begun, or until there is nothing more to wait for. */
  until: z.enum(['started', 'done']).default('done'),
})
