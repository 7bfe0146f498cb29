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
import type { Asker } from '../chat/connector.ts'
import type { Posted } from '../chat/types.ts'
import { type Seen, seenIn } from './asker.ts'
import { lineChoices, optionChoices } from './complete.ts'
import { formLine, isForm, modalOf } from './form.ts'
import { type InvocationData, invocationOf, textOf } from './invocation.ts'
import { blind, type Members } from './members.ts'
import type { Reception } from './reception.ts'
import { noPings } from './render.ts'
import { createTaps } from './taps.ts'
import { cutEscaped, literal } from './text.ts'
import { anything } from './tree.ts'

const unchanged = { type: InteractionResponseType.DeferredMessageUpdate } as const
const changed = 'Its button was of an earlier state. If the card still shows it, type the command again.'

/**
 * @returns resolves when it is answered; never rejects. `late`: it is too old to be done without asking
 */
export function createInteractions(
  reception: Reception,
  members: Members,
): (interaction: APIInteraction, late: boolean) => Promise<void> {
  const { context, acknowledge } = reception
  const { desk, registry, log } = context
  const taps = createTaps(context.clock)

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

  async function command(interaction: APIInteraction, text: string, caller: Caller, { asker, place }: Seen) {
    if (members.isBlind(text, asker, caller)) return void (await say(interaction, blind.title, blind.hint))
    const hidden = caller.channel !== undefined && desk.isPrivate(text, caller)
    await reception.take(interaction, { text, caller, hidden }, (key) =>
      desk.submit({ text, caller, place, key, ...(hidden ? { private: true } : {}) }),
    )
  }

  async function component(interaction: APIMessageComponentInteraction, { asker }: Seen): Promise<void> {
    const carried = carriedBy(interaction)
    const button = readButtonId(carried)
    if (button === undefined) return void (await say(interaction, 'This button is not mine any more.'))
    const posted = desk.board.get(button.cardId)
    if (posted === undefined)
      return void (await say(interaction, 'That card is too old to act on.', 'Type the command again.'))
    const action = actionOf(posted.card, button)
    if (action === undefined) {
      if (taps.isSecond(asker.user, carried)) return void (await acknowledge(interaction, unchanged))
      return void (await say(interaction, 'This card has changed.', changed))
    }
    // What somebody agrees to must not be by a right that was taken away a moment ago.
    const caller = await members.callerOf(asker, true)
    try {
      await press(interaction, posted, action, caller, asker)
    } catch (error) {
      await refuse(interaction, error)
    }
  }

  async function press(
    interaction: APIMessageComponentInteraction,
    posted: Posted,
    action: ButtonAction,
    caller: Caller,
    asker: Asker,
  ): Promise<void> {
    if (action.kind === 'form') {
      const modal = modalOf(action.text, registry)
      if (modal !== undefined)
        return void (await acknowledge(interaction, { type: InteractionResponseType.Modal, data: modal }))
      return await command(interaction, action.text, caller, { asker, place: posted.place })
    }
    if (action.kind === 'command') {
      const hidden = caller.channel !== undefined && desk.isPrivate(action.text, caller)
      return await reception.take(interaction, { text: action.text, caller, hidden }, (key) =>
        desk.press(posted.id, action, caller, key),
      )
    }
    desk.press(posted.id, action, caller, reception.keyOf(interaction))
    taps.took(asker.user, carriedBy(interaction))
    await reception.stored()
    await acknowledge(interaction, unchanged)
    reception.renew(interaction, posted.id)
  }

  /** A button that was pressed long ago is not pressed any more. */
  async function missed(interaction: APIInteraction): Promise<void> {
    const told = await say(interaction, 'That was while I was away, and nothing was done.', 'Press it again.')
    // The client has said by then that it failed.
    if (!told) log.info({ interaction: interaction.id }, 'a button or form of Discord came too late')
  }

  async function submit(interaction: APIModalSubmitInteraction, seen: Seen): Promise<void> {
    const line = isForm(interaction.data.custom_id)
      ? formLine(interaction.data.custom_id, inputsOf(interaction), registry)
      : undefined
    if (line === undefined) return void (await say(interaction, 'This form is not mine any more.'))
    await command(interaction, line, await members.callerOf(seen.asker), seen)
  }

  async function handle(interaction: APIInteraction, late: boolean): Promise<void> {
    const seen = seenIn(interaction)
    if (seen === undefined) return
    if (interaction.type === InteractionType.ApplicationCommandAutocomplete)
      return await autocomplete(interaction, await members.callerOf(seen.asker))
    if (interaction.type === InteractionType.ApplicationCommand) {
      const text = textOf(invocationOf(interaction.data as InvocationData), registry)
      const caller = await members.callerOf(seen.asker)
      if (!late) return await command(interaction, text, caller, seen)
      const { place } = seen
      return await reception.askAgain(reception.keyOf(interaction), text, { caller, place })
    }
    if (late) return await missed(interaction)
    if (interaction.type === InteractionType.MessageComponent) return await component(interaction, seen)
    if (interaction.type === InteractionType.ModalSubmit) return await submit(interaction, seen)
  }

  /** Discord delivers some twice. */
  const busy = new Set<string>()
  return async (interaction, late) => {
    if (busy.has(interaction.id)) return
    busy.add(interaction.id)
    try {
      await handle(interaction, late)
    } catch (error) {
      context.onBug(error, 'an interaction of Discord')
    }
    busy.delete(interaction.id)
  }
}

/** What a button or the chosen line of a menu stands for. */
const carriedBy = ({ data }: APIMessageComponentInteraction): string =>
  (data.component_type === ComponentType.StringSelect ? data.values[0] : data.custom_id) ?? ''

function inputsOf({ data }: APIModalSubmitInteraction): Record<string, string> {
  const inputs: Record<string, string> = {}
  for (const row of data.components) {
    const parts = 'components' in row ? row.components : 'component' in row ? [row.component] : []
    for (const part of parts)
      if ('value' in part && typeof part.value === 'string') inputs[part.custom_id] = part.value
  }
  return inputs
}
