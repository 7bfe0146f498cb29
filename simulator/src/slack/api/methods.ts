/** Every method of the Web API that is served. */
import { findMessage } from '../messages.ts'
import { Refusal } from '../refusal.ts'
import { chat } from './chat.ts'
import { conversations } from './conversations.ts'
import { files } from './files.ts'
import type { Method } from './method.ts'
import { channelOf, need } from './method.ts'
import { people } from './people.ts'
import { views } from './views.ts'

const others: Readonly<Record<string, Method>> = {
  'api.test': { token: 'none', tier: 'none', run: () => ({}) },
  'auth.test': {
    token: 'bot',
    tier: 'none',
    run: (_, { workspace, app }) => ({
      url: `https://${workspace.domain}.slack.com/`,
      team: 'Homelab family',
      user: workspace.bot.name,
      team_id: workspace.team,
      user_id: workspace.bot.id,
      bot_id: app.botId,
      is_enterprise_install: false,
    }),
  },
  'apps.connections.open': {
    token: 'app',
    tier: 1,
    run: (_, slack) => {
      if (slack.faults.refuseConnections) throw new Refusal(slack.faults.refuseConnections)
      const origin = slack.origin.replace(/^http/, 'ws')
      return { url: `${origin}/link/?ticket=${slack.sockets.ticket()}&app_id=${slack.app.id}` }
    },
  },
  'reactions.add': {
    token: 'bot',
    tier: 3,
    scope: 'reactions:write',
    run: (args, slack) => {
      const channel = channelOf(slack, args)
      const name = need(args, 'name', 'invalid_name')
      const message = findMessage(channel, need(args, 'timestamp', 'no_item_specified'))
      if (!message) throw new Refusal('message_not_found')
      if (channel.archived) throw new Refusal('is_archived')
      const { bot } = slack.workspace
      const reaction = message.reactions.find((known) => known.name === name)
      if (reaction?.users.includes(bot.id)) throw new Refusal('already_reacted')
      if (reaction) reaction.users.push(bot.id)
      else message.reactions.push({ name, users: [bot.id] })
      return {}
    },
  },
}

export const methods: Readonly<Record<string, Method>> = {
  ...others,
  ...chat,
  ...conversations,
  ...people,
  ...views,
  ...files,
}
