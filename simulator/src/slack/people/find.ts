/** Finds what a person can click, in messages, modals and homes. */
import { INTERACTIVE } from '../blocks/elements.ts'
import { optionsOf } from '../blocks/options.ts'
import type { Json } from '../json.ts'
import { isObject, objects, string } from '../json.ts'
import type { Slack } from '../slack.ts'
import type { View } from '../views.ts'
import type { Channel, Message, User } from '../workspace.ts'
import { place } from './person.ts'

export interface Usable {
  readonly block: Json
  readonly element: Json
  /** What stands on it or beside it. */
  readonly label: string
}

const textOf = (value: unknown): string => (isObject(value) ? (string(value.text) ?? '') : '')

/** Everything that can be used, in the order in which it is seen. */
export function usableIn(blocks: readonly Json[]): readonly Usable[] {
  return blocks.flatMap((block) => {
    const elements = [
      ...(block.type === 'actions' ? objects(block.elements) : []),
      ...objects([block.accessory, block.element]),
    ]
    return elements
      .filter(({ type }) => INTERACTIVE.has(String(type)))
      .map((element) => ({
        block,
        element,
        label: textOf(element.text) || textOf(block.label) || textOf(element.placeholder),
      }))
  })
}

export const blocksOf = (message: Message): readonly Json[] => [
  ...message.blocks,
  ...message.attachments.flatMap((attachment) => objects(attachment.blocks)),
]

/** By action_id, then by what stands on it, then by block_id or value. */
export function pick(usable: readonly Usable[], wanted: string): Usable | undefined {
  return (
    usable.find(({ element }) => element.action_id === wanted) ??
    usable.find(({ label }) => label === wanted) ??
    usable.find(({ block, element }) => block.block_id === wanted || element.value === wanted)
  )
}

export type Spot =
  | { readonly kind: 'message'; readonly channel: Channel; readonly message: Message; readonly found: Usable }
  | { readonly kind: 'view'; readonly view: View; readonly found: Usable }

/**
 * Where `{ in: 'home' | 'modal' }` or `{ channel, ts? }` has what `{ action }` names; without `ts` in the newest
 * message that has it.
 * @throws Error when it is not there, or the person cannot see it
 */
export function spot(slack: Slack, user: User, asked: Json): Spot {
  const wanted = String(asked.action)
  if (asked.in === 'home' || asked.in === 'modal') {
    const view = asked.in === 'home' ? slack.views.home(user.id) : slack.views.modal(user.id)
    if (!view) throw new Error(`${user.name} has no ${asked.in} open`)
    const found = pick(usableIn(objects(view.body.blocks)), wanted)
    if (!found) throw new Error(`there is no "${wanted}" in the ${asked.in}`)
    return { kind: 'view', view, found }
  }
  const channel = place(slack, String(asked.channel), user)
  const visible = channel.messages.filter(
    ({ only, ts }) => (only === undefined || only === user.id) && (asked.ts === undefined || ts === asked.ts),
  )
  for (const message of visible.toReversed()) {
    const found = pick(usableIn(blocksOf(message)), wanted)
    if (found) return { kind: 'message', channel, message, found }
  }
  const there = visible.flatMap((message) => usableIn(blocksOf(message)).map(({ label }) => label))
  throw new Error(`there is no "${wanted}" in ${channel.name}; there is: ${there.slice(-20).join(', ')}`)
}

/**
 * The option that a person means, by its text or value.
 * @throws Error when there is none
 */
export function option(element: Json, wanted: string): Json {
  const options = optionsOf(element)
  const found = options.find(({ value, text }) => textOf(text) === wanted || value === wanted)
  if (!found)
    throw new Error(
      `there is no option "${wanted}"; there are: ${options.map(({ text }) => textOf(text)).join(', ')}`,
    )
  return found
}
