/** What people do: type, click, choose, fill in, speak, read. */
import { component } from '../check/components.ts'
import type { Json } from '../check/form.ts'
import { isJson } from '../check/form.ts'
import { emptyDraft } from '../check/message.ts'
import type { Interaction } from '../interactions.ts'
import { isLoading, messagePayload } from '../message-payload.ts'
import type { Message } from '../messages.ts'
import type { Peer } from '../peer.ts'
import { bits } from '../permissions.ts'
import type { Channel, User } from '../world.ts'
import { interactionPayload, resolved } from './payload.ts'
import { type as typed } from './typing.ts'
import { buttonsOf, fieldsOf, outcome, selectsOf, visible } from './view.ts'

type Start = Parameters<Peer['interactions']['start']>[0]

function deliver(peer: Peer, start: Start, data: Json): Interaction {
  const interaction = peer.interactions.start(start)
  const source = start.source ? messagePayload(peer.world, start.source) : undefined
  const sessions = peer.gateway.interaction(interactionPayload(peer, interaction, data, source))
  if (sessions === 0) {
    peer.journal.counts.undelivered += 1
    peer.journal.counts.unheard.push(interaction.id)
  }
  return interaction
}

/** Waits for the first answer, unless the body says `wait: false`. */
async function result(peer: Peer, interaction: Interaction, body: Json): Promise<object> {
  if (body.wait === false) return { interaction: interaction.id }
  await interaction.settled
  return outcome(peer, interaction)
}

const channelOf = (peer: Peer, body: Json): Channel => peer.world.channelNamed(String(body.channel ?? ''))
const pathOf = (body: Json): readonly string[] => (Array.isArray(body.path) ? body.path.map(String) : [])
const optionsOf = (body: Json): Json => (isJson(body.options) ? body.options : {})

export async function command(peer: Peer, user: User, body: Json): Promise<object> {
  const channel = channelOf(peer, body)
  const { data, name, named } = typed(peer, { user, channel, path: pathOf(body), options: optionsOf(body) })
  const whole = named.length > 0 ? { ...data, resolved: resolved(peer, named) } : data
  return await result(peer, deliver(peer, { type: 2, user, channel, name, source: undefined }, whole), body)
}

/** `option` is being typed, `options` has what is typed of it and of the others. */
export async function autocomplete(peer: Peer, user: User, body: Json): Promise<object> {
  const channel = channelOf(peer, body)
  const typing = { user, channel, path: pathOf(body), options: optionsOf(body), focused: String(body.option) }
  const { data, name } = typed(peer, typing)
  return await result(peer, deliver(peer, { type: 4, user, channel, name, source: undefined }, data), body)
}

/** By id, or the newest in the channel that fits and that this person sees. */
function messageWith(peer: Peer, user: User, body: Json, fits: (message: Message) => boolean): Message {
  const id = body.message
  const named = typeof id === 'string' ? peer.messages.find(id) : undefined
  const channel = named?.channel ?? (body.channel === undefined ? undefined : channelOf(peer, body))
  const candidates = named ? [named] : typeof id === 'string' || !channel ? [] : peer.messages.in(channel)
  const seen = candidates.filter((one) => visible(one, user) && peer.world.sees(user, one.channel))
  const found = seen.findLast(fits)
  if (found) return found
  throw new Error(`${user.name} sees no message with that: ${JSON.stringify(body)}`)
}

export async function click(peer: Peer, user: User, body: Json): Promise<object> {
  const { label, customId } = body
  const wanted = (button: { label: string; customId: string | null }): boolean =>
    customId === undefined ? button.label === label : button.customId === customId
  const message = messageWith(peer, user, body, (one) => buttonsOf(one).some(wanted))
  const button = buttonsOf(message).find(wanted)
  if (!button?.customId) throw new Error('there is no such button, or it is a link')
  if (button.disabled) throw new Error(`button "${button.label}" is disabled`)
  if (isLoading(message)) throw new Error('the message is not there yet')
  const { channel } = message
  const data = { custom_id: button.customId, component_type: component.button, id: 1 }
  const start: Start = { type: 3, user, channel, name: button.customId, source: message }
  return await result(peer, deliver(peer, start, data), body)
}

