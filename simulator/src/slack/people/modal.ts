/** Submitting and closing modals, and what the app answers to it. */
import { noteView } from '../api/views.ts'
import { checkView } from '../blocks/views.ts'
import type { Json } from '../json.ts'
import { isObject, object, objects, string } from '../json.ts'
import { Refusal } from '../refusal.ts'
import type { Slack } from '../slack.ts'
import type { View } from '../views.ts'
import type { User } from '../workspace.ts'
import { pick, usableIn } from './find.ts'
import { common, person, type Seen, seen, userField } from './person.ts'
import { chosenValue, fullState, missing } from './state.ts'

const TROUBLE = 'We had some trouble connecting. Try again?'

export interface Submitted extends Seen {
  /** block_id → the sentence under that field, from the client or from the app. */
  readonly errors: Readonly<Record<string, string>>
  /** What is open afterwards; undefined when the modal is gone. */
  readonly view: Json | undefined
}

function topOf(slack: Slack, user: User): View {
  const view = slack.views.modal(user.id)
  if (!view) throw new Error(`${user.name} has no modal open`)
  return view
}

const shown = (slack: Slack, user: User): Json | undefined => {
  const view = slack.views.modal(user.id)
  return view && slack.views.json(view)
}

/** Does what the app answered with. @returns the errors to show, if it was that */
function follow(slack: Slack, user: User, view: View, payload: unknown): Record<string, string> {
  const answer = object(payload)
  switch (answer.response_action) {
    case 'errors':
      return Object.fromEntries(
        Object.entries(object(answer.errors)).map(([block, text]) => [block, String(text)]),
      )
    case 'update':
      noteView(slack, 'update', slack.views.update(view, checkView(answer.view, 'modal')))
      return {}
    case 'push':
      noteView(slack, 'push', slack.views.push(user.id, checkView(answer.view, 'modal')))
      return {}
    case 'clear':
      slack.views.closeAll(user.id)
      break
    default:
      slack.views.pop(user.id)
  }
  noteView(slack, 'close', view)
  return {}
}

/** `{ values: { 'label, action_id or block_id': value } }`, in the modal on top. */
export async function submit(slack: Slack, name: string, asked: Json): Promise<Submitted> {
  const user = person(slack, name)
  const view = topOf(slack, user)
  const blocks = objects(view.body.blocks)
  for (const [field, given] of Object.entries(object(asked.values))) {
    const found = pick(usableIn(blocks), field)
    if (!found) throw new Error(`there is no "${field}" in the modal`)
    const id = String(found.block.block_id)
    view.state[id] = {
      ...view.state[id],
      [String(found.element.action_id)]: chosenValue(slack, found.element, given),
    }
  }
  if (!isObject(view.body.submit)) throw new Error('the modal has no button to submit it')
  const values = fullState(blocks, view.state)
  const problems = missing(blocks, values)
  if (Object.keys(problems).length > 0) {
    const empty = { acked: false, ms: 0, error: undefined, notice: undefined, envelope: undefined }
    return {
      ...empty,
      trigger: undefined,
      responseUrl: undefined,
      errors: problems,
      view: shown(slack, user),
    }
  }
  const trigger = slack.triggers.issue(user.id)
  const outcome = await slack.delivery.send('interactive', {
    ...common(slack),
    type: 'view_submission',
    user: userField(slack, user),
    trigger_id: trigger,
    view: { ...slack.views.json(view), state: { values } },
    response_urls: [],
  })
  const result = seen(outcome, TROUBLE, trigger)
  if (!outcome.acked) return { ...result, errors: {}, view: shown(slack, user) }
  try {
    const errors = follow(slack, user, view, outcome.payload)
    return { ...result, errors, view: shown(slack, user) }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    return { ...result, error: error.code, notice: TROUBLE, errors: {}, view: shown(slack, user) }
  }
}

/** Closes the modal on top; the app hears of it when it asked to. */
export async function close(slack: Slack, name: string): Promise<Seen | undefined> {
  const user = person(slack, name)
  const view = topOf(slack, user)
  const all = view.body.clear_on_close === true
  if (all) slack.views.closeAll(user.id)
  else slack.views.pop(user.id)
  noteView(slack, 'close', view)
  if (view.body.notify_on_close !== true) return undefined
  const outcome = await slack.delivery.send('interactive', {
    ...common(slack),
    type: 'view_closed',
    user: userField(slack, user),
    view: slack.views.json(view),
    is_cleared: all,
  })
  return seen(outcome, string(outcome.error))
}
