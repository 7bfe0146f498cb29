/** What a person put into an element, in the form of `state.values` and of an action. */
import type { Json } from '../json.ts'
import { list, objects, string } from '../json.ts'
import type { Slack } from '../slack.ts'
import { option, usableIn } from './find.ts'

export type State = Record<string, Record<string, Json>>

const names = (given: unknown): readonly string[] => list(Array.isArray(given) ? given : [given]).map(String)

/**
 * The element's value after a person chose or typed `given`: a text, an option's text or value, a user's or a
 * channel's name, or several of them.
 * @throws Error for a choice that is not offered
 */
export function chosenValue(slack: Slack, element: Json, given: unknown): Json {
  const type = String(element.type)
  const { workspace } = slack
  const user = (name: string) => workspace.findUser(name)?.id ?? name
  const channel = (name: string) => workspace.findChannel(name)?.id ?? name
  const all = names(given)
  const [first = ''] = all
  switch (type) {
    case 'static_select':
    case 'radio_buttons':
    case 'overflow':
      return { type, selected_option: option(element, first) }
    case 'external_select':
      return {
        type,
        selected_option: { text: { type: 'plain_text', text: first, emoji: true }, value: first },
      }
    case 'multi_static_select':
    case 'checkboxes':
      return { type, selected_options: all.map((name) => option(element, name)) }
    case 'users_select':
      return { type, selected_user: user(first) }
    case 'multi_users_select':
      return { type, selected_users: all.map(user) }
    case 'channels_select':
      return { type, selected_channel: channel(first) }
    case 'conversations_select':
      return { type, selected_conversation: channel(first) }
    case 'multi_channels_select':
      return { type, selected_channels: all.map(channel) }
    case 'multi_conversations_select':
      return { type, selected_conversations: all.map(channel) }
    case 'datepicker':
      return { type, selected_date: first }
    case 'timepicker':
      return { type, selected_time: first }
    case 'datetimepicker':
      return { type, selected_date_time: Number(first) }
    default:
      return { type, value: first }
  }
}

/** The value of an element that nobody touched. */
function untouched(element: Json): Json {
  const type = String(element.type)
  if (element.initial_option !== undefined) return { type, selected_option: element.initial_option }
  if (element.initial_options !== undefined) return { type, selected_options: element.initial_options }
  if (/^(static|external)_select$|^radio_buttons$/.test(type)) return { type, selected_option: null }
  if (/^multi_(static|external)_select$|^checkboxes$/.test(type)) return { type, selected_options: [] }
  if (type === 'users_select') return { type, selected_user: element.initial_user ?? null }
  if (type === 'channels_select') return { type, selected_channel: element.initial_channel ?? null }
  if (type === 'conversations_select')
    return { type, selected_conversation: element.initial_conversation ?? null }
  if (type === 'multi_users_select') return { type, selected_users: element.initial_users ?? [] }
  if (type === 'datepicker') return { type, selected_date: element.initial_date ?? null }
  if (type === 'timepicker') return { type, selected_time: element.initial_time ?? null }
  if (type === 'datetimepicker') return { type, selected_date_time: element.initial_date_time ?? null }
  return { type, value: element.initial_value ?? null }
}

const isEmpty = (value: Json): boolean =>
  Object.entries(value).every(
    ([key, part]) =>
      key === 'type' || part === null || part === '' || (Array.isArray(part) && part.length === 0),
  )

/** `state.values`: what was chosen, and the initial value of what was not. Buttons and menus hold nothing. */
export function fullState(blocks: readonly Json[], chosen: State): State {
  const state: State = {}
  for (const { block, element } of usableIn(blocks)) {
    if (element.type === 'button' || element.type === 'overflow') continue
    const [blockId, actionId] = [String(block.block_id), String(element.action_id)]
    state[blockId] = {
      ...state[blockId],
      [actionId]: chosen[blockId]?.[actionId] ?? untouched(element),
    }
  }
  return state
}

/** What Slack's client does not let through: block_id → the sentence under the field. */
export function missing(blocks: readonly Json[], state: State): Record<string, string> {
  const problems: Record<string, string> = {}
  for (const block of objects(blocks)) {
    if (block.type !== 'input') continue
    const [element] = objects([block.element])
    if (!element) continue
    const id = String(block.block_id)
    const value = state[id]?.[String(element.action_id)] ?? {}
    const text = string(value.value)
    if (isEmpty(value)) {
      if (block.optional !== true) problems[id] = 'Please complete this required field.'
    } else if (text !== undefined) {
      const [least, most] = [Number(element.min_length ?? 0), Number(element.max_length ?? 3000)]
      if (text.length < least) problems[id] = `Must be at least ${least} characters.`
      if (text.length > most) problems[id] = `Must be at most ${most} characters.`
    }
  }
  return problems
}
