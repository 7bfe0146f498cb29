/** What Slack takes. A message over any of these is refused whole, so nothing here is a wish. */

/** Characters of the JSON of all blocks together. Slack refuses at about 13,200 (`msg_blocks_too_long`), undocumented. */
export const maxMessageBytes = 11_800
export const maxBlocks = 50
export const maxHeader = 150
export const maxSectionText = 3_000
export const maxButtons = 25
export const maxLabel = 75
export const maxOptions = 100
export const maxTableRows = 100
export const maxTableColumns = 20
/** Of the text that notifications show. Slack takes 40,000; a phone shows two lines. */
export const maxFallback = 1_000
export const maxViewTitle = 24

/** Bytes, not characters: Slack does not say which it counts, and this is never less. */
export const sizeOf = (value: unknown): number => Buffer.byteLength(JSON.stringify(value))
