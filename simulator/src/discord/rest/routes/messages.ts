/** Messages by the bot's own token. */
import { checkMessage, flag } from '../../check/message.ts'
import { ApiError, refuse } from '../../error.ts'
import { messagePayload } from '../../message-payload.ts'
import type { Message } from '../../messages.ts'
import type { Permission } from '../../permissions.ts'
import { bits } from '../../permissions.ts'
import type { Channel } from '../../world.ts'
import type { Call, Route } from '../route.ts'
import { nothing, ok } from '../route.ts'

const creatable = flag.suppressEmbeds | flag.suppressNotifications | flag.componentsV2
const editable = flag.suppressEmbeds | flag.componentsV2

/** @throws ApiError 10003, 50001, 50007, 50013, 160005 */
function writable({ peer, param, body, files }: Call): Channel {
  const { world } = peer
  const channel = world.forBot(param('channel'))
  const recipient = world.users.get(channel.recipient ?? '')
  if (recipient?.dmsClosed) throw refuse('cannotSendToUser')
  const needed: Permission[] = [channel.parent === undefined ? 'SendMessages' : 'SendMessagesInThreads']
  if (Array.isArray(body.embeds) && body.embeds.length > 0) needed.push('EmbedLinks')
  if (files.length > 0) needed.push('AttachFiles')
  if (body.message_reference) needed.push('ReadMessageHistory')
  world.demand(channel, bits(...needed))
  if (channel.locked) throw refuse('threadLocked')
  return channel
}

function own({ peer, param }: Call): Message {
  return peer.messages.forBot(peer.world.forBot(param('channel')), param('message'))
}

const number = (text: string | null, fallback: number): number => (text === null ? fallback : Number(text))

function list({ peer, param, query }: Call): readonly Message[] {
  const channel = peer.world.forBot(param('channel'))
  peer.world.demand(channel, bits('ReadMessageHistory'))
  const limit = number(query.get('limit'), 50)
  if (!(limit >= 1 && limit <= 100)) throw new ApiError(400, 50035, 'Invalid Form Body')
  const [before, after] = [query.get('before'), query.get('after')]
  const fitting = peer.messages.in(channel).filter(({ onlyFor, id }) => {
    if (onlyFor) return false
    return (before === null || BigInt(id) < BigInt(before)) && (after === null || BigInt(id) > BigInt(after))
  })
  // Newest first, but after a given one those that are nearest to it.
  return (after === null ? fitting.slice(-limit) : fitting.slice(0, limit)).toReversed()
}

export const messageRoutes: readonly Route[] = [
  {
    method: 'GET',
    path: '/channels/:channel/messages',
    handle: (call) => ok(list(call).map((message) => messagePayload(call.peer.world, message))),
  },
  {
    method: 'POST',
    path: '/channels/:channel/messages',
    limit: { count: 5, windowMs: 5_000 },
    drop: 'dropCreates',
    handle: (call) => {
      const { peer, body, files } = call
      const channel = writable(call)
      const draft = checkMessage(body, creatable, files.length)
      const { replyTo } = draft
      const missing = replyTo !== undefined && peer.messages.find(replyTo)?.channel !== channel
      const strict = (body.message_reference as { fail_if_not_exists?: boolean } | undefined)
        ?.fail_if_not_exists
      if (missing && strict !== false)
        throw new ApiError(400, 50035, 'Invalid Form Body', {
          message_reference: {
            _errors: [{ code: 'REPLIES_UNKNOWN_MESSAGE', message: 'Unknown message' }],
          },
        })
      const kept = missing ? { ...draft, replyTo: undefined } : draft
      return ok(messagePayload(peer.world, peer.messages.create(channel, peer.world.bot, kept, files)))
    },
  },
  {
    method: 'GET',
    path: '/channels/:channel/messages/:message',
    handle: (call) => {
      call.peer.world.demand(call.peer.world.forBot(call.param('channel')), bits('ReadMessageHistory'))
      return ok(messagePayload(call.peer.world, own(call)))
    },
  },
  {
    method: 'PATCH',
    path: '/channels/:channel/messages/:message',
    limit: { count: 5, windowMs: 5_000 },
    handle: (call) => {
      const { peer, body, files } = call
      const message = own(call)
      if (message.author !== peer.world.bot) throw refuse('notYours')
      if (message.channel.archived) throw refuse('archived')
      const draft = checkMessage(body, editable, files.length, message)
      return ok(messagePayload(peer.world, peer.messages.edit(message, draft, files)))
    },
  },
  {
    method: 'DELETE',
    path: '/channels/:channel/messages/:message',
    limit: { count: 5, windowMs: 1_000 },
    handle: (call) => {
      const { peer } = call
      const message = own(call)
      if (message.author !== peer.world.bot) peer.world.demand(message.channel, bits('ManageMessages'))
      peer.messages.remove(message)
      return nothing
    },
  },
]
