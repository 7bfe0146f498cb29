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

export const completeBody = z.object({ line: z.string().max(maxCommandChars) })
