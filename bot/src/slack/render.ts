/** A card as a Slack message. Pure; every limit of the platform is held here, and what has no room becomes a file. */
import type { Button, Card, Section } from '@homelab/core'
import type { ActionsBlock, Button as ButtonElement, KnownBlock, PlainTextElement } from '@slack/types'
import { buttonId } from '../chat/buttons.ts'
import { progressView } from '../chat/progress.ts'
import type { Posted } from '../chat/types.ts'
import {
  maxButtons,
  maxFallback,
  maxHeader,
  maxLabel,
  maxMessageBytes,
  maxOptions,
  sizeOf,
} from './limits.ts'
import { plainCard } from './plain.ts'
import { type Made, note, paragraph, plain, renderSection, richText, signs } from './sections.ts'
import { clean, cut, cutToBytes, escapeMarkup, more, oneLine, shown } from './text.ts'

export interface SlackFile {
  readonly name: string
  readonly data: string | Buffer
  /** For who cannot see it. */
  readonly alt?: string
}

export interface SlackMessage {
  readonly blocks: readonly KnownBlock[]
  /** What notifications and screen readers say; Slack reads markup in it, so it is escaped. */
  readonly text: string
  readonly files: readonly SlackFile[]
}

/** `action_id` of a card's select menu; its options carry `index.proof`, which with the card's id make a button's id. */
export const choiceAction = 'choice.'

/** Bytes that buttons and choices may have, so that something is left for what they are about. */
const buttonBytes = 4_500
const choiceBytes = 2_500
/** Each is up to three blocks when it is a table, of which there is one; ten blocks are for the rest of the card. */
const mostSections = 36
const mostPings = 20
/** A section with less room than this says nothing. */
const leastSection = 260

export interface RenderOptions {
  readonly now: Date
  /** The card's picture; absent when it could not be drawn. */
  readonly png?: Uint8Array | undefined
}

export function renderSlack(posted: Posted, { now, png }: RenderOptions): SlackMessage {
  const { card } = posted
  const head = header(posted)
  const controls = [choices(posted), buttons(posted)]
  const progress = progressBlocks(card, now)
  const small = footer(posted)
  const fixed = [...pings(card), ...[head, progress, ...controls, small].flatMap(({ blocks }) => blocks)]
  const attached = attachments(card, png)
  // Room for the line that tells of the file.
  const body = sections(card, maxMessageBytes - sizeOf(fixed) - 200)
  const missing = [head, progress, ...controls, small, body].some((part) => part.cut)
  const whole: SlackFile = { name: fileName(card.title), data: missing ? plainCard(card) : '' }
  const blocks = [
    ...pings(card),
    ...head.blocks,
    ...body.blocks,
    ...progress.blocks,
    ...controls.flatMap((part) => part.blocks),
    ...(missing ? [richText(note(`All of it is in ${whole.name}.`))] : []),
    ...small.blocks,
  ]
  return {
    blocks,
    text: `${mentions(card)}${fallback(posted)}`,
    files: [...(missing ? [whole] : []), ...attached],
  }
}

/** Only those that the card names: ids of homelab.yaml. */
const usersIn = ({ mention = [] }: Card): readonly string[] =>
  mention.flatMap((id) => /^slack:([UW][A-Z0-9]{6,})$/.exec(id)?.[1] ?? []).slice(0, mostPings)

const mentions = (card: Card): string =>
  usersIn(card)
    .map((user) => `<@${user}> `)
    .join('')

const pings = (card: Card): readonly KnownBlock[] =>
  usersIn(card).length === 0
    ? []
    : [{ type: 'section', text: { type: 'mrkdwn', text: mentions(card).trim() } }]

const plainText = (text: string): PlainTextElement => ({ type: 'plain_text', text, emoji: false })

const titleOf = ({ card, state }: Posted): string => {
  const sign = state === 'asking' && card.tone === 'neutral' ? '❔' : signs[card.tone]
  return `${sign === '' ? '' : `${sign} `}${oneLine(shown(card.title))}`
}

function header(posted: Posted): Made {
  const title = titleOf(posted)
  return {
    blocks: [{ type: 'header', text: plainText(cut(title, maxHeader)) }],
    cut: title.length > maxHeader,
  }
}

/** Also the whole message, should Slack refuse the blocks after all. */
function fallback(posted: Posted): string {
  const text = posted.card.text === undefined ? '' : `\n${clean(posted.card.text.slice(0, maxFallback))}`
  return escapeMarkup(cut(`${titleOf(posted)}${text}`, maxFallback))
}

function progressBlocks({ progress }: Card, now: Date): Made {
  if (progress === undefined) return { blocks: [], cut: false }
  const view = progressView(progress, now)
  const whole = shown(view.text.slice(0, maxMessageBytes))
  const text = cutToBytes(whole, 900)
  const bar = view.bar === undefined ? [] : [plain(view.bar, { code: true }), plain(' ')]
  return { blocks: [richText(paragraph(...bar, plain(text)))], cut: text !== whole }
}

const isLong = (label: string): boolean => label.length > maxLabel

