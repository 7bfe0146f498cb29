/** Text as Slack reads it: control sequences in `<…>`, and everything else as text. */
import type { Json } from './json.ts'
import { isObject, objects, string } from './json.ts'
import type { Channel, Workspace } from './workspace.ts'

const SEQUENCE = /<([^<>\n]*)>/g
const URL_LIKE = /^(https?|mailto|tel|ftp|slack):/i
const BROADCASTS = ['here', 'channel', 'everyone']

const escapeText = (text: string): string =>
  text
    .replace(/&(?!(amp|lt|gt);)/g, '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')

/** As a person's own typing is escaped before anybody sees it. */
export const escapeTyped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')

const unescapeText = (text: string): string =>
  text.replaceAll('&lt;', '<').replaceAll('&gt;', '>').replaceAll('&amp;', '&')

/** What the inside of `<…>` notifies: a user id, `here`, `subteam:ID`; undefined when it is nobody. */
function mentionOf(inner: string, workspace: Workspace): string | undefined {
  const body = inner.split('|')[0] ?? ''
  if (body.startsWith('@')) return workspace.users.has(body.slice(1)) ? body.slice(1) : undefined
  if (body.startsWith('!subteam^')) {
    const id = body.slice('!subteam^'.length)
    return workspace.groups.has(id) ? `subteam:${id}` : undefined
  }
  return body.startsWith('!') && BROADCASTS.includes(body.slice(1)) ? body.slice(1) : undefined
}

function known(inner: string, workspace: Workspace): boolean {
  if (URL_LIKE.test(inner) || inner.startsWith('!date^')) return true
  if (inner.startsWith('#')) return workspace.channels.has(inner.slice(1).split('|')[0] ?? '')
  return mentionOf(inner, workspace) !== undefined
}

/** The text as it is stored: what is no control sequence is escaped. */
export function normalize(text: string, workspace: Workspace): string {
  let result = ''
  let end = 0
  for (const match of text.matchAll(SEQUENCE)) {
    result += escapeText(text.slice(end, match.index))
    const inner = match[1] ?? ''
    result += known(inner, workspace) ? match[0] : escapeText(match[0])
    end = match.index + match[0].length
  }
  return result + escapeText(text.slice(end))
}

/** Everybody whom this mrkdwn names. With `auto`, `@here` and `@name` count too, as `link_names` makes them. */
export function mentionsIn(text: string, workspace: Workspace, auto = false): string[] {
  const found = [...text.matchAll(SEQUENCE)].flatMap((match) => mentionOf(match[1] ?? '', workspace) ?? [])
  if (!auto) return found
  const named = [...text.replace(SEQUENCE, ' ').matchAll(/(?<![\w@])@([\w.-]+)/g)].flatMap(([, name = '']) =>
    BROADCASTS.includes(name) ? [name] : (workspace.findUser(name)?.id ?? []),
  )
  return [...found, ...named]
}

/** Mentions in blocks. plain_text notifies nobody; mrkdwn without `verbatim` also has its `@here` parsed. */
export function mentionsInBlocks(value: unknown, workspace: Workspace): string[] {
  if (Array.isArray(value)) return value.flatMap((item) => mentionsInBlocks(item, workspace))
  if (!isObject(value)) return []
  const text = string(value.text)
  if (value.type === 'mrkdwn' && text !== undefined) {
    const broadcasts = mentionsIn(text, workspace, value.verbatim !== true).filter(
      (who) => BROADCASTS.includes(who) || who.startsWith('subteam:'),
    )
    return [...new Set([...mentionsIn(text, workspace), ...broadcasts])]
  }
  if (value.type === 'markdown' && text !== undefined) return mentionsIn(text, workspace)
  if (value.type === 'user') return [String(value.user_id)]
  if (value.type === 'usergroup') return [`subteam:${String(value.usergroup_id)}`]
  if (value.type === 'broadcast') return [String(value.range)]
  return Object.values(value).flatMap((item) => mentionsInBlocks(item, workspace))
}

