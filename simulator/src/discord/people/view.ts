/** A channel as one person sees it. */
import { component, isSelect } from '../check/components.ts'
import type { Json } from '../check/form.ts'
import { isJson } from '../check/form.ts'
import type { Interaction } from '../interactions.ts'
import { fileUrl, isLoading } from '../message-payload.ts'
import type { Message } from '../messages.ts'
import type { Peer } from '../peer.ts'
import { textOf, walk } from '../text.ts'
import type { User } from '../world.ts'

export interface ButtonView {
  readonly label: string
  readonly customId: string | null
  readonly url: string | null
  readonly style: number
  readonly disabled: boolean
}

const text = (value: unknown): string => (typeof value === 'string' ? value : '')
const orNull = (value: unknown): string | null => (typeof value === 'string' ? value : null)

const buttonView = (value: Json): ButtonView => ({
  label: text(value.label) || text(isJson(value.emoji) ? value.emoji.name : ''),
  customId: orNull(value.custom_id),
  url: orNull(value.url),
  style: Number(value.style),
  disabled: value.disabled === true,
})

const selectView = (value: Json): object => ({
  customId: text(value.custom_id),
  type: value.type,
  placeholder: text(value.placeholder),
  disabled: value.disabled === true,
  options: Array.isArray(value.options) ? value.options : [],
  min: value.min_values ?? 1,
  max: value.max_values ?? 1,
})

export const buttonsOf = (message: Message): readonly ButtonView[] =>
  [...walk(message.components)].filter(({ type }) => type === component.button).map(buttonView)

export const selectsOf = (message: Message): readonly Json[] =>
  [...walk(message.components)].filter(({ type }) => isSelect(type))

/** A deferred answer thinks until it is edited, or until its token is over. */
function stateOf(peer: Peer, message: Message): 'sent' | 'thinking' | 'failed' {
  if (!isLoading(message)) return 'sent'
  return message.origin && peer.clock.now() >= message.origin.expires ? 'failed' : 'thinking'
}

export function messageView(peer: Peer, message: Message): object {
  const thread = message.thread === undefined ? undefined : peer.world.channels.get(message.thread)
  const state = stateOf(peer, message)
  return {
    id: message.id,
    channel: message.channel.id,
    author: { id: message.author.id, name: message.author.name, bot: message.author.bot },
    state,
    content: state === 'failed' ? 'The application did not respond' : message.content,
    text: textOf(message),
    embeds: message.embeds,
    components: message.components,
    buttons: buttonsOf(message),
    selects: selectsOf(message).map(selectView),
    files: message.attachments.map((one) => ({
      name: one.filename,
      size: one.size,
      type: one.type,
      description: one.description ?? null,
      url: fileUrl(peer.world.origin, one),
    })),
    ephemeral: message.onlyFor !== undefined,
    thread: thread ? { id: thread.id, name: thread.name, archived: thread.archived } : null,
    replyTo: message.replyTo ?? null,
    pings: message.pings,
    createdAt: message.createdAt,
    editedAt: message.editedAt ?? null,
    edits: message.edits,
    interaction: message.origin
      ? { id: message.origin.id, user: message.origin.user.name, name: message.origin.name }
      : null,
  }
}

export function visible(message: Message, user: User | undefined): boolean {
  return !message.onlyFor || user === undefined || message.onlyFor === user
}

/** What the client says by itself when nothing came within 3 s. */
export const noticeOf = ({ type }: Interaction): string =>
  type === 3 ? 'This interaction failed' : 'The application did not respond'

/** What an act led to, when its first answer is there or the 3 s are over. */
export function outcome(peer: Peer, interaction: Interaction): object {
  const { id, callback, original, modal, choices } = interaction
  const states: Readonly<Record<number, string>> = {
    4: 'answered',
    5: 'thinking',
    6: 'deferred',
    7: 'updated',
    8: 'suggested',
    9: 'modal',
  }
  return {
    interaction: id,
    state: callback === undefined ? 'failed' : states[callback],
    notice: callback === undefined ? noticeOf(interaction) : null,
    message: original ? messageView(peer, original) : null,
    modal: modal ? modalView(modal) : null,
    choices: choices ?? null,
  }
}

export interface FieldView {
  readonly customId: string
  readonly type: number
  readonly label: string
  readonly value: string
  readonly required: boolean
  readonly min: number
  readonly max: number
}

export function fieldsOf(modal: Json): readonly FieldView[] {
  const list = Array.isArray(modal.components) ? modal.components.filter(isJson) : []
  return list.flatMap((top) => {
    const inside = isJson(top.component)
      ? [top.component]
      : Array.isArray(top.components)
        ? top.components
        : []
    return inside.filter(isJson).map((field) => ({
      customId: text(field.custom_id),
      type: Number(field.type),
      label: text(top.label) || text(field.label),
      value: text(field.value),
      required: field.required !== false,
      min: Number(field.min_length ?? field.min_values ?? 0),
      max: Number(field.max_length ?? 4_000),
    }))
  })
}

const modalView = (modal: Json): object => ({
  title: modal.title,
  customId: modal.custom_id,
  fields: fieldsOf(modal),
  components: modal.components,
})
