/** Slack's rules, from its documentation and not from the adapter's own constants. */
import { actionOf, readButtonId } from '../../../bot/src/chat/buttons.ts'
import type { Posted } from '../../../bot/src/chat/types.ts'
import { renderSlack } from '../../../bot/src/slack/render.ts'
import { type Checks, checks, type Driver, type Shown } from './driver.ts'

type Button = Shown['buttons'][number]

/** As it comes in JSON: the adapter's types are its own claim. */
interface Node {
  readonly type?: string
  readonly [key: string]: unknown
}

/** Stands for what is not text any more. */
const turned = '\u{1F533}'

const nodes = (value: unknown): readonly Node[] => (Array.isArray(value) ? (value as Node[]) : [])
const textOf = (value: unknown): string => (typeof value === 'string' ? value : '')

/** What is collected on the way through the blocks. */
interface Reading {
  readonly check: Checks
  readonly lines: string[]
  readonly pieces: string[]
  readonly pings: string[]
  readonly buttons: Button[]
  readonly posted: Posted
}

export const slackDriver: Driver = {
  name: 'slack',
  render(posted, now) {
    const message = renderSlack(posted, { now })
    const blocks = nodes(JSON.parse(JSON.stringify(message.blocks)))
    const check = checks()
    const reading: Reading = { check, lines: [], pieces: [], pings: [], buttons: [], posted }
    check.rule('a message has blocks', blocks.length > 0)
    check.most('blocks', blocks.length, 50)
    check.most('tables', blocks.filter(({ type }) => type === 'table').length, 1)
    // Undocumented (`msg_blocks_too_long`); whether Slack counts characters or bytes is not known.
    check.most('characters of all blocks', JSON.stringify(blocks).length, 13_200)
    check.text('text', message.text, 40_000)
    const ids = blocks.map(({ block_id }) => block_id).filter((id) => id !== undefined)
    check.unique('block_id', ids)
    for (const id of ids) check.text('block_id', id, 255)
    for (const block of blocks) readBlock(block, reading)
    // It is what a notification shows, and in it markup is read.
    reading.pieces.push(message.text)
    markup(message.text, reading)
    for (const { name } of message.files) check.text('file name', name, 255)
    return {
      violations: check.violations,
      text: reading.lines.join('\n'),
      buttons: reading.buttons,
      files: message.files.map(({ name, data }) => ({ name, text: data.toString() })),
      pings: reading.pings,
      pieces: reading.pieces,
    }
  },
}

function readBlock(block: Node, reading: Reading): void {
  const { check } = reading
  switch (block.type) {
    case 'header':
      return void object(block.text, 'header', 150, reading, 'plain_text')
    case 'section':
      if (block.text !== undefined) object(block.text, 'section text', 3_000, reading)
      check.most('section fields', nodes(block.fields).length, 10)
      for (const field of nodes(block.fields)) object(field, 'section field', 2_000, reading)
      return void check.rule(
        'a section says something',
        block.text !== undefined || nodes(block.fields).length > 0,
      )
    case 'context':
      check.most('context elements', nodes(block.elements).length, 10)
      check.rule('a context has elements', nodes(block.elements).length > 0)
      for (const element of nodes(block.elements)) object(element, 'context', 3_000, reading)
      return
    case 'rich_text':
      check.rule('a rich text has elements', nodes(block.elements).length > 0)
      return void reading.lines.push(
        nodes(block.elements)
          .map((part) => richText(part, reading))
          .join('\n'),
      )
    case 'table':
      return void table(block, reading)
    case 'actions':
      return void actions(block, reading)
    case 'divider':
      return
    default:
      return void check.rule(`no block ${String(block.type)}`, false)
  }
}

function object(value: unknown, what: string, limit: number, reading: Reading, only?: string): void {
  const { type, text, emoji } = (value ?? {}) as Node
  reading.check.text(what, text, limit)
  reading.check.rule(`${what} is text`, type === 'plain_text' || type === 'mrkdwn')
  if (only !== undefined) reading.check.rule(`${what} is ${only}`, type === only)
  reading.pieces.push(textOf(text))
  if (type === 'mrkdwn') reading.lines.push(markup(textOf(text), reading))
  else reading.lines.push(emojis(textOf(text), emoji !== false))
}

