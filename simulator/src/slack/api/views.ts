import { checkView } from '../blocks/views.ts'
import { jsonArgument } from '../content.ts'
import type { Json } from '../json.ts'
import { isObject, string } from '../json.ts'
import { Refusal } from '../refusal.ts'
import type { Slack } from '../slack.ts'
import type { View } from '../views.ts'
import type { Method } from './method.ts'
import { need } from './method.ts'

export function noteView(
  slack: Slack,
  action: 'open' | 'push' | 'update' | 'publish' | 'close',
  view: View,
): void {
  const { user, id, body } = view
  const callback = string(body.callback_id) ?? ''
  slack.journal.add({ kind: 'view', action, user, view: id, callback })
}

function answer(slack: Slack, action: 'open' | 'push' | 'update' | 'publish', view: View): Json {
  noteView(slack, action, view)
  return { view: slack.views.json(view) }
}

const given = (args: Json, type: 'modal' | 'home'): Json =>
  checkView(jsonArgument(args, 'view', 'invalid_arguments'), type)

function checkHash(args: Json, view: View): void {
  const hash = string(args.hash)
  if (hash !== undefined && hash !== view.hash) throw new Refusal('hash_conflict')
}

/** A modal on its own, or on top of those that are open. */
const modal = (action: 'open' | 'push'): Method => ({
  token: 'bot',
  tier: 4,
  run: (args, slack) => {
    const body = given(args, 'modal')
    const user = slack.triggers.exchange(need(args, 'trigger_id'))
    return answer(slack, action, slack.views[action](user, body))
  },
})

export const views: Readonly<Record<string, Method>> = {
  'views.open': modal('open'),
  'views.push': modal('push'),
  'views.update': {
    token: 'bot',
    tier: 4,
    run: (args, slack) => {
      const view = slack.views.find(args)
      const asked = jsonArgument(args, 'view', 'invalid_arguments')
      const type = isObject(asked) && asked.type === 'home' ? 'home' : 'modal'
      const body = checkView(asked, type)
      if (!view || view.body.type !== type) throw new Refusal('not_found')
      checkHash(args, view)
      return answer(slack, 'update', slack.views.update(view, body))
    },
  },
  'views.publish': {
    token: 'bot',
    tier: 4,
    run: (args, slack) => {
      const user = slack.workspace.users.get(need(args, 'user_id'))
      const body = given(args, 'home')
      if (!user || user.deleted) throw new Refusal('not_found')
      const home = slack.views.home(user.id)
      if (home) checkHash(args, home)
      return answer(slack, 'publish', slack.views.publish(user.id, body))
    },
  },
}