function chosen(peer: Peer, select: Json, body: Json): readonly string[] {
  const values = Array.isArray(body.values) ? body.values.map(String) : []
  const [low, high] = [Number(select.min_values ?? 1), Number(select.max_values ?? 1)]
  if (values.length < low || values.length > high) throw new Error(`choose ${low} to ${high}`)
  const options = Array.isArray(select.options) ? select.options.filter(isJson) : []
  return values.map((value) => {
    if (select.type === component.userSelect) return peer.world.personNamed(value).id
    if (select.type === component.roleSelect) return peer.world.roleNamed(value).id
    if (select.type === component.channelSelect) return peer.world.channelNamed(value).id
    const option = options.find((one) => one.value === value || one.label === value)
    if (!option) throw new Error(`nothing to choose is called "${value}"`)
    return String(option.value)
  })
}

/** `values` are values or labels; without `customId` it is the only select. */
export async function select(peer: Peer, user: User, body: Json): Promise<object> {
  const fits = (one: Json): boolean => body.customId === undefined || one.custom_id === body.customId
  const message = messageWith(peer, user, body, (one) => selectsOf(one).some(fits))
  const menu = selectsOf(message).find(fits)
  if (!menu) throw new Error('there is no such select')
  if (menu.disabled === true) throw new Error('the select is disabled')
  const values = chosen(peer, menu, body)
  const data = {
    custom_id: menu.custom_id,
    component_type: menu.type,
    id: menu.id,
    values,
    ...(menu.type !== component.select && { resolved: resolved(peer, values) }),
  }
  const start: Start = {
    type: 3,
    user,
    channel: message.channel,
    name: String(menu.custom_id),
    source: message,
  }
  return await result(peer, deliver(peer, start, data), body)
}

/** Sends the form that an act of this person opened: `fields` by custom id or label. */
export async function submit(peer: Peer, user: User, body: Json): Promise<object> {
  const opened = peer.interactions.opened(
    user,
    typeof body.interaction === 'string' ? body.interaction : undefined,
  )
  const modal = opened?.modal
  if (!opened || !modal) throw new Error(`${user.name} has no form open`)
  const fields = isJson(body.fields) ? body.fields : {}
  const known = fieldsOf(modal)
  for (const name of Object.keys(fields))
    if (!known.some(({ customId, label }) => name === customId || name === label))
      throw new Error(
        `the form has no "${name}"; there are: ${known.map(({ customId }) => customId).join(', ')}`,
      )
  const filledIn = (customId: string): unknown => {
    const field = known.find((one) => one.customId === customId)
    if (!field) return undefined
    const value = fields[field.customId] ?? fields[field.label] ?? field.value
    if (field.type !== component.input) return value
    if (field.required && value === '') throw new Error(`"${field.label}" is required`)
    const { length } = String(value)
    if (length > field.max || (length > 0 && length < field.min))
      throw new Error(`"${field.label}" has a wrong length`)
    return String(value)
  }
  const filled = (one: Json): Json => {
    const value = filledIn(String(one.custom_id))
    const own = { type: one.type, id: one.id ?? 1, custom_id: one.custom_id }
    return one.type === component.input
      ? { ...own, value }
      : { ...own, values: Array.isArray(value) ? value : [] }
  }
  const list = Array.isArray(modal.components) ? modal.components.filter(isJson) : []
  const components = list.map((top, index) => {
    const place = { type: top.type, id: index + 1 }
    if (isJson(top.component)) return { ...place, component: filled(top.component) }
    return Array.isArray(top.components)
      ? { ...place, components: top.components.filter(isJson).map(filled) }
      : place
  })
  opened.modal = undefined
  const { channel, source } = opened
  const data = { custom_id: modal.custom_id, components }
  const start: Start = { type: 5, user, channel, name: String(modal.custom_id), source }
  return await result(peer, deliver(peer, start, data), body)
}

/** `@homelab` in the text mentions the bot. Returns the message's id. */
export function say(peer: Peer, user: User, body: Json): object {
  const channel = channelOf(peer, body)
  const needed = channel.parent === undefined ? 'SendMessages' : 'SendMessagesInThreads'
  if ((peer.world.may(user, channel) & bits(needed)) === 0n)
    throw new Error(`${user.name} may not write there`)
  const { id, name } = peer.world.bot
  const content = String(body.content ?? '').replaceAll(`@${name}`, `<@${id}>`)
  if (content === '' || content.length > 2_000) throw new Error('a message has 1 to 2,000 characters')
  const replyTo = typeof body.replyTo === 'string' ? body.replyTo : undefined
  const message = peer.messages.create(channel, user, { ...emptyDraft, content, replyTo }, [])
  return { message: message.id }
}
