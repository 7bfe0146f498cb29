/** Slack: joins what listens, what shows, and what watches the connection. */
import { errorData, type Secret } from '@homelab/core'
import type { WebClient } from '@slack/web-api'
import type { Connector, ConnectorContext } from '../chat/connector.ts'
import { type Courier, createCourier } from '../chat/courier.ts'
import { createLate } from '../chat/late.ts'
import { type Age, createAge } from './age.ts'
import { liveTs, noReceiver, PatientApp } from './app.ts'
import { type CatchUp, createCatchUp, openSeen } from './catch-up.ts'
import { createClient, inTime, slackLogger } from './client.ts'
import { createDirects } from './directs.ts'
import { listenToHome } from './home.ts'
import { type HttpOptions, listenOverHttp } from './http.ts'
import { createIntake } from './intake.ts'
import { manifestScopes } from './manifest.ts'
import { outages } from './outage.ts'
import { createOutlet } from './outlet.ts'
import { createPeople } from './people.ts'
import { listenToPresses } from './press.ts'
import { type Link, openSockets } from './socket.ts'
import { createStatus } from './status.ts'
import { adviceFor, type Trouble, troubleOf, wrongTokens } from './trouble.ts'

export interface SlackSettings {
  readonly token: Secret
  /** Socket Mode. */
  readonly appToken?: Secret
  /** Requests over HTTP instead. */
  readonly http?: HttpOptions
  /** Another address of the Web API, for tests. */
  readonly api?: string
  readonly opsChannels: () => readonly string[]
}

/** Slack takes about a message a second in a channel, and fifty edits a minute in all. */
const pace = { cardMs: 2_000, channelMs: 1_100 }
const LONGEST_RETRY_MS = 60_000
/** Our clock against Slack's, and what was on its way when we left. */
const HEARD_MS = 60_000
/** How long leaving waits for a call that is on its way. */
const LEAVE_MS = 2_000
const mostCards = 500

interface Self {
  readonly user: string
  readonly bot: string
  readonly scopes: readonly string[] | undefined
}