/** Of those named in a channel, who is notified: a user who is not in it is not. */
export const notified = (mentions: readonly string[], channel: Channel): string[] => [
  ...new Set(mentions.filter((who) => !/^[UW]0/.test(who) || channel.members.has(who))),
]

/** mrkdwn as a person reads it. */
export function readable(text: string, workspace: Workspace): string {
  const shown = text.replace(SEQUENCE, (_, inner: string) => {
    const [body = '', label] = inner.split('|')
    if (body.startsWith('@')) return `@${workspace.users.get(body.slice(1))?.name ?? body.slice(1)}`
    if (body.startsWith('#')) return `#${workspace.channels.get(body.slice(1))?.name ?? body.slice(1)}`
    if (body.startsWith('!subteam^'))
      return `@${workspace.groups.get(body.slice(9))?.handle ?? body.slice(9)}`
    if (body.startsWith('!date^')) return label ?? body
    return body.startsWith('!') ? `@${body.slice(1)}` : (label ?? body)
  })
  return unescapeText(shown)
}

function readableObject(value: unknown, workspace: Workspace): string {
  if (!isObject(value)) return ''
  const text = string(value.text) ?? ''
  return value.type === 'mrkdwn' || value.type === 'markdown' ? readable(text, workspace) : text
}

function readableRichText(value: Json, workspace: Workspace): string {
  switch (value.type) {
    case 'text':
    case 'link':
      return string(value.text) ?? string(value.url) ?? ''
    case 'user':
      return `@${workspace.users.get(String(value.user_id))?.name ?? String(value.user_id)}`
    case 'usergroup':
      return `@${workspace.groups.get(String(value.usergroup_id))?.handle ?? String(value.usergroup_id)}`
    case 'broadcast':
      return `@${String(value.range)}`
    case 'channel':
      return `#${workspace.channels.get(String(value.channel_id))?.name ?? String(value.channel_id)}`
    case 'emoji':
      return `:${String(value.name)}:`
    default: {
      const parts = objects(value.elements).map((part) => readableRichText(part, workspace))
      return parts.join(value.type === 'rich_text' || value.type === 'rich_text_list' ? '\n' : '')
    }
  }
}

function readableElement(element: Json, workspace: Workspace): string {
  if (element.type === 'image') return string(element.alt_text) ?? ''
  if (element.type === 'mrkdwn' || element.type === 'plain_text') return readableObject(element, workspace)
  const label = element.type === 'button' ? element.text : element.placeholder
  const options = objects(element.options).map((option) => readableObject(option.text, workspace))
  return `[${[readableObject(label, workspace), ...options].filter((part) => part !== '').join(' | ')}]`
}

function readableCell(cell: Json, workspace: Workspace): string {
  return cell.type === 'rich_text' ? readableRichText(cell, workspace) : (string(cell.text) ?? '')
}

/** Blocks as a person reads them, a line for each part. */
export function readableBlocks(blocks: readonly Json[], workspace: Workspace): string {
  const lines = blocks.flatMap((block) => {
    switch (block.type) {
      case 'divider':
        return ['---']
      case 'markdown':
        return [readableObject(block, workspace)]
      case 'image':
        return [readableObject(block.title, workspace), string(block.alt_text) ?? '']
      case 'rich_text':
        return [readableRichText(block, workspace)]
      case 'table':
        return (Array.isArray(block.rows) ? block.rows : []).map((row) =>
          objects(row)
            .map((cell) => readableCell(cell, workspace))
            .join(' | '),
        )
      default:
        return [
          readableObject(block.text, workspace),
          readableObject(block.label, workspace),
          ...objects(block.fields).map((field) => readableObject(field, workspace)),
          ...[...objects(block.elements), ...objects([block.accessory, block.element])].map((element) =>
            readableElement(element, workspace),
          ),
          readableObject(block.hint, workspace),
        ]
    }
  })
  return lines.filter((line) => line !== '').join('\n')
}
