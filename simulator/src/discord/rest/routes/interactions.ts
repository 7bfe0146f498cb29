/** Answers to interactions, and what the interaction's token can do afterwards. */
import { checkChoices, optionType } from '../../check/commands.ts'
import { checkModal } from '../../check/components.ts'
import type { Json } from '../../check/form.ts'
import { Form, isJson } from '../../check/form.ts'
import { checkMessage, emptyDraft, flag } from '../../check/message.ts'
import { ApiError, refuse } from '../../error.ts'
import type { Interaction } from '../../interactions.ts'
import { messagePayload } from '../../message-payload.ts'
import type { How, Message } from '../../messages.ts'
import type { Peer } from '../../peer.ts'
import type { Answer, Call, Route } from '../route.ts'
import { nothing, ok } from '../route.ts'

const creatable = flag.suppressEmbeds | flag.ephemeral | flag.suppressNotifications | flag.componentsV2
const editable = flag.suppressEmbeds | flag.componentsV2

const callback = { message: 4, deferred: 5, deferredUpdate: 6, update: 7, autocomplete: 8, modal: 9 } as const

/** Which first answers fit which act. */
function allowed({ type, source }: Interaction): readonly number[] {
  if (type === 4) return [callback.autocomplete]
  const onMessage = source ? [callback.deferredUpdate, callback.update] : []
  // A form cannot answer a form.
  return [callback.message, callback.deferred, ...onMessage, ...(type === 5 ? [] : [callback.modal])]
}

function how(peer: Peer, interaction: Interaction, flags: number, loading: boolean): How {
  const { id, type, user } = interaction
  return {
    loading,
    onlyFor: (flags & flag.ephemeral) !== 0 ? user : undefined,
    origin: {
      id,
      type,
      user,
      name: type === 2 ? interaction.name : '',
      expires: peer.interactions.expires(interaction),
    },
  }
}

function say(call: Call, interaction: Interaction, body: Json): Message {
  const { peer, files } = call
  const draft = checkMessage(body, creatable, files.length)
  const { world, messages } = peer
  return messages.create(
    interaction.channel,
    world.bot,
    draft,
    files,
    how(peer, interaction, draft.flags, false),
  )
}

/** What the first answer does; throws before anything is changed when it is not allowed. */
function act(call: Call, interaction: Interaction, type: number, data: Json): void {
  const { messages, world } = call.peer
  if (type === callback.message) interaction.original = say(call, interaction, data)
  else if (type === callback.deferred) {
    const flags = typeof data.flags === 'number' ? data.flags : 0
    const place = how(call.peer, interaction, flags, true)
    interaction.original = messages.create(interaction.channel, world.bot, emptyDraft, [], place)
  } else if (type === callback.deferredUpdate) interaction.original = interaction.source
  else if (type === callback.update && interaction.source) {
    const draft = checkMessage(data, editable, call.files.length, interaction.source)
    interaction.original = messages.edit(interaction.source, draft, call.files)
  } else if (type === callback.autocomplete) {
    const form = new Form()
    const numeric =
      Array.isArray(data.choices) && data.choices.some((one: Json) => typeof one.value === 'number')
    const kind = numeric ? optionType.number : optionType.string
    interaction.choices = checkChoices(form, ['data', 'choices'], data.choices, kind)
    form.done()
  } else if (type === callback.modal) {
    const form = new Form()
    checkModal(form, data)
    form.done()
    interaction.modal = data
  }
}

function answer(call: Call): Answer {
  const { peer, body, query, param } = call
  const interaction = peer.interactions.answerable(param('interaction'), param('token'))
  const form = new Form()
  form.oneOf(['type'], body.type, allowed(interaction))
  form.done()
  const type = Number(body.type)
  try {
    act(call, interaction, type, isJson(body.data) ? body.data : {})
  } catch (error) {
    // A message's problems stand under the field that holds it.
    if (!(error instanceof ApiError) || !error.errors || 'data' in error.errors) throw error
    throw new ApiError(error.status, error.code, error.message, { data: error.errors })
  }
  peer.interactions.answered(interaction, type)
  if (query.get('with_response') !== 'true') return nothing
  const { original, id } = interaction
  const loading = type === callback.deferred
  return ok({
    interaction: {
      id,
      type: interaction.type,
      response_message_id: original?.id,
      response_message_loading: loading,
      response_message_ephemeral: original?.onlyFor !== undefined,
      channel_id: interaction.channel.id,
      guild_id: interaction.channel.recipient === undefined ? peer.world.guild.id : undefined,
    },
    resource: { type, ...(original && { message: messagePayload(peer.world, original) }) },
  })
}

function byToken({ peer, param }: Call): Interaction {
  if (param('application') !== peer.world.application) throw refuse('unknownWebhook')
  return peer.interactions.byToken(param('application'), param('token'))
}

/** `@original`, or a follow-up by its id. @throws ApiError 10008 */
function target(call: Call): Message {
  const interaction = byToken(call)
  const wanted = call.param('message')
  const found =
    wanted === '@original'
      ? call.peer.messages.find(interaction.original?.id ?? '')
      : call.peer.messages.find(wanted)
  const mine = found && (found === interaction.original || found.origin?.id === interaction.id)
  if (!found || !mine) throw refuse('unknownMessage')
  return found
}

function edit(call: Call, message: Message): Answer {
  const draft = checkMessage(call.body, editable, call.files.length, message)
  return ok(messagePayload(call.peer.world, call.peer.messages.edit(message, draft, call.files)))
}

const webhook = '/webhooks/:application/:token'
const limit = { count: 5, windowMs: 2_000 }

export const interactionRoutes: readonly Route[] = [
  {
    method: 'POST',
    path: '/interactions/:interaction/:token/callback',
    bot: false,
    drop: 'dropCallbacks',
    handle: answer,
  },
  {
    method: 'POST',
    path: webhook,
    bot: false,
    limit,
    handle: (call) => {
      const interaction = byToken(call)
      const { original } = interaction
      // The first follow-up of a deferred answer ends it, and whether it is hidden was said before.
      if (original && interaction.callback === callback.deferred && (original.flags & flag.loading) !== 0)
        return edit(
          { ...call, body: { ...call.body, flags: Number(call.body.flags ?? 0) & editable } },
          original,
        )
      return ok(messagePayload(call.peer.world, say(call, interaction, call.body)))
    },
  },
  {
    method: 'GET',
    path: `${webhook}/messages/:message`,
    bot: false,
    limit,
    handle: (call) => ok(messagePayload(call.peer.world, target(call))),
  },
  {
    method: 'PATCH',
    path: `${webhook}/messages/:message`,
    bot: false,
    limit,
    handle: (call) => edit(call, target(call)),
  },
  {
    method: 'DELETE',
    path: `${webhook}/messages/:message`,
    bot: false,
    limit,
    handle: (call) => {
      call.peer.messages.remove(target(call))
      return nothing
    },
  },
]