/** Never throws and blocks nothing: what is wrong is in its status. */
export function startSlack(context: ConnectorContext, settings: SlackSettings): Connector {
  const { clock, desk, onBug } = context
  const log = context.log.child({ platform: 'slack' })
  const secrets = [settings.token, settings.appToken, settings.http?.signingSecret].filter(
    (each) => each !== undefined,
  )
  const logger = slackLogger(log, secrets)
  const status = createStatus({ clock, log, blind: settings.http !== undefined })
  const stopped = new AbortController()
  const { promise: started, resolve: settle } = Promise.withResolvers<void>()
  const stack = new AsyncDisposableStack()
  const startedAt = clock.now()

  async function start(): Promise<void> {
    const wrong = wrongTokens(
      settings.token.reveal(),
      settings.appToken?.reveal(),
      settings.http !== undefined,
    )
    if (wrong !== undefined) return status.refused(wrong)
    const client = createClient(settings.token, settings.api, logger)
    const self = await introduce(client)
    if (self === undefined || stopped.signal.aborted) return
    for (const scope of missing(self.scopes)) {
      const trouble: Trouble = { kind: 'scope', code: 'missing_scope', needed: scope }
      if (scope === 'chat:write') return status.refused(adviceFor(trouble, 'bot'))
      status.limp(trouble, manifestScopes[scope])
    }
    await join(client, self)
  }

  /** Asks Slack who we are, until it answers; undefined when it will not have us. */
  async function introduce(client: WebClient): Promise<Self | undefined> {
    for (let attempt = 0; !stopped.signal.aborted; attempt++) {
      try {
        const { user_id: user = '', bot_id: bot = '', response_metadata: facts } = await client.auth.test()
        return { user, bot, scopes: facts?.scopes }
      } catch (error) {
        const trouble = troubleOf(error)
        const { kind, code, retryAfterMs } = trouble
        if (kind !== 'wait' && kind !== 'again') {
          status.refused(adviceFor(trouble, 'bot'))
          return undefined
        }
        status.connecting(unreachable(code))
        settle()
        const wait =
          retryAfterMs ?? Math.min(LONGEST_RETRY_MS, 1_000 * 2 ** attempt) * (0.5 + Math.random() / 2)
        await clock.sleep(wait, stopped.signal)
      }
    }
    return undefined
  }

  async function join(client: WebClient, self: Self): Promise<void> {
    const onTrouble = (trouble: Trouble, what: string) => {
      if (trouble.kind === 'bug') onBug(trouble.code, what)
      else if (trouble.kind === 'token') refuse(trouble, 'bot')
      else status.limp(trouble, what)
    }
    let link: Link | undefined
    let unwanted = false
    const refuse = (trouble: Trouble, token: 'bot' | 'app') => {
      unwanted = true
      status.refused(adviceFor(trouble, token))
      courier.pause()
      void link?.close()
    }
    const app = new PatientApp({
      receiver: noReceiver,
      // Known already: Bolt would ask Slack again at every message.
      authorize: () =>
        Promise.resolve({ botToken: settings.token.reveal(), botId: self.bot, botUserId: self.user }),
      convoStore: false,
      logger,
    })
    app.error((error) => Promise.resolve(onBug(error, 'Slack')))
    const age = createAge(clock)
    app.onHeard = (event) => {
      status.heard()
      const ts = liveTs(event)
      if (ts !== undefined) age.live(ts)
    }

    const outlet = createOutlet({
      client,
      clock,
      startedAt,
      draw: context.draw,
      placed: (card, where) => courier.placed(card, where),
      direct: createDirects(client),
      onRefused: (trouble) => refuse(trouble, 'bot'),
      onTrouble,
      onBug,
    })
    const courier: Courier = createCourier({
      outlet: context.meter?.outlet(outlet) ?? outlet,
      messages: context.messages,
      runs: context.runs,
      clock,
      pace,
      onLate: createLate(desk, clock),
      onLost: ({ id, command, place }, error) =>
        log.warn(
          { card: id, command, channel: place.channel, why: errorData(error).message },
          'a card could not be shown',
        ),
      onBug,
    })
    stack.defer(() => courier.close())
    context.meter?.courier('slack', () => courier.kept)
    stack.defer(desk.board.subscribe('slack', courier.put))

    const people = createPeople(context, client, onTrouble)
    const seen = openSeen(context)
    stack.defer(() => seen.close())
    const intake = createIntake({
      context,
      client,
      people,
      age,
      onTrouble,
      bot: self.user,
      onSeen: seen.note,
    })
    const common = { context, client, people, intake, onTrouble }
    const catchUp = createCatchUp({ ...common, bot: self.user, opsChannels: settings.opsChannels }, seen)
    stack.defer(() => catchUp.close())
    intake.listen(app)
    listenToPresses(app, common)
    listenToHome(app, common)
    courier.resume(desk.board.recent({ surface: 'slack' }, mostCards))

    link = await connect(app, catchUp, age, refuse)
    if (stopped.signal.aborted || unwanted) return await link?.close()
    stack.defer(async () => {
      // Up to now everything has been heard: the next start looks no further back.
      if (status.now.state === 'connected') seen.upTo(new Date(clock.now().getTime() - HEARD_MS))
      await link?.close()
    })
  }

  async function connect(
    app: PatientApp,
    catchUp: CatchUp,
    age: Age,
    refuse: (trouble: Trouble, token: 'bot' | 'app') => void,
  ): Promise<Link | undefined> {
    const outage = outages(context, settings.opsChannels)
    const { http, appToken } = settings
    if (http !== undefined) return await overHttp(app, http, catchUp)
    if (appToken === undefined) return undefined
    return openSockets({
      app,
      appToken,
      api: settings.api,
      logger,
      clock,
      onConnected(after) {
        status.connected()
        outage.over()
        if (after !== 'planned') catchUp.gap()
        settle()
      },
      onLost(why) {
        catchUp.lost()
        age.forget()
        outage.begins()
        status.connecting(unreachable(why))
        settle()
      },
      onRefused(trouble) {
        refuse(trouble, 'app')
        settle()
      },
    })
  }

  async function overHttp(app: PatientApp, http: HttpOptions, catchUp: CatchUp): Promise<Link | undefined> {
    try {
      const link = await listenOverHttp(app, http, logger)
      status.connected()
      catchUp.gap()
      return link
    } catch (error) {
      status.refused({
        problem: `Nothing can be taken from Slack on ${http.host}:${http.port}: ${errorData(error).message}`,
        hint: 'Set slack.port (and slack.host) in homelab.yaml to a free address, and restart the bot.',
      })
      return undefined
    }
  }

  const working = start()
    .catch((error: unknown) => {
      if (stopped.signal.aborted) return
      onBug(error, 'starting Slack')
      status.refused({
        problem: 'Slack could not be started: something broke in homelab itself.',
        hint: 'The log says what. Restart the bot; should it break again, go back to the version before.',
      })
    })
    .finally(() => {
      // A socket says by itself when its first attempt is over.
      if (stopped.signal.aborted || status.now.state !== 'connecting') settle()
    })

  return {
    platform: 'slack',
    started,
    get status() {
      return status.now
    },
    async [Symbol.asyncDispose]() {
      stopped.abort()
      settle()
      await inTime(working, LEAVE_MS, clock)
      await stack.disposeAsync()
    },
  }
}

const unreachable = (why: string) => ({
  problem: `Slack cannot be reached: ${why}.`,
  hint: 'It is tried again by itself; https://slack-status.com tells whether it is Slack.',
})

/** What Slack's answer says we may, against what the manifest asks for. */
const missing = (scopes: readonly string[] | undefined): readonly (keyof typeof manifestScopes)[] =>
  scopes === undefined || scopes.length === 0
    ? []
    : (Object.keys(manifestScopes) as (keyof typeof manifestScopes)[]).filter(
        (scope) => !scopes.includes(scope),
      )
