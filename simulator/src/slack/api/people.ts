import type { Json } from '../json.ts'
import { truthy } from '../json.ts'
import { Refusal } from '../refusal.ts'
import type { Slack } from '../slack.ts'
import type { Group, User } from '../workspace.ts'
import type { Method } from './method.ts'
import { need, page } from './method.ts'

const userJson = (slack: Slack, user: User): Json => ({
  id: user.id,
  team_id: slack.workspace.team,
  name: user.name,
  deleted: user.deleted,
  real_name: user.realName,
  tz: 'Europe/Berlin',
  tz_offset: 3600,
  profile: {
    real_name: user.realName,
    display_name: user.name,
    ...(user.bot && { api_app_id: slack.app.id, bot_id: slack.app.botId }),
  },
  is_admin: user.admin,
  is_owner: user.admin,
  is_primary_owner: user.admin,
  is_restricted: false,
  is_ultra_restricted: false,
  is_bot: user.bot,
  is_app_user: false,
})

const groupJson = (slack: Slack, group: Group, withUsers: boolean): Json => ({
  id: group.id,
  team_id: slack.workspace.team,
  is_usergroup: true,
  is_external: false,
  name: group.handle,
  handle: group.handle,
  date_delete: group.disabled ? 1 : 0,
  user_count: group.users.size,
  ...(withUsers && { users: [...group.users] }),
})

export const people: Readonly<Record<string, Method>> = {
  'users.info': {
    token: 'bot',
    tier: 4,
    scope: 'users:read',
    run: (args, slack) => {
      const user = slack.workspace.users.get(need(args, 'user', 'user_not_found'))
      if (!user) throw new Refusal('user_not_found')
      return { user: userJson(slack, user) }
    },
  },
  'users.list': {
    token: 'bot',
    tier: 2,
    scope: 'users:read',
    run: (args, slack) => {
      const { items, next } = page([...slack.workspace.users.values()], args, 1000)
      return {
        members: items.map((user) => userJson(slack, user)),
        cache_ts: Math.floor(slack.workspace.now() / 1000),
        response_metadata: { next_cursor: next },
      }
    },
  },
  'usergroups.list': {
    token: 'bot',
    tier: 2,
    scope: 'usergroups:read',
    run: (args, slack) => ({
      usergroups: [...slack.workspace.groups.values()]
        .filter(({ disabled }) => !disabled || truthy(args.include_disabled))
        .map((group) => groupJson(slack, group, truthy(args.include_users))),
    }),
  },
  'usergroups.users.list': {
    token: 'bot',
    tier: 2,
    scope: 'usergroups:read',
    run: (args, slack) => {
      const group = slack.workspace.groups.get(need(args, 'usergroup'))
      if (!group) throw new Refusal('no_such_subteam')
      if (group.disabled && !truthy(args.include_disabled)) throw new Refusal('subteam_disabled')
      return { users: [...group.users] }
    },
  },
  'bots.info': {
    token: 'bot',
    tier: 3,
    scope: 'users:read',
    run: (args, slack) => {
      const { app, workspace } = slack
      if (args.bot !== undefined && args.bot !== app.botId) throw new Refusal('bot_not_found')
      return {
        bot: {
          id: app.botId,
          deleted: false,
          name: workspace.bot.name,
          updated: 0,
          app_id: app.id,
          user_id: workspace.bot.id,
        },
      }
    },
  },
}
