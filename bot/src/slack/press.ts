/** Buttons, menus and filled forms: what they carry is looked up in the card, which may have changed since. */
import { type ButtonAction, errorData, HomelabError } from '@homelab/core'
import type { AckFn, App, BlockAction, ViewSubmitAction } from '@slack/bolt'
import type { WebClient } from '@slack/web-api'
import { actionOf, readButtonId } from '../chat/buttons.ts'
import type { ConnectorContext } from '../chat/connector.ts'
import { formOf } from '../chat/form.ts'
import type { Place, Posted } from '../chat/types.ts'
import { inTime } from './client.ts'
import { type Filled, type FormMeta, formCallback, formView, readForm } from './form.ts'
import { type Intake, keyOf, quietly, STORED_MS } from './intake.ts'
import { maxBlocks } from './limits.ts'
import type { People } from './people.ts'
import { choiceAction, renderSlack } from './render.ts'
import { plain, richText } from './sections.ts'
import { escapeMarkup } from './text.ts'
import { type Trouble, troubleOf } from './trouble.ts'

export interface PressOptions {
  readonly context: ConnectorContext
  readonly client: WebClient
  readonly people: People
  readonly intake: Intake
  readonly onTrouble: (trouble: Trouble, what: string) => void
}

/** Where something was pressed, and by whom. */
interface Pressed {
  readonly user: string
  readonly name: string | undefined
  readonly channel: string
  readonly thread: string | undefined
  readonly trigger: string
}

/** Milliseconds in which pressing the same again tells nobody anything new. */
const AGAIN_MS = 120_000
const mostRemembered = 1_000

const changed = new HomelabError('conflict', 'This card has changed since you saw that button.', {
  hint: 'Look at it again.',
})
const tooOld = new HomelabError('not-found', 'That card is too old to act on.', {
  hint: 'Type the command again.',
})

