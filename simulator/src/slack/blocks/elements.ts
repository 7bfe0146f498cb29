/** Block elements: what each may hold, and how long. */
import type { Json } from '../json.ts'
import { isObject } from '../json.ts'
import type { Checker } from './checker.ts'
import { checkConfirm, checkOptions } from './options.ts'

type Check = (checker: Checker, element: Json, path: string) => void

interface Element {
  readonly keys: readonly string[]
  readonly check: Check
}

const nothing: Check = () => undefined
const PLACEHOLDER = ['placeholder', 'focus_on_load', 'confirm']
const MULTI = [...PLACEHOLDER, 'max_selected_items']
const STYLES = ['primary', 'danger']

const select = (keys: readonly string[], check: Check = nothing): Element => ({
  keys: [...PLACEHOLDER, ...keys],
  check,
})

const multi = (keys: readonly string[], check: Check = nothing): Element => ({
  keys: [...MULTI, ...keys],
  check: (checker, element, path) => {
    check(checker, element, path)
    if (element.max_selected_items !== undefined && !(Number(element.max_selected_items) >= 1))
      checker.add(`${path}/max_selected_items`, 'must be greater than 0')
  },
})

const plainOptions: Check = (checker, element, path) =>
  checkOptions(checker, element, path, { plainOnly: true, most: 100 })
const choices: Check = (checker, element, path) =>
  checkOptions(checker, element, path, { plainOnly: false, most: 10 })

function between(
  checker: Checker,
  element: Json,
  path: string,
  key: string,
  low: number,
  high: number,
): void {
  const value = element[key]
  if (value === undefined) return
  if (!Number.isSafeInteger(value) || Number(value) < low || Number(value) > high)
    checker.add(`${path}/${key}`, `must be a number from ${low} to ${high}`)
}

const INPUT = ['initial_value', 'placeholder', 'focus_on_load', 'dispatch_action_config']

const ELEMENTS: Readonly<Record<string, Element>> = {
  button: {
    keys: ['text', 'url', 'value', 'style', 'confirm', 'accessibility_label'],
    check: (checker, element, path) => {
      checker.needTextObject(element, path, 'text', 75)
      checker.text(element, path, 'url', 3000)
      checker.text(element, path, 'value', 2000)
      checker.text(element, path, 'accessibility_label', 75)
      checker.oneOf(element, path, 'style', STYLES)
    },
  },
  static_select: select(['options', 'option_groups', 'initial_option'], plainOptions),
  external_select: select(['initial_option', 'min_query_length']),
  users_select: select(['initial_user']),
  channels_select: select(['initial_channel', 'response_url_enabled']),
  conversations_select: select([
    'initial_conversation',
    'default_to_current_conversation',
    'response_url_enabled',
    'filter',
  ]),
  multi_static_select: multi(['options', 'option_groups', 'initial_options'], plainOptions),
  multi_external_select: multi(['initial_options', 'min_query_length']),
  multi_users_select: multi(['initial_users']),
  multi_channels_select: multi(['initial_channels']),
  multi_conversations_select: multi(['initial_conversations', 'default_to_current_conversation', 'filter']),
  overflow: {
    keys: ['options', 'confirm'],
    check: (checker, element, path) =>
      checkOptions(checker, element, path, { plainOnly: true, most: 5, url: true }),
  },
  radio_buttons: { keys: ['options', 'initial_option', 'confirm', 'focus_on_load'], check: choices },
  checkboxes: { keys: ['options', 'initial_options', 'confirm', 'focus_on_load'], check: choices },
  datepicker: select(['initial_date']),
  timepicker: select(['initial_time', 'timezone']),
  datetimepicker: { keys: ['initial_date_time', 'focus_on_load', 'confirm'], check: nothing },
  plain_text_input: {
    keys: [...INPUT, 'multiline', 'min_length', 'max_length'],
    check: (checker, element, path) => {
      checker.text(element, path, 'initial_value', 3000)
      checker.flag(element, path, 'multiline')
      between(checker, element, path, 'min_length', 0, 3000)
      between(checker, element, path, 'max_length', 1, 3000)
    },
  },
  email_text_input: { keys: INPUT, check: nothing },
  url_text_input: { keys: INPUT, check: nothing },
  number_input: {
    keys: [...INPUT, 'is_decimal_allowed', 'min_value', 'max_value'],
    check: (checker, element, path) => {
      checker.has(element, path, 'is_decimal_allowed')
      checker.text(element, path, 'initial_value', 3000)
    },
  },
  image: {
    keys: ['image_url', 'slack_file', 'alt_text'],
    check: (checker, element, path) => {
      checker.needText(element, path, 'alt_text', 2000)
      checker.text(element, path, 'image_url', 3000)
      if (element.image_url === undefined && element.slack_file === undefined)
        checker.add(path, 'missing required field: image_url')
    },
  },
}

const SELECTS = Object.keys(ELEMENTS).filter((type) => /select$/.test(type) && !type.startsWith('multi_'))
const MULTI_SELECTS = Object.keys(ELEMENTS).filter((type) => type.startsWith('multi_'))
const PICKERS = ['radio_buttons', 'checkboxes', 'datepicker', 'timepicker']

/** Where each element may stand. An actions block takes no multi-select, whatever the documentation says. */
export const IN_ACTIONS = ['button', 'overflow', 'datetimepicker', ...SELECTS, ...PICKERS]
export const IN_SECTION = ['button', 'overflow', 'image', ...SELECTS, ...MULTI_SELECTS, ...PICKERS]
export const IN_INPUT = [
  'plain_text_input',
  'email_text_input',
  'url_text_input',
  'number_input',
  'datetimepicker',
  ...SELECTS,
  ...MULTI_SELECTS,
  ...PICKERS,
]
/** All that a person can use. */
export const INTERACTIVE = new Set(Object.keys(ELEMENTS).filter((type) => type !== 'image'))

export function checkElement(
  checker: Checker,
  value: unknown,
  path: string,
  allowed: readonly string[],
): void {
  if (!checker.object(value, path)) return
  const type = String(value.type)
  const element = ELEMENTS[type]
  if (!element || !allowed.includes(type)) {
    checker.add(path, `unsupported element: ${type.startsWith('multi_') ? 'multiselect' : type}`)
    return
  }
  checker.keys(value, path, ['type', ...(type === 'image' ? [] : ['action_id']), ...element.keys])
  checker.text(value, path, 'action_id', 255, 1)
  checker.textObject(value, path, 'placeholder', 150)
  checkConfirm(checker, value, path)
  element.check(checker, value, path)
}

/** action_id must be unique in a block. */
export function checkActionIds(checker: Checker, elements: readonly unknown[], path: string): void {
  const seen = new Set<unknown>()
  for (const element of elements) {
    const id = isObject(element) ? element.action_id : undefined
    if (id === undefined) continue
    if (seen.has(id)) checker.add(path, `\`action_id\` "${String(id)}" already exists in this block`)
    seen.add(id)
  }
}
