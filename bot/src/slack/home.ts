/** The App Home: drawn when somebody opens it, for what that person may see and do. */
import { type Caller, errorData, fieldsOf, type Operation } from '@homelab/core'
import type { App, BlockAction } from '@slack/bolt'
import type { WebClient } from '@slack/web-api'
import type { ConnectorContext } from '../chat/connector.ts'
import type { Glance } from '../console/types.ts'
import { type HomeState, homeAction, homeService, homeView } from './home-view.ts'
import { type Intake, keyOf, quietly } from './intake.ts'
import type { People } from './people.ts'
import { type Trouble, troubleOf } from './trouble.ts'

export interface HomeOptions {
  readonly context: ConnectorContext
  readonly client: WebClient
  readonly people: People
  readonly intake: Intake
  readonly onTrouble: (trouble: Trouble, what: string) => void
}

/** Milliseconds: a person who opens the page again and again sees the one from before. */
const AGAIN_MS = 10_000
const LOOK_MS = 15_000
const DOUBLE_CLICK_MS = 5_000
const mostRemembered = 1_000
/** What the page offers besides services, where there is such a command. */
const offers = [
  { label: 'Status', text: 'status' },
  { label: 'Runs', text: 'run list' },
  { label: 'Help', text: 'help' },
]

export function listenToHome(app: App, { context, client, people, intake, onTrouble }: HomeOptions): void {
  const { desk, registry, clock } = context
  const drawn = new Map<string, number>()
  const pressed = new Map<string, number>()
  let looked:
    | { readonly at: number; readonly work: Promise<Pick<HomeState, 'glance' | 'problem'>> }
    | undefined

  /** One look for all who open the page at the same time. */
  function look(): Promise<Pick<HomeState, 'glance' | 'problem'>> {
    if (looked === undefined || clock.monotonic() - looked.at > AGAIN_MS) {
      const work = context.glance(AbortSignal.timeout(LOOK_MS)).then(
        (glance: Glance) => ({ glance }),
        (error: unknown) => ({ problem: errorData(error).message }),
      )
      looked = { at: clock.monotonic(), work }
    }
    return looked.work
  }

  const isOffered = (chat: string, caller: Caller): boolean =>
    desk.complete(chat, caller).some(({ line }) => line.trim() === chat)

  async function draw(user: string, name: string | undefined, chosen: string | undefined): Promise<void> {
    const caller = await people.callerOf({ user, name })
    const commands = offers.filter(
      ({ text }) => registry.byChat(text) === undefined || isOffered(text, caller),
    )
    // Who may not ask for it does not see it here either.
    const seen = isOffered('status', caller) ? await look() : {}
    const view = homeView({
      lab: context.inventory().name,
      caller,
      ...seen,
      commands,
      operations: registry.all.filter(
        (operation) => isForServices(operation) && isOffered(operation.chat, caller),
      ),
      ...(chosen === undefined ? {} : { chosen }),
      now: clock.now(),
    })
    await client.views.publish({ user_id: user, view })
  }

  const drawQuietly = (user: string, name: string | undefined, chosen: string | undefined) =>
    draw(user, name, chosen).catch((error: unknown) => {
      const trouble = troubleOf(error)
      if (trouble.kind === 'bug') context.onBug(error, 'the home page')
      else onTrouble(trouble, 'the home page')
    })

  app.event('app_home_opened', async ({ event }) => {
    const { user, tab } = event
    if (tab !== 'home' || !isNew(drawn, user, AGAIN_MS)) return
    // Not waited for: the lab may take its time, and Slack wants its acknowledgement.
    void drawQuietly(user, undefined, undefined)
  })

  app.action<BlockAction>(new RegExp(`^${homeAction.replace('.', '\\.')}`), async ({ body, action, ack }) => {
    const { id: user, name } = body.user
    if (action.action_id === homeService) {
      await quietly(ack)
      const { selected_option: option } = action as { readonly selected_option?: { readonly value?: string } }
      return void drawQuietly(user, name, option?.value)
    }
    const { value: text } = action as { readonly value?: string }
    if (text !== undefined && isNew(pressed, `${user} ${text}`, DOUBLE_CLICK_MS)) {
      // A person's id stands for the direct messages with them: the page has no channel.
      const place = { surface: 'slack', channel: user }
      await intake.take(keyOf(body.trigger_id), text, { user, name }, place).catch((error: unknown) => {
        context.onBug(error, 'a button of the home page')
      })
    }
    await quietly(ack)
  })

  function isNew(seen: Map<string, number>, key: string, ms: number): boolean {
    const now = clock.monotonic()
    if (now - (seen.get(key) ?? Number.NEGATIVE_INFINITY) < ms) return false
    seen.delete(key)
    seen.set(key, now)
    const [oldest] = seen.keys()
    if (seen.size > mostRemembered && oldest !== undefined) seen.delete(oldest)
    return true
  }
}

/** Its first word is a service, and nothing else has to be said. */
function isForServices(operation: Operation): boolean {
  const fields = fieldsOf(operation)
  const first = fields.find(({ position }) => position === 0)
  return first?.suggest === 'services' && fields.every((field) => field === first || !field.required)
}
