/** The control port: people, faults, counts and events for tests. Loopback only, and no part of Slack. */
import type { Hono } from 'hono'
import { bodyOf, controlApi } from '../process/control.ts'
import { joined } from './api/conversations.ts'
import { manifest } from './app.ts'
import { noFaults } from './faults.ts'
import type { Json } from './json.ts'
import { list, string } from './json.ts'
import type { Reason } from './link/sockets.ts'
import { findMessage, remove } from './messages.ts'
import { close, submit } from './people/modal.ts'
import { openViews, read } from './people/read.ts'
import { command, dm, home, mention, say } from './people/say.ts'
import { click, select, suggest } from './people/use.ts'
import type { Slack } from './slack.ts'
import type { Channel } from './workspace.ts'

const deeds: Readonly<Record<string, (slack: Slack, name: string, asked: Json) => unknown>> = {
  command,
  mention,
  say,
  dm,
  home,
  click,
  select,
  suggest,
  submit,
  close,
  views: openViews,
}

const channelView = ({ id, name, kind, archived, members }: Channel): Json => ({
  id,
  name,
  kind,
  archived,
  members: [...members],
})

function channelOf(slack: Slack, reference: string): Channel {
  const channel = slack.workspace.findChannel(reference)
  if (!channel) throw new Error(`there is no channel ${reference}`)
  return channel
}

/** `{ archived?, removed?, name?, add?: names, remove?: names }`; the bot is `homelab`. */
function changeChannel(slack: Slack, channel: Channel, change: Json): Json {
  const { workspace, events } = slack
  for (const key of Object.keys(change)) {
    if (!['archived', 'removed', 'name', 'add', 'remove'].includes(key))
      throw new Error(`a channel cannot be given ${key}`)
  }
  const idOf = (name: unknown): string => {
    const user = workspace.findUser(String(name))
    if (!user) throw new Error(`nobody is called ${String(name)}`)
    return user.id
  }
  channel.name = string(change.name) ?? channel.name
  for (const id of list(change.add).map(idOf)) {
    channel.members.add(id)
    joined(slack, channel, id)
  }
  for (const id of list(change.remove).map(idOf)) {
    channel.members.delete(id)
    const event = { type: 'member_left_channel', user: id, channel: channel.id, event_ts: workspace.newTs() }
    if (channel.members.has(workspace.bot.id)) events.emit('member_left_channel', event)
  }
  if (typeof change.archived === 'boolean') {
    channel.archived = change.archived
    if (change.archived)
      events.emit('channel_archive', {
        type: 'channel_archive',
        channel: channel.id,
        event_ts: workspace.newTs(),
      })
  }
  if (change.removed === true) workspace.channels.delete(channel.id)
  return channelView(channel)
}

/** `{ add?: names, remove?: names, disabled? }` */
function changeGroup(slack: Slack, reference: string, change: Json): Json {
  const { workspace, events } = slack
  const group = workspace.findGroup(reference)
  if (!group) throw new Error(`there is no group ${reference}`)
  const ids = (names: unknown): string[] =>
    list(names).map((name) => workspace.findUser(String(name))?.id ?? String(name))
  const [added, removed] = [ids(change.add), ids(change.remove)]
  for (const id of added) group.users.add(id)
  for (const id of removed) group.users.delete(id)
  if (typeof change.disabled === 'boolean') group.disabled = change.disabled
  events.emit('subteam_members_changed', {
    type: 'subteam_members_changed',
    subteam_id: group.id,
    team_id: workspace.team,
    date_update: Math.floor(workspace.now() / 1000),
    added_users: added,
    added_users_count: added.length,
    removed_users: removed,
    removed_users_count: removed.length,
    event_ts: workspace.newTs(),
  })
  return { id: group.id, handle: group.handle, users: [...group.users], disabled: group.disabled }
}

function reset(slack: Slack): void {
  Object.assign(slack.faults, noFaults(slack.options.limits))
  Object.assign(slack.app, manifest(slack.options.command))
  slack.requests.url = undefined
  slack.events.clear()
  slack.limits.reset()
  slack.triggers.clear()
  slack.responses.clear()
  slack.views.clear()
  slack.files.clear()
  slack.workspace.reset()
  slack.journal.reset()
}