export function listenToPresses(app: App, options: PressOptions): void {
  const { context, client, people, intake } = options
  const { desk, registry, clock } = context
  /** Who pressed what, and when. */
  const pressedAt = new Map<string, number>()

  /** For whoever pressed, and nobody else. */
  async function whisper({ user, channel, thread }: Pressed, error: unknown): Promise<void> {
    const { code, message, hint } = errorData(error)
    if (code === 'bug') context.onBug(error, 'a button')
    const said = code === 'bug' ? 'Something broke in homelab itself; its log says what.' : message
    const text = escapeMarkup(hint === undefined ? said : `${said} ${hint}`)
    await client.chat
      .postEphemeral({ channel, user, text, ...(thread === undefined ? {} : { thread_ts: thread }) })
      .catch((failed: unknown) => options.onTrouble(troubleOf(failed), 'answering a button'))
  }

  /** The card as it is now, whatever this person still sees of it. */
  async function showNow(pressed: Pressed, posted: Posted): Promise<void> {
    const { user, channel, thread } = pressed
    const { blocks, text } = renderSlack(posted, { now: clock.now() })
    const others = posted.private === true && posted.caller.id !== `slack:${user}`
    if (others || blocks.length >= maxBlocks) return await whisper(pressed, changed)
    const said = `${changed.message} This is how it is now.`
    await client.chat
      .postEphemeral({
        channel,
        user,
        text: `${said} ${text}`,
        blocks: [richText({ type: 'rich_text_section', elements: [plain(said)] }), ...blocks],
        ...(thread === undefined ? {} : { thread_ts: thread }),
      })
      .catch(() => whisper(pressed, changed))
  }

  function remember(press: string): void {
    pressedAt.delete(press)
    pressedAt.set(press, clock.monotonic())
    const [oldest] = pressedAt.keys()
    if (pressedAt.size > mostRemembered && oldest !== undefined) pressedAt.delete(oldest)
  }

  const isDoubleTap = (press: string): boolean =>
    clock.monotonic() - (pressedAt.get(press) ?? Number.NEGATIVE_INFINITY) < AGAIN_MS

  async function onPress(pressed: Pressed, id: string, ack: AckFn<never>): Promise<void> {
    const press = `${pressed.user} ${id}`
    const read = readButtonId(id)
    const posted = read === undefined ? undefined : desk.board.get(read.cardId)
    const action = read === undefined || posted === undefined ? undefined : actionOf(posted.card, read)
    if (posted === undefined || action === undefined) {
      await quietly(ack)
      if (posted === undefined) return await whisper(pressed, tooOld)
      // The first press has changed the card, which is what it was for.
      return isDoubleTap(press) ? undefined : await showNow(pressed, posted)
    }
    if (action.kind === 'form') {
      await quietly(ack)
      return await openForm(pressed, action.text, posted.place)
    }
    try {
      const someone = { user: pressed.user, name: pressed.name, channel: pressed.channel }
      const caller = await people.callerOf(someone, isAnswer(action))
      desk.press(posted.id, action, caller, keyOf(pressed.trigger))
      remember(press)
      await inTime(desk.stored(), STORED_MS, clock)
      await quietly(ack)
    } catch (error) {
      await quietly(ack)
      await whisper(pressed, error)
    }
  }

  async function openForm(pressed: Pressed, text: string, place: Place): Promise<void> {
    const form = formOf(text, registry.all)
    if (form === undefined) return await whisper(pressed, changed)
    try {
      const view = formView(form, place)
      await client.views.open({ trigger_id: pressed.trigger, view })
    } catch (error) {
      const trouble = troubleOf(error)
      if (trouble.kind === 'bug' || trouble.kind === 'never') options.onTrouble(trouble, 'opening a form')
      const late = new HomelabError('timeout', 'The form could not be opened in time.', {
        hint: 'Press the button again.',
      })
      await whisper(pressed, late)
    }
  }

  // Slack opens it, and wants to hear that we know.
  app.action<BlockAction>(/^link\./, async ({ ack }) => await quietly(ack))
  app.action<BlockAction>(/^(button|choice)\./, async ({ body, action, ack }) => {
    const channel = body.channel?.id ?? textIn(body.container, 'channel_id')
    const id = idIn(action)
    if (channel === undefined || id === undefined) return await quietly(ack)
    const thread = textIn(body.message, 'thread_ts') ?? textIn(body.container, 'thread_ts')
    const { id: user, name } = body.user
    await onPress({ user, name, channel, thread, trigger: body.trigger_id }, id, ack)
  })

  app.view<ViewSubmitAction>(
    { callback_id: formCallback, type: 'view_submission' },
    async ({ body, view, ack }) => {
      const { operation: id, place } = JSON.parse(view.private_metadata) as FormMeta
      const operation = registry.byId(id)
      if (operation === undefined) return await quietly(ack)
      const state = view.state.values as Readonly<Record<string, Readonly<Record<string, Filled>>>>
      const read = readForm(operation, state)
      if ('errors' in read)
        return await quietly(ack, { response_action: 'errors', errors: { ...read.errors } })
      const someone = { user: body.user.id, name: body.user.name, channel: place.channel }
      // The same form twice is the same command, whatever it was sent again for.
      await intake.take(keyOf(`view.${view.id}`), read.text, someone, place).catch((error: unknown) => {
        context.onBug(error, 'a form')
      })
      await quietly(ack)
    },
  )
}

const isAnswer = ({ kind }: ButtonAction): boolean => kind === 'confirm' || kind === 'approve'

/** The card's button id in what was pressed or chosen. */
function idIn(action: object): string | undefined {
  const { action_id: name, value, selected_option: chosen } = action as Readonly<Record<string, unknown>>
  if (typeof value === 'string') return value
  const option = textIn(chosen, 'value')
  if (option === undefined || typeof name !== 'string' || !name.startsWith(choiceAction)) return undefined
  return `${option}.${name.slice(choiceAction.length)}`
}

function textIn(object: unknown, key: string): string | undefined {
  const value = (typeof object === 'object' && object !== null ? object : {})[key as keyof object] as unknown
  return typeof value === 'string' ? value : undefined
}
