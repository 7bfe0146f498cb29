/** Threads: from a message, whose id they take, or by themselves. */
import { Form } from '../../check/form.ts'
import { refuse } from '../../error.ts'
import { intent } from '../../gateway/session.ts'
import { snowflake } from '../../ids.ts'
import { channelPayload } from '../../payload.ts'
import { bits } from '../../permissions.ts'
import { type Channel, channelType } from '../../world.ts'
import type { Answer, Call, Route } from '../route.ts'
import { nothing, ok } from '../route.ts'

const limit = { count: 50, windowMs: 300_000 }

function check({ body }: Call, byItself: boolean): { name: string; hidden: boolean } {
  const form = new Form()
  const name = form.text(['name'], body.name, { min: 1, max: 100, required: true }) ?? ''
  const lasting = body.auto_archive_duration
  if (lasting !== undefined && lasting !== null)
    form.oneOf(['auto_archive_duration'], lasting, [60, 1_440, 4_320, 10_080])
  if (byItself && body.type !== undefined) form.oneOf(['type'], body.type, [11, 12])
  form.done()
  // Without a type it is a private one, which surprises many.
  return { name, hidden: byItself && (body.type ?? 12) === 12 }
}

function parentOf({ peer, param }: Call): Channel {
  const channel = peer.world.forBot(param('channel'))
  if (channel.type !== channelType.text) throw refuse('wrongChannelType')
  return channel
}

function open({ peer }: Call, parent: Channel, id: string, name: string, hidden: boolean): Answer {
  const { world, journal, gateway } = peer
  const thread = world.thread(parent, id, name, world.bot.id, hidden)
  journal.add({ kind: 'thread', thread: thread.id, channel: parent.id, name })
  const payload = channelPayload(world, thread)
  gateway.dispatch('THREAD_CREATE', intent.Guilds, { ...payload, newly_created: true })
  return { status: 201, body: payload }
}

export const threadRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/channels/:channel/messages/:message/threads',
    limit,
    handle: (call) => {
      const { peer, param } = call
      const parent = parentOf(call)
      const message = peer.messages.forBot(parent, param('message'))
      const { name } = check(call, false)
      peer.world.demand(parent, bits('CreatePublicThreads'))
      if (message.thread !== undefined) throw refuse('threadExists')
      const answer = open(call, parent, message.id, name, false)
      peer.messages.noteThread(message, message.id)
      return answer
    },
  },
  {
    method: 'POST',
    path: '/channels/:channel/threads',
    limit,
    handle: (call) => {
      const parent = parentOf(call)
      const { name, hidden } = check(call, true)
      call.peer.world.demand(parent, bits(hidden ? 'CreatePrivateThreads' : 'CreatePublicThreads'))
      return open(call, parent, snowflake(), name, hidden)
    },
  },
  {
    method: 'PUT',
    path: '/channels/:channel/thread-members/:user',
    handle: ({ peer, param }) => {
      peer.world.forBot(param('channel'))
      return nothing
    },
  },
  {
    method: 'GET',
    path: '/guilds/:guild/threads/active',
    handle: ({ peer }) => {
      const { world } = peer
      const threads = [...world.channels.values()].filter(({ parent, archived }) => parent && !archived)
      return ok({ threads: threads.map((thread) => channelPayload(world, thread)), members: [] })
    },
  },
]
