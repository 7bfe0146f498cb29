/** Discord: commands come in by its gateway, cards go out by its REST API. */
import { duration, type Secret } from '@homelab/core'
import { GatewayDispatchEvents as Dispatch, type GatewayDispatchPayload } from 'discord.js'
import type { Connector, ConnectorContext, ConnectorStatus } from '../chat/connector.ts'
import { createCourier } from '../chat/courier.ts'
import { createApi } from './api.ts'
import { openGateway, type Up } from './gateway.ts'
import { createInteractions } from './interactions.ts'
import { applicationOf, inviteUrl } from './invite.ts'
import { createMentions } from './mentions.ts'
import { createOutlet } from './outlet.ts'
import { createReception } from './reception.ts'
import { createRegistration, type Trouble } from './registration.ts'
import { createRest } from './rest.ts'
import { commandTree } from './tree.ts'

export interface DiscordSettings {
  readonly token: Secret
  /** The commands are offered in this server alone, at once. Without: everywhere, within an hour. */
  readonly guild?: string
  /** Address of the REST API, for tests. Default Discord's own. */
  readonly api?: string
  /** Channels that are told of an outage. */
  readonly opsChannels: () => readonly string[]
}

const pace = { cardMs: 1_000, channelMs: 200 }
/** Cards that a restart looks through. */
const recentCards = 500
/** Milliseconds. */
const worthTelling = 120_000

const portal = 'https://discord.com/developers/applications'
const tokenHint = `Make a new one under ${portal} → your application → Bot → Reset Token, put it where discord.token in homelab.yaml points to, and restart the bot.`

/** Never throws and never waits: what is wrong is in `status`. */
export function startDiscord(context: ConnectorContext, settings: DiscordSettings): Connector {
  const { desk, registry, clock, log, facts } = context
  const { promise: started, resolve: begun } = Promise.withResolvers<void>()
  let status: ConnectorStatus = { platform: 'discord', state: 'connecting', since: clock.now().toISOString() }
  const become = (state: ConnectorStatus['state'], problem?: string, hint?: string) => {
    const since = state === status.state ? status.since : clock.now().toISOString()
    const changed = state !== status.state || problem !== status.problem
    status = {
      platform: 'discord',
      state,
      since,
      ...(problem === undefined ? {} : { problem }),
      ...(hint === undefined ? {} : { hint }),
    }
    if (!changed) return
    if (problem === undefined) log.info({ platform: 'discord', state }, 'discord')
    else log.warn({ platform: 'discord', state, problem, hint }, 'discord')
  }

  const application = applicationOf(settings.token)
  if (application === undefined) {
    become('refused', 'discord.token is no token of a Discord bot.', tokenHint)
    begun()
    return {
      platform: 'discord',
      get status() {
        return status
      },
      started,
      [Symbol.asyncDispose]: () => Promise.resolve(),
    }
  }

  const invite = inviteUrl(application)
  const token = settings.token
    .reveal()
    .trim()
    .replace(/^Bot\s+/i, '')
  const rest = createRest(token, settings.api)
  const api = createApi(rest, application)
  const courier = createCourier({
    outlet: createOutlet({ api, clock, runs: context.runs, onBug: context.onBug }),
    messages: context.messages,
    runs: context.runs,
    clock,
    pace,
    onLost: (posted, error) =>
      log.warn({ card: posted.id, err: error }, 'a card could not be shown in Discord'),
    onBug: context.onBug,
  })
  courier.pause()
  const reception = createReception(context, courier, api)
  const interactions = createInteractions(reception)
  const mentions = createMentions(reception, api)
  const unsubscribe = desk.board.subscribe('discord', (posted) => reception.put(posted))
  courier.resume(desk.board.recent({ surface: 'discord' }, recentCards))

  let connected = false
  let trouble: Trouble | undefined
  let homeless = false
  const tellState = () => {
    if (trouble !== undefined)
      return become(trouble.refused ? 'refused' : 'connected', trouble.problem, trouble.hint)
    if (homeless) return become('connected', 'The bot is in no server yet.', `Invite it: ${invite}`)
    become('connected')
  }

  const { command, left } = commandTree(registry)
  if (left.length > 0) log.info({ commands: left }, 'reached in Discord by /homelab do alone')
  const registration = createRegistration(
    { api, facts, application, guild: settings.guild, command, clock, invite },
    (found, error) => {
      trouble = found
      if (error !== undefined && found?.refused !== true)
        log.warn({ err: error }, 'registering the commands of discord')
      if (connected) tellState()
      begun()
    },
  )

  function tellAway({ resumed, awaySince }: Up): void {
    if (awaySince === undefined) return
    const ms = clock.now().getTime() - Date.parse(awaySince)
    if (resumed && ms < worthTelling) return
    for (const channel of settings.opsChannels())
      desk.tell(
        { surface: 'discord', channel: channel.replace(/^discord:/, '') },
        `discord:away:${channel}:${awaySince}`.slice(-80),
        {
          title: `Back on Discord after ${duration(ms)}`,
          tone: 'warning',
          text: [
            `I could not hear you from ${minute(awaySince)} to ${minute(clock.now().toISOString())}.`,
            resumed
              ? 'What was typed meanwhile has arrived now.'
              : 'What was typed meanwhile did not arrive: please repeat it.',
          ].join(' '),
        },
      )
  }

  function dispatch(payload: GatewayDispatchPayload, me: string): void {
    if (payload.t === Dispatch.InteractionCreate) void interactions(payload.d)
    else if (payload.t === Dispatch.MessageCreate) void mentions.message(payload.d, me)
    else if (payload.t === Dispatch.Ready) {
      homeless = payload.d.guilds.length === 0
      tellState()
    } else if (payload.t === Dispatch.GuildCreate) {
      homeless = false
      if (trouble?.refused === true && payload.d.id === settings.guild) registration.again()
      if (connected) tellState()
    }
  }

  const gateway = openGateway({
    rest,
    token,
    application,
    api: settings.api ?? '',
    facts,
    clock,
    onDispatch: dispatch,
    onUp(up) {
      connected = true
      tellState()
      courier.unpause()
      registration.ensure()
      tellAway(up)
    },
    onDown(problem, hint) {
      connected = false
      become('connecting', problem, hint)
      begun()
    },
    onRefused(what, detail) {
      connected = false
      courier.pause()
      if (what === 'token')
        become('refused', `Discord refuses the token in discord.token (${detail}).`, tokenHint)
      else if (what === 'intents')
        become(
          'refused',
          `Discord refuses what the bot wants to hear (${detail}).`,
          `Look at the intents under ${portal} → your application → Bot.`,
        )
      else
        become(
          'refused',
          `Discord refuses this version of the bot (${detail}).`,
          'Update it, and report this.',
        )
      begun()
    },
    onError: (error) => log.warn({ err: error }, 'the gateway of discord'),
  })

  return {
    platform: 'discord',
    get status() {
      return status
    },
    started,
    async [Symbol.asyncDispose]() {
      registration.close()
      await gateway.close()
      unsubscribe()
      await courier.close()
      rest.clearHashSweeper()
      rest.clearHandlerSweeper()
      begun()
    },
  }
}

const minute = (iso: string): string => `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`