function choices({ id, card }: Posted): Made {
  const { prompt = '', options = [] } = card.choices ?? {}
  if (options.length === 0) return { blocks: [], cut: false }
  const before = card.buttons?.length ?? 0
  const all = options.slice(0, maxOptions).map(({ label, hint, action }, index) => ({
    text: plainText(cut(shown(oneLine(label)), maxLabel)),
    // The card's id is in the select's own: an option's value may be 75 characters long.
    value: buttonId('', before + index, action).slice(0, -1),
    ...(hint === undefined ? {} : { description: plainText(cut(shown(oneLine(hint)), maxLabel)) }),
  }))
  const roomy = sizeOf(all) <= choiceBytes
  const shownOptions = fitting(roomy ? all : all.map(({ text, value }) => ({ text, value })), choiceBytes)
  const gone = options.length - shownOptions.length
  const block: ActionsBlock = {
    type: 'actions',
    block_id: 'choices',
    elements: [
      {
        type: 'static_select',
        action_id: `${choiceAction}${id}`,
        placeholder: plainText(cut(shown(oneLine(prompt)), maxLabel)),
        options: shownOptions,
      },
    ],
  }
  return {
    blocks: [block, ...(gone === 0 ? [] : [richText(note(more(gone, 'to choose from')))])],
    cut:
      gone > 0 ||
      !roomy ||
      [prompt, ...options.flatMap(({ label, hint = '' }) => [label, hint])].some(isLong),
  }
}

function buttons({ id, card }: Posted): Made {
  const all = card.buttons ?? []
  if (all.length === 0) return { blocks: [], cut: false }
  const made = fitting(
    all.slice(0, maxButtons).map((button, index) => buttonElement(id, button, index)),
    buttonBytes,
  )
  const gone = all.length - made.length
  return {
    blocks: [
      { type: 'actions', block_id: 'buttons', elements: made },
      ...(gone === 0 ? [] : [richText(note(more(gone, gone === 1 ? 'button' : 'buttons')))]),
    ],
    cut: gone > 0 || all.some(({ label }) => isLong(label)),
  }
}

const buttonElement = (id: string, { label, style, action }: Button, index: number): ButtonElement => ({
  type: 'button',
  action_id: `${action.kind === 'link' ? 'link' : 'button'}.${index}`,
  text: plainText(cut(shown(oneLine(label)), maxLabel)),
  ...(action.kind === 'link' ? { url: action.url } : { value: buttonId(id, index, action) }),
  ...(style === undefined ? {} : { style }),
})

function fitting<T>(elements: readonly T[], bytes: number): T[] {
  const kept: T[] = []
  let used = 0
  for (const element of elements) {
    used += sizeOf(element) + 1
    if (used > bytes) break
    kept.push(element)
  }
  return kept
}

/** Who asked what: nobody else sees what was typed after a slash. */
function footer({ card, caller, command }: Posted): Made {
  const said = caller.id.startsWith('homelab:') ? '' : `${caller.name}: ${command}`
  const parts = [said, card.picture?.alt ?? '', card.footer ?? '']
    .map((text) => oneLine(clean(text)))
    .filter((text) => text !== '')
  const texts = parts.map((text) => cutToBytes(text, 400))
  const elements = texts.map(plainText)
  return {
    blocks: elements.length === 0 ? [] : [{ type: 'context', elements }],
    cut: texts.some((text, index) => text !== parts[index]),
  }
}

/** All sections whole if they fit; else the long ones share what the short ones leave. */
function sections(card: Card, bytes: number): Made {
  const all: readonly Section[] = [
    ...(card.text === undefined || card.text === '' ? [] : [{ kind: 'text' as const, text: card.text }]),
    ...(card.sections ?? []),
  ]
  const most = Math.min(mostSections, Math.max(1, Math.floor(bytes / leastSection)))
  const some = all.slice(0, most)
  const firstTable = some.findIndex(({ kind }) => kind === 'table')
  const make = (section: Section, index: number, room: number) =>
    renderSection(section, { bytes: room, table: index === firstTable })
  const whole = some.map((section, index) => make(section, index, bytes))
  const gone = all.length - some.length
  const share = fairShare(
    whole.map(({ blocks }) => sizeOf(blocks)),
    bytes - (gone === 0 ? 0 : 150),
  )
  const made = whole.map((part, index) => {
    const section = some[index]
    return section === undefined || sizeOf(part.blocks) <= share ? part : make(section, index, share)
  })
  return {
    blocks: [
      ...made.flatMap(({ blocks }) => blocks),
      ...(gone === 0 ? [] : [richText(note(more(gone, gone === 1 ? 'section' : 'sections')))]),
    ],
    cut: gone > 0 || made.some((part) => part.cut),
  }
}

/** The size up to which each may go so that all are within the total. */
function fairShare(sizes: readonly number[], total: number): number {
  let left = total
  const sorted = [...sizes].sort((a, b) => a - b)
  for (const [index, size] of sorted.entries()) {
    const share = Math.floor(left / (sorted.length - index))
    if (size > share) return share
    left -= size
  }
  return Number.MAX_SAFE_INTEGER
}

const fileName = (title: string): string => `${slug(title)}.txt`

const slug = (text: string): string =>
  cut(clean(text).replace(/[^\p{L}\p{N}]+/gu, '-'), 60).replace(/^-+|[-…]+$/g, '') || 'card'

function attachments(
  { attachments: files = [], picture }: Card,
  png: Uint8Array | undefined,
): readonly SlackFile[] {
  return [
    ...files.map(({ name, text }) => ({ name: safeName(name), data: text })),
    ...(picture === undefined ? [] : [pictureFile(picture, png)]),
  ]
}

/** Slack shows no SVG, but keeps it for who opens it. */
const pictureFile = ({ alt, svg }: NonNullable<Card['picture']>, png: Uint8Array | undefined): SlackFile =>
  png === undefined
    ? { name: `${slug(alt)}.svg`, data: svg }
    : { name: `${slug(alt)}.png`, data: Buffer.from(png), alt: cut(oneLine(clean(alt)), 1_000) }

const safeName = (name: string): string => cut(oneLine(clean(name)).replace(/[/\\]/g, '-'), 120) || 'file.txt'
