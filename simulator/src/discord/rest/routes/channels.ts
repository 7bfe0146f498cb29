/** Channels and direct conversations. */
import { Form } from '../../check/form.ts'
import { refuse } from '../../error.ts'
import { intent } from '../../gateway/session.ts'
import { channelPayload } from '../../payload.ts'
import { permissions } from '../../permissions.ts'
import type { Route } from '../route.ts'
import { nothing, ok } from '../route.ts'

export const channelRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/channels/:channel',
    handle: ({ peer, param }) => ok(channelPayload(peer.world, peer.world.forBot(param('channel')))),
  },
  {
    method: 'PATCH',
    path: '/channels/:channel',
    limit: { count: 5, windowMs: 5_000 },
    handle: ({ peer, param, body }) => {
      const { world, gateway } = peer
      const channel = world.forBot(param('channel'))
      const thread = channel.parent !== undefined
      const form = new Form()
      const name = form.text(['name'], body.name, { min: 1, max: 100 })
      form.done()
      const own = thread && channel.owner === world.bot.id
      if (!own) world.demand(channel, thread ? permissions.ManageThreads : permissions.ManageChannels)
      if (name !== undefined) channel.name = name
      if (thread && typeof body.archived === 'boolean') channel.archived = body.archived
      if (thread && typeof body.locked === 'boolean') channel.locked = body.locked
      const payload = channelPayload(world, channel)
      gateway.dispatch(thread ? 'THREAD_UPDATE' : 'CHANNEL_UPDATE', intent.Guilds, payload)
      return ok(payload)
    },
  },
  {
    method: 'POST',
    path: '/channels/:channel/typing',
    limit: { count: 5, windowMs: 5_000 },
    handle: ({ peer, param }) => {
      peer.world.forBot(param('channel'))
      return nothing
    },
  },
  {
    method: 'POST',
    path: '/users/@me/channels',
    handle: ({ peer, body }) => {
      const user = peer.world.users.get(String(body.recipient_id))
      if (!user) throw refuse('unknownUser')
      if (user.bot) throw refuse('cannotSendToUser')
      return ok(channelPayload(peer.world, peer.world.dm(user)))
    },
  },
]
