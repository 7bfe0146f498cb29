/** A card as a message of Discord: one embed that says what happened, and rows of buttons for what is next. */
import type { Card, Tone } from '@homelab/core'
import type { APIAllowedMentions, APIEmbed } from 'discord.js'
import type { Posted } from '../chat/types.ts'
import { componentsOf, type Row } from './components.ts'
import { type DiscordFile, filesOf, fitted, pictureFile, wholeFile, wholeOf } from './files.ts'
import { limits } from './limits.ts'
import { type Block, type Part, progressPart, sectionPart, textPart } from './sections.ts'
import { count, cutEscaped, literalLabel, oneLine, shorten } from './text.ts'

export interface DiscordMessage {
  readonly content?: string
  readonly embeds: readonly APIEmbed[]
  readonly components: readonly Row[]
  readonly files: readonly DiscordFile[]
  readonly allowed_mentions: APIAllowedMentions
  readonly flags?: number
}

const colours: Record<Tone, number> = {
  neutral: 0x80848e,
  busy: 0x3b82f6,
  ok: 0x23a55a,
  warning: 0xf0b232,
  error: 0xda373c,
}
/** A colour alone says nothing to many people, and nothing in a notification. */
const marks: Record<Tone, string> = { neutral: '', busy: '⏳ ', ok: '✅ ', warning: '⚠️ ', error: '❌ ' }

/** Small print is small. */
const footerRoom = 300
/** A part with less room than this is left to the file. */
const leastRoom = 80

const mostPings = 20

/** Nobody is pinged, whatever a text says. */
export const noPings: APIAllowedMentions = { parse: [], replied_user: false }

export interface RenderOptions {
  readonly now: Date
  /** The card's picture; absent when it could not be drawn. */
  readonly png?: Uint8Array | undefined
}

export function renderDiscord(posted: Posted, { now, png }: RenderOptions): DiscordMessage {
  const { card } = posted
  const title = titleOf(posted)
  const footer = oneLine(card.footer ?? '')
  const { rows, left } = componentsOf(posted)
  const notes = left > 0 ? [`… ${count(left)} more to choose from`] : []
  if (card.picture !== undefined && png === undefined)
    notes.push(`picture\\.svg: ${literalLabel(shorten(oneLine(card.picture.alt), 200))}`)
  const body = bodyOf(partsOf(posted, now), notes)
  const cut = body.cut || title.cut || footer.length > footerRoom || left > 0
  const fullNotes = cut ? [...notes, `The whole is in ${wholeFile}`] : notes
  const small = fullNotes.map((note) => `-# ${note}`).join('\n')
  const description = [body.text, small].filter((text) => text.trim() !== '').join('\n')
  const embed: APIEmbed = {
    color: colours[card.tone],
    title: title.text,
    ...(description === '' ? {} : { description }),
    ...(card.picture === undefined || png === undefined
      ? {}
      : { image: { url: `attachment://${pictureFile}` } }),
    ...(footer === '' ? {} : { footer: { text: shorten(footer, footerRoom) } }),
  }
  return {
    ...pingsOf(card),
    embeds: [embed],
    components: rows,
    files: fitted([...(cut ? [wholeOf(card)] : []), ...filesOf(card, png)]),
  }
}

/** Only those that the card names: ids of homelab.yaml. */
function pingsOf({ mention = [] }: Card): Pick<DiscordMessage, 'content' | 'allowed_mentions'> {
  const users = mention.flatMap((id) => /^discord:(\d{17,20})$/.exec(id)?.[1] ?? []).slice(0, mostPings)
  if (users.length === 0) return { allowed_mentions: noPings }
  return {
    content: users.map((user) => `<@${user}>`).join(' '),
    allowed_mentions: { parse: [], users, replied_user: false },
  }
}

/** When Discord does not take the card as it is: its title, and all of it in a file. */
export function renderPlain({ card }: { readonly card: Card }): DiscordMessage {
  return {
    content: cutEscaped(literalLabel(shorten(oneLine(card.title), 300)), 600) || '…',
    embeds: [],
    components: [],
    files: fitted([wholeOf(card)]),
    allowed_mentions: noPings,
  }
}

function titleOf({ card, command }: Posted): Block {
  const mark = marks[card.tone]
  const text = oneLine(card.title) || oneLine(command) || '…'
  const escaped = literalLabel(text)
  const room = limits.title - mark.length
  if (escaped.length <= room) return { text: mark + escaped, cut: false }
  return { text: `${mark}${cutEscaped(escaped, room - 1).trimEnd()}…`, cut: true }
}

function partsOf({ card, state }: Posted, now: Date): readonly Part[] {
  const parts: Part[] = []
  if (card.text !== undefined) parts.push(textPart(card.text))
  if (card.progress !== undefined && state !== 'done') parts.push(progressPart(card.progress, now))
  return [...parts, ...(card.sections ?? []).map(sectionPart)]
}

/** Small parts are whole; what is left of the room the large ones share. */
function bodyOf(parts: readonly Part[], notes: readonly string[]): Block {
  const reserved =
    notes.reduce((sum, note) => sum + note.length + 4, 0) + `-# The whole is in ${wholeFile}\n`.length
  const room = limits.description - reserved
  const most = Math.floor(room / (leastRoom + 1))
  const shown = parts.slice(0, most)
  const missing = parts.length - shown.length
  const blocks = share(shown, room - (missing > 0 ? 20 : 0))
  const texts = blocks.map(({ text }) => text).filter((text) => text !== '')
  if (missing > 0) texts.push(`… ${count(missing)} more`)
  return { text: texts.join('\n'), cut: missing > 0 || blocks.some(({ cut }) => cut) }
}

function share(parts: readonly Part[], room: number): readonly Block[] {
  const natural = parts.map((part) => part(room))
  const sizes = natural.map(({ text }) => text.length + 1)
  let left = room
  let waiting = sizes.map((_, index) => index)
  let each = Math.floor(left / Math.max(1, waiting.length))
  for (;;) {
    const small = waiting.filter((index) => (sizes[index] ?? 0) <= each)
    if (small.length === 0) break
    for (const index of small) left -= sizes[index] ?? 0
    waiting = waiting.filter((index) => (sizes[index] ?? 0) > each)
    each = Math.floor(left / Math.max(1, waiting.length))
  }
  return natural.map((block, index) =>
    waiting.includes(index) ? (parts[index]?.(each - 1) ?? block) : block,
  )
}
