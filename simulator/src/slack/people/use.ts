/** Clicks and choices: `block_actions`, and the suggestions of an external select. */
import type { Json } from '../json.ts'
import { isObject, objects, string } from '../json.ts'
import { messageJson } from '../messages.ts'
import type { Slack } from '../slack.ts'
import type { User } from '../workspace.ts'
import { blocksOf, type Spot, spot } from './find.ts'
import { common, person, type Seen, seen, userField } from './person.ts'
import { chosenValue, fullState } from './state.ts'

/** Where it was clicked, as a payload tells it. */
function where(slack: Slack, user: User, at: Spot): { readonly fields: Json; readonly responseUrl?: string } {
  const { workspace } = slack
  if (at.kind === 'view') {
    const view = slack.views.json(at.view)
    const values = fullState(objects(at.view.body.blocks), at.view.state)
    return {
      fields: { container: { type: 'view', view_id: at.view.id }, view: { ...view, state: { values } } },
    }
  }
  const { channel, message } = at
  const target = { channel: channel.id, user: user.id, messageTs: message.ts }
  const responseUrl = `${slack.origin}${slack.responses.issue('actions', target)}`
  const hidden = message.only !== undefined
  return {
    responseUrl,
    fields: {
      container: {
        type: 'message',
        message_ts: message.ts,
        channel_id: channel.id,
        is_ephemeral: hidden,
        ...(message.threadTs !== undefined && { thread_ts: message.threadTs }),
      },
      channel: { id: channel.id, name: channel.kind === 'im' ? 'directmessage' : channel.name },
      ...(!hidden && { message: messageJson(slack, message) }),
      state: { values: fullState(blocksOf(message), message.state) },
      response_url: responseUrl,
      team: { id: workspace.team, domain: workspace.domain },
    },
  }
}

async function act(slack: Slack, user: User, at: Spot, value: Json): Promise<Seen> {
  const { block, element } = at.found
  const trigger = slack.triggers.issue(user.id)
  const { fields, responseUrl } = where(slack, user, at)
  const outcome = await slack.delivery.send('interactive', {
    ...common(slack),
    type: 'block_actions',
    user: userField(slack, user),
    trigger_id: trigger,
    ...fields,
    actions: [
      {
        action_id: element.action_id,
        block_id: block.block_id,
        ...value,
        action_ts: slack.workspace.newTs(),
      },
    ],
  })
  return seen(outcome, `This app didn’t respond (${outcome.error}).`, trigger, responseUrl)
}

/** `{ channel, ts?, action, confirm? }` or `{ in: 'home' | 'modal', action }`; `confirm: false` says no when asked. */
export async function click(
  slack: Slack,
  name: string,
  asked: Json,
): Promise<Seen & { readonly asked?: Json }> {
  const user = person(slack, name)
  const at = spot(slack, user, asked)
  const { element } = at.found
  if (element.type !== 'button') throw new Error(`"${String(asked.action)}" is a ${String(element.type)}`)
  const dialog = isObject(element.confirm) ? element.confirm : undefined
  if (dialog && asked.confirm === false) return { ...nothing, asked: dialog }
  const result = await act(slack, user, at, {
    type: 'button',
    text: element.text,
    ...(element.value !== undefined && { value: element.value }),
    ...(element.style !== undefined && { style: element.style }),
    ...(element.url !== undefined && { url: element.url }),
  })
  return { ...result, ...(dialog && { asked: dialog }) }
}

const nothing: Seen = {
  acked: false,
  ms: 0,
  error: undefined,
  notice: undefined,
  envelope: undefined,
  trigger: undefined,
  responseUrl: undefined,
}

/** `{ channel, ts?, action, option }`, or in a home or modal. What is chosen stays chosen. */
export async function select(slack: Slack, name: string, asked: Json): Promise<Seen> {
  const user = person(slack, name)
  const at = spot(slack, user, asked)
  const { block, element } = at.found
  if (element.type === 'button') throw new Error(`"${String(asked.action)}" is a button`)
  const value = chosenValue(slack, element, asked.option)
  const state = at.kind === 'view' ? at.view.state : at.message.state
  const id = String(block.block_id)
  if (element.type !== 'overflow') state[id] = { ...state[id], [String(element.action_id)]: value }
  // An input says nothing before its modal is submitted, unless it asks to.
  if (block.type === 'input' && block.dispatch_action !== true) return { ...nothing, acked: true }
  return await act(slack, user, at, value)
}

/** `{ channel, ts?, action, typed }`: what an external select offers. */
export async function suggest(
  slack: Slack,
  name: string,
  asked: Json,
): Promise<Seen & { readonly options: readonly Json[] }> {
  const user = person(slack, name)
  const at = spot(slack, user, asked)
  const { fields } = where(slack, user, at)
  const outcome = await slack.delivery.send('interactive', {
    ...common(slack),
    type: 'block_suggestion',
    user: userField(slack, user),
    ...fields,
    action_id: at.found.element.action_id,
    block_id: at.found.block.block_id,
    value: string(asked.typed) ?? '',
  })
  const given = isObject(outcome.payload) ? outcome.payload : {}
  const groups = objects(given.option_groups).flatMap((group) => objects(group.options))
  return { ...seen(outcome, 'No results'), options: [...objects(given.options), ...groups] }
}