export function controlRoutes(slack: Slack): Hono {
  const { journal, workspace } = slack
  const api = controlApi(slack)
  api.post('/reset', (context) => {
    reset(slack)
    return context.json({})
  })
  api.post('/cut', (context) => context.json({ cut: slack.sockets.cut() }))
  api.post('/disconnect', async (context) => {
    const { reason } = await bodyOf(context.req)
    const wanted = (string(reason) ?? 'refresh_requested') as Reason
    return context.json({ told: slack.sockets.disconnect(wanted) })
  })
  api.post('/clock', async (context) => {
    workspace.aheadMs = Number((await bodyOf(context.req)).aheadMs)
    return context.json({ aheadMs: workspace.aheadMs })
  })
  api.post('/http', async (context) => {
    const url = string((await bodyOf(context.req)).url)
    slack.requests.url = url
    return context.json({ verified: url === undefined ? undefined : await slack.requests.verify(url) })
  })
  api.post('/app', async (context) => {
    const change = await bodyOf(context.req)
    for (const [key, value] of Object.entries(change)) {
      if (['scopes', 'subscriptions', 'commands'].includes(key) && Array.isArray(value)) continue
      if (key === 'shouldEscape' && typeof value === 'boolean') continue
      throw new Error(`the app cannot be given ${key}: ${JSON.stringify(value)}`)
    }
    Object.assign(slack.app, change)
    const { scopes, subscriptions, commands, shouldEscape } = slack.app
    return context.json({ scopes, subscriptions, commands, shouldEscape })
  })
  api.post('/channels', async (context) => {
    const { name, kind, members } = await bodyOf(context.req)
    const made = workspace.addChannel(
      String(name),
      kind === 'private' ? 'private' : 'channel',
      list(members).map(String),
    )
    return context.json(channelView(made))
  })
  api.post('/channels/:channel', async (context) =>
    context.json(
      changeChannel(slack, channelOf(slack, context.req.param('channel')), await bodyOf(context.req)),
    ),
  )
  api.post('/groups/:group', async (context) =>
    context.json(changeGroup(slack, context.req.param('group'), await bodyOf(context.req))),
  )
  api.post('/users/:user', async (context) => {
    const user = workspace.findUser(context.req.param('user'))
    if (!user) throw new Error(`nobody is called ${context.req.param('user')}`)
    const { deleted, name, realName } = await bodyOf(context.req)
    if (typeof deleted === 'boolean') user.deleted = deleted
    if (user.deleted) {
      // Whoever is deactivated is out of every channel and group.
      for (const { members } of workspace.channels.values()) members.delete(user.id)
      for (const { users } of workspace.groups.values()) users.delete(user.id)
    }
    user.name = string(name) ?? user.name
    user.realName = string(realName) ?? user.realName
    return context.json(user)
  })
  api.post('/messages/delete', async (context) => {
    const { channel, ts } = await bodyOf(context.req)
    const there = channelOf(slack, String(channel))
    if (!findMessage(there, String(ts))) throw new Error(`there is no message ${String(ts)}`)
    remove(slack, there, String(ts))
    return context.json({})
  })
  api.post('/people/:name/:deed', async (context) => {
    const deed = deeds[context.req.param('deed')]
    if (!deed) throw new Error(`people cannot ${context.req.param('deed')}`)
    const result = await deed(slack, context.req.param('name'), await bodyOf(context.req))
    return context.json({ result })
  })
  api.post('/read', async (context) => context.json({ messages: read(slack, await bodyOf(context.req)) }))
  api.get('/counts', (context) => context.json({ ...journal.counts, latency: journal.latencies.summary() }))
  api.get('/state', (context) =>
    context.json({
      lastEvent: journal.last,
      sockets: slack.sockets.size,
      http: slack.requests.url,
      channels: [...workspace.channels.values()].map((channel) => ({
        ...channelView(channel),
        messages: channel.messages.length,
      })),
    }),
  )
  return api
}