/** `:name:` in a plain text is an emoji unless it says otherwise. */
const emojis = (text: string, on: boolean): string => (on ? text.replace(/:[a-z0-9_+'-]+:/g, turned) : text)

/** mrkdwn as Slack's client shows it. */
function markup(source: string, { pings }: Reading): string {
  const text = source.replace(/<([^<>]*)>/g, (_, inside: string) => {
    const [target = '', label] = inside.split('|')
    if (/^(@|!(channel|here|everyone|subteam))/.test(target)) pings.push(`<${inside}>`)
    return /^[@#!]/.test(target) ? turned : (label ?? target)
  })
  return emojis(text, true)
    .replace(/```([\s\S]+?)```|`([^`\n]+)`/g, '$1$2')
    .replace(/(?<![\w*])\*(\S|\S[^\n]*?\S)\*(?![\w*])/g, '$1')
    .replace(/(?<![\w_])_(\S|\S[^\n]*?\S)_(?![\w_])/g, '$1')
    .replace(/(?<![\w~])~(\S|\S[^\n]*?\S)~(?![\w~])/g, '$1')
    .replace(/^&gt; ?/gm, '')
    .replace(/&lt;/g, '<')
    .replace(/&gt;/g, '>')
    .replace(/&amp;/g, '&')
}

function richText(node: Node, reading: Reading): string {
  const { check, pieces, pings } = reading
  const inside = () => nodes(node.elements).map((element) => richText(element, reading))
  switch (node.type) {
    case 'rich_text_section':
    case 'rich_text_preformatted':
    case 'rich_text_quote':
      check.rule(`${node.type} has elements`, nodes(node.elements).length > 0)
      return inside().join('')
    case 'rich_text_list':
      check.rule('a list has elements', nodes(node.elements).length > 0)
      return inside()
        .map((line) => `• ${line}`)
        .join('\n')
    case 'text':
      check.rule('rich text is not empty', textOf(node.text) !== '')
      pieces.push(textOf(node.text))
      return textOf(node.text)
    case 'link':
      return textOf(node.text) || textOf(node.url)
    case 'user':
    case 'usergroup':
    case 'broadcast':
      pings.push(JSON.stringify(node))
      return turned
    default:
      check.rule(`no element ${String(node.type)}`, false)
      return ''
  }
}

function table(block: Node, reading: Reading): void {
  const { check, lines, pieces } = reading
  const rows = nodes(block.rows) as unknown as readonly (readonly Node[])[]
  check.most('table rows', rows.length, 100)
  check.rule('a table has rows', rows.length > 0)
  check.most('column settings', nodes(block.column_settings).length, 20)
  for (const row of rows) {
    check.most('table columns', row.length, 20)
    check.rule('rows are of one length', row.length === rows[0]?.length)
    const cells = row.map((cell) => {
      if (cell.type !== 'raw_text')
        return nodes(cell.elements)
          .map((part) => richText(part, reading))
          .join('')
      check.text('cell', cell.text, 3_000)
      pieces.push(textOf(cell.text))
      return textOf(cell.text)
    })
    lines.push(cells.join('\t'))
  }
}

function actions(block: Node, reading: Reading): void {
  const { check, buttons, posted } = reading
  const elements = nodes(block.elements)
  check.rule('actions have elements', elements.length > 0)
  check.most('actions', elements.length, 25)
  check.unique(
    'action_id',
    elements.map(({ action_id }) => action_id),
  )
  for (const element of elements) {
    const name = textOf(element.action_id)
    check.text('action_id', name, 255)
    if (element.type === 'button') {
      check.text('button value', element.value, 2_000)
      check.rule('button style', [undefined, 'primary', 'danger'].includes(element.style as string))
      buttons.push({
        ...label(element.text, 'button', 75, reading),
        ...pressed(textOf(element.value), posted),
      })
      continue
    }
    check.rule(`no element ${String(element.type)}`, element.type === 'static_select')
    const options = nodes(element.options)
    check.most('options', options.length, 100)
    check.rule('a menu has options', options.length > 0)
    if (element.placeholder !== undefined)
      object(element.placeholder, 'placeholder', 150, reading, 'plain_text')
    check.unique(
      'option value',
      options.map(({ value }) => value),
    )
    for (const option of options) {
      check.text('option value', option.value, 75)
      const hint =
        option.description === undefined
          ? {}
          : { hint: label(option.description, 'option description', 75, reading).label }
      const id = `${textOf(option.value)}.${name.replace(/^choice\./, '')}`
      buttons.push({ ...label(option.text, 'option', 75, reading), ...hint, ...pressed(id, posted) })
    }
  }
}

function label(value: unknown, what: string, limit: number, { check, pieces }: Reading): { label: string } {
  const { type, text, emoji } = (value ?? {}) as Node
  check.text(what, text, limit)
  check.rule(`${what} is plain text`, type === 'plain_text')
  pieces.push(textOf(text))
  return { label: emojis(textOf(text), emoji !== false) }
}

function pressed(id: string, posted: Posted): Pick<Button, 'action'> {
  const read = readButtonId(id)
  const action = read === undefined || read.cardId !== posted.id ? undefined : actionOf(posted.card, read)
  return action === undefined ? {} : { action }
}
