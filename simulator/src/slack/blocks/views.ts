import type { Json } from '../json.ts'
import { isObject, list, objects, string } from '../json.ts'
import { Refusal } from '../refusal.ts'
import { checkBlocks } from './blocks.ts'
import { Checker } from './checker.ts'

const MODAL = ['title', 'close', 'submit', 'clear_on_close', 'notify_on_close', 'submit_disabled']
const LARGEST_BYTES = 250_000

/**
 * A modal or a home, with every limit looked at.
 * @throws Refusal `invalid_arguments` with what is wrong, or `view_too_large`
 */
export function checkView(value: unknown, type: 'modal' | 'home'): Json {
  const checker = new Checker()
  const path = '/view'
  if (!isObject(value)) throw Refusal.of('invalid_arguments', ['must provide an object [json-pointer:/view]'])
  if (JSON.stringify(value).length > LARGEST_BYTES) throw new Refusal('view_too_large')
  if (value.type !== type) checker.add('/view/type', `must be one of: ${type}`)
  checker.keys(value, path, [
    'type',
    'blocks',
    'private_metadata',
    'callback_id',
    'external_id',
    ...(type === 'modal' ? MODAL : []),
  ])
  checker.text(value, path, 'private_metadata', 3000)
  checker.text(value, path, 'callback_id', 255)
  checker.text(value, path, 'external_id', 255)
  if (type === 'modal') {
    checker.needTextObject(value, path, 'title', 24)
    checker.textObject(value, path, 'submit', 24)
    checker.textObject(value, path, 'close', 24)
  }
  if (checker.has(value, path, 'blocks')) {
    checkBlocks(checker, value.blocks, '/view/blocks', type)
    for (const [index, block] of list(value.blocks).entries()) {
      if (type === 'modal' && isObject(block) && block.type === 'input' && value.submit === undefined)
        checker.add(`/view/blocks/${index}/input`, 'must define `submit` to use an `input` block in modals')
    }
  }
  if (checker.problems.length > 0)
    throw Refusal.of('invalid_arguments', [
      'failed to match all allowed schemas [json-pointer:/view]',
      ...checker.problems,
    ])
  return value
}

/** Every block and every element with an id, as Slack fills them in. */
export function fillIds(blocks: readonly Json[], newId: () => string): Json[] {
  const withAction = (element: Json): Json =>
    element.type === 'image' || string(element.text) !== undefined || element.action_id !== undefined
      ? element
      : { ...element, action_id: newId() }
  return blocks.map((block) => ({
    ...block,
    block_id: string(block.block_id) || newId(),
    ...(block.type === 'actions' && { elements: objects(block.elements).map(withAction) }),
    ...(isObject(block.accessory) && { accessory: withAction(block.accessory) }),
    ...(isObject(block.element) && { element: withAction(block.element) }),
  }))
}
