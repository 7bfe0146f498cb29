/** Blocks: every limit of Slack's reference, and those that only its refusals tell. */
import type { Json } from '../json.ts'
import { isObject } from '../json.ts'
import type { Checker } from './checker.ts'
import { checkActionIds, checkElement, IN_ACTIONS, IN_INPUT, IN_SECTION } from './elements.ts'
import { checkRichText } from './rich-text.ts'

export type Surface = 'message' | 'modal' | 'home'

type Check = (checker: Checker, block: Json, path: string) => void

interface Block {
  readonly keys: readonly string[]
  readonly check: Check
  readonly surfaces?: readonly Surface[]
}

export const MOST_BLOCKS = { message: 50, modal: 100, home: 100 } as const
/** Of all markdown blocks together. */
const MARKDOWN = 12_000
const TABLE_ROWS = 100
const TABLE_COLUMNS = 20

function checkTable(checker: Checker, block: Json, path: string): void {
  if (!checker.has(block, path, 'rows')) return
  checker.items(block, path, 'column_settings', TABLE_COLUMNS, 0)
  for (const [index, row] of checker.items(block, path, 'rows', TABLE_ROWS).entries()) {
    const here = `${path}/rows`
    for (const [at, cell] of checker.items({ [index]: row }, here, String(index), TABLE_COLUMNS).entries()) {
      const there = `${here}/${index}/${at}`
      if (!checker.object(cell, there)) continue
      if (cell.type === 'raw_text') checker.needText(cell, there, 'text', 3000)
      else if (cell.type === 'rich_text') checkRichText(checker, cell, there)
      else checker.add(`${there}/type`, `unsupported type: ${String(cell.type)}`)
    }
  }
}

function checkSection(checker: Checker, block: Json, path: string): void {
  if (block.text === undefined && block.fields === undefined)
    checker.add(path, 'missing required field: text')
  checker.textObject(block, path, 'text', 3000, false)
  for (const [index, field] of checker.items(block, path, 'fields', 10).entries()) {
    checker.textObject({ [index]: field }, `${path}/fields`, String(index), 2000, false)
  }
  if (block.accessory !== undefined) checkElement(checker, block.accessory, `${path}/accessory`, IN_SECTION)
}

function checkContext(checker: Checker, block: Json, path: string): void {
  if (!checker.has(block, path, 'elements')) return
  for (const [index, element] of checker.items(block, path, 'elements', 10).entries()) {
    if (isObject(element) && element.type === 'image')
      checkElement(checker, element, `${path}/elements/${index}`, ['image'])
    else checker.textObject({ [index]: element }, `${path}/elements`, String(index), 3000, false)
  }
}

function checkActions(checker: Checker, block: Json, path: string): void {
  if (!checker.has(block, path, 'elements')) return
  const elements = checker.items(block, path, 'elements', 25)
  for (const [index, element] of elements.entries()) {
    checkElement(checker, element, `${path}/elements/${index}`, IN_ACTIONS)
  }
  checkActionIds(checker, elements, path)
}

const BLOCKS: Readonly<Record<string, Block>> = {
  section: { keys: ['text', 'fields', 'accessory', 'expand'], check: checkSection },
  divider: { keys: [], check: () => undefined },
  header: {
    keys: ['text', 'level'],
    check: (checker, block, path) => checker.needTextObject(block, path, 'text', 150),
  },
  context: { keys: ['elements'], check: checkContext },
  actions: { keys: ['elements'], check: checkActions },
  image: {
    keys: ['image_url', 'slack_file', 'alt_text', 'title'],
    check: (checker, block, path) => {
      checker.needText(block, path, 'alt_text', 2000)
      checker.text(block, path, 'image_url', 3000)
      checker.textObject(block, path, 'title', 2000)
      if (block.image_url === undefined && block.slack_file === undefined)
        checker.add(path, 'missing required field: image_url')
    },
  },
  input: {
    keys: ['label', 'element', 'dispatch_action', 'hint', 'optional'],
    check: (checker, block, path) => {
      checker.needTextObject(block, path, 'label', 2000)
      checker.textObject(block, path, 'hint', 2000)
      checker.flag(block, path, 'optional')
      checker.flag(block, path, 'dispatch_action')
      if (checker.has(block, path, 'element'))
        checkElement(checker, block.element, `${path}/element`, IN_INPUT)
    },
  },
  rich_text: { keys: ['elements'], check: checkRichText },
  markdown: {
    keys: ['text'],
    surfaces: ['message'],
    check: (checker, block, path) => checker.needText(block, path, 'text', MARKDOWN),
  },
  table: { keys: ['rows', 'column_settings'], surfaces: ['message'], check: checkTable },
}

/** Slack makes several blocks of one markdown block: each heading and rule, and each text between them. */
function expanded(text: string): number {
  let blocks = 0
  let inText = false
  for (const line of text.split('\n')) {
    const own = /^#{1,6} |^(-{3,}|\*{3,}|_{3,})\s*$/.test(line)
    if (own || (!inText && line.trim() !== '')) blocks += 1
    inText = own ? false : inText || line.trim() !== ''
  }
  return blocks
}

/** Adds to `checker` all that is wrong with a list of blocks. */
export function checkBlocks(checker: Checker, value: unknown, path: string, surface: Surface): void {
  const most = MOST_BLOCKS[surface]
  const parent = path.slice(0, path.lastIndexOf('/'))
  const key = path.slice(parent.length + 1)
  const blocks = checker.items({ [key]: value }, parent, key, most, 0)
  const ids = new Set<unknown>()
  const markdown: number[] = []
  let count = blocks.length
  for (const [index, block] of blocks.entries()) {
    const here = `${path}/${index}`
    if (!checker.object(block, here)) continue
    const kind = BLOCKS[String(block.type)]
    if (!kind || !(kind.surfaces ?? ['message', 'modal', 'home']).includes(surface)) {
      checker.add(`${here}/type`, `unsupported type: ${String(block.type)}`)
      continue
    }
    checker.keys(block, here, ['type', 'block_id', ...kind.keys])
    checker.text(block, here, 'block_id', 255)
    if (block.block_id !== undefined && block.block_id !== '' && ids.has(block.block_id))
      checker.add(`${here}/block_id`, `\`block_id\` "${String(block.block_id)}" already exists`)
    ids.add(block.block_id)
    kind.check(checker, block, here)
    if (block.type === 'markdown') {
      markdown.push(String(block.text).length)
      count += expanded(String(block.text)) - 1
    }
  }
  const inAll = markdown.reduce((sum, length) => sum + length, 0)
  if (markdown.length > 1 && inAll > MARKDOWN)
    checker.add(path, `must be less than ${MARKDOWN + 1} characters`)
  if (count > most && blocks.length <= most) checker.add(path, `no more than ${most} items allowed`)
}

/** What counts for `msg_blocks_too_long`: about the length of the blocks as JSON, of tables their text alone. */
export function lengthOfBlocks(blocks: readonly Json[]): number {
  const cells = (value: unknown): number =>
    typeof value === 'string'
      ? value.length
      : Array.isArray(value)
        ? value.reduce<number>((sum, item) => sum + cells(item), 0)
        : isObject(value)
          ? cells(value.text) + cells(value.elements)
          : 0
  return blocks.reduce(
    (sum, block) => sum + (block.type === 'table' ? cells(block.rows) : JSON.stringify(block).length),
    0,
  )
}
