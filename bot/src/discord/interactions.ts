/** Commands, buttons, menus, forms and completion: each is answered within 3 s, and done once. */
import { type ButtonAction, type Caller, errorData } from '@homelab/core'
import {
  type APIInteraction,
  type APIMessageComponentInteraction,
  type APIModalSubmitInteraction,
  ComponentType,
  InteractionResponseType,
  InteractionType,
  MessageFlags,
} from 'discord.js'
import { actionOf, readButtonId } from '../chat/buttons.ts'
import type { Place, Posted } from '../chat/types.ts'
import { madeAt, type Seen, seenIn } from './asker.ts'
import { lineChoices, optionChoices } from './complete.ts'
import { formLine, isForm, modalOf } from './form.ts'
import { type InvocationData, invocationOf, textOf } from './invocation.ts'
import type { Reception } from './reception.ts'
import { noPings } from './render.ts'
import { cutEscaped, literal } from './text.ts'
import { anything } from './tree.ts'

/** @returns resolves when it is answered; never rejects */
export function createInteractions(reception: Reception): (interaction: APIInteraction) => Promise<void> {
  const { context, acknowledge } = reception
  const { desk, registry } = context

  const say = (interaction: APIInteraction, text: string, hint?: string) =>
    acknowledge(interaction, {
      type: InteractionResponseType.ChannelMessageWithSource,
      data: {
        flags: MessageFlags.Ephemeral,
        content: cutEscaped(
          [text, hint ?? '']
            .filter((part) => part !== '')
            .map(literal)
            .join('\n'),
          1_900,
        ),
        allowed_mentions: noPings,
      },
    })

  const refuse = (interaction: APIInteraction, error: unknown) => {
    const { code, message, hint } = errorData(error)
    if (code !== 'bug') return say(interaction, message, hint)
    context.onBug(error, 'a button in Discord')
    return say(interaction, 'Something broke in homelab itself.', 'Its log says what.')
  }

  function complete(interaction: APIInteraction, caller: Caller) {
    if (interaction.type !== InteractionType.ApplicationCommandAutocomplete) return []
    const { path, values, focused } = invocationOf(interaction.data)
    if (focused === undefined) return []
    const ask = (line: string, who: Caller) => desk.complete(line, who)
    if (path === anything.name) return lineChoices(ask, String(values[anything.option] ?? ''), caller)
    const operation = registry.byChat(path)
    return operation === undefined ? [] : optionChoices(ask, operation, focused.name, focused.typed, caller)
  }

  async function autocomplete(interaction: APIInteraction, caller: Caller): Promise<void> {
    let choices: { name: string; value: string }[] = []
    try {
      choices = [...complete(interaction, caller)]
    } catch (error) {
      context.onBug(error, 'completing in Discord')
    }
    await acknowledge(interaction, {
      type: InteractionResponseType.ApplicationCommandAutocompleteResult,
      data: { choices },
    })
  }

  const command = (interaction: APIInteraction, text: string, caller: Caller, place: Place) => {
    const hidden = caller.channel !== undefined && desk.isPrivate(text, caller)
    return reception.take(interaction, { text, caller, hidden }, (key) =>
      desk.submit({ text, caller, place, key, ...(hidden ? { private: true } : {}) }),
    )
  }

  async function component(interaction: APIMessageComponentInteraction, { asker }: Seen): Promise<void> {
    const { data } = interaction
    const carried = data.component_type === ComponentType.StringSelect ? data.values[0] : data.custom_id
    const button = readButtonId(carried ?? '')
    if (button === undefined) return await say(interaction, 'This button is not mine any more.')
    const posted = desk.board.get(button.cardId)
    if (posted === undefined)
      return await say(interaction, 'That card is too old to act on.', 'Type the command again.')
    const action = actionOf(posted.card, button)
    if (action === undefined) {
      reception.showAgain(posted)
      return await say(interaction, 'This card has changed.', 'Look at it again: it is shown as it is now.')
    }
    const caller = context.callerOf(asker)
    try {
      await press(interaction, posted, action, caller)
    } catch (error) {
      await refuse(interaction, error)
    }
  }

  async function press(
    interaction: APIMessageComponentInteraction,
    posted: Posted,
    action: ButtonAction,
    caller: Caller,
  ): Promise<void> {
    if (action.kind === 'form') {
      const modal = modalOf(action.text, registry)
      if (modal !== undefined)
        return await acknowledge(interaction, { type: InteractionResponseType.Modal, data: modal })
      return await command(interaction, action.text, caller, posted.place)
    }
    if (action.kind === 'command') {
      const hidden = caller.channel !== undefined && desk.isPrivate(action.text, caller)
      return await reception.take(interaction, { text: action.text, caller, hidden }, (key) =>
        desk.press(posted.id, action, caller, key),
      )
    }
    desk.press(posted.id, action, caller, reception.keyOf(interaction))
    await reception.stored()
    await acknowledge(interaction, { type: InteractionResponseType.DeferredMessageUpdate })
    reception.renew(interaction, posted.id)
  }

  async function submit(interaction: APIModalSubmitInteraction, { asker, place }: Seen): Promise<void> {
    const line = isForm(interaction.data.custom_id)
      ? formLine(interaction.data.custom_id, inputsOf(interaction), registry)
      : undefined
    if (line === undefined) return await say(interaction, 'This form is not mine any more.')
    await command(interaction, line, context.callerOf(asker), place)
  }

  return async (interaction) => {
    try {
      const seen = seenIn(interaction)
      if (seen === undefined) return
      if (interaction.type === InteractionType.ApplicationCommandAutocomplete)
        return await autocomplete(interaction, context.callerOf(seen.asker))
      if (reception.isKnown(interaction)) return
      if (interaction.type === InteractionType.ApplicationCommand) {
        const text = textOf(invocationOf(interaction.data as InvocationData), registry)
        const caller = context.callerOf(seen.asker)
        if (reception.isLate(madeAt(interaction.id)))
          return reception.askAgain(reception.keyOf(interaction), text, seen.place)
        return await command(interaction, text, caller, seen.place)
      }
      // A button that was pressed long ago is not pressed any more: who did it saw that it failed.
      if (reception.isLate(madeAt(interaction.id))) return
      if (interaction.type === InteractionType.MessageComponent) return await component(interaction, seen)
      if (interaction.type === InteractionType.ModalSubmit) return await submit(interaction, seen)
    } catch (error) {
      context.onBug(error, 'an interaction of Discord')
    }
  }
}

function inputsOf({ data }: APIModalSubmitInteraction): Record<string, string> {
  const inputs: Record<string, string> = {}
  for (const row of data.components) {
    const parts = 'components' in row ? row.components : 'component' in row ? [row.component] : []
    for (const part of parts)
      if ('value' in part && typeof part.value === 'string') inputs[part.custom_id] = part.value
  }
  return inputs
}
