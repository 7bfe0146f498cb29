/** Discord: commands come in by its gateway, cards go out by its REST API. */
import type { Secret } from '@homelab/core'
import { GatewayDispatchEvents as Dispatch, type GatewayDispatchPayload, Routes } from 'discord.js'
import type { Connector, ConnectorContext } from '../chat/connector.ts'
import { createCourier } from '../chat/courier.ts'
import { createLate } from '../chat/late.ts'
import { createApi } from './api.ts'
import { createDoubt } from './doubt.ts'
import { openGateway, type Up } from './gateway.ts'
import { createHomes } from './homes.ts'
import { createInteractions } from './interactions.ts'
import { applicationOf, inviteUrl } from './invite.ts'
import { createLateness } from './lateness.ts'
import { createMembers } from './members.ts'
import { createMentions } from './mentions.ts'
import { mutedChannels } from './muted.ts'
import { createOutlet } from './outlet.ts'
import { createReception } from './reception.ts'
import { createRegistration } from './registration.ts'
import { createRest } from './rest.ts'
import { type Advice, createStatus } from './status.ts'
import { awayCard, clockAdvice, refusal, tokenHint } from './tell.ts'
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

/** Never throws and never waits: what is wrong is in `status`. */
export function startDiscord(context: ConnectorContext, settings: DiscordSettings): Connector {
  const { desk, registry, clock, log, facts } = context
  const { promise: started, resolve: begun } = Promise.withResolvers<void>()
  const status = createStatus(clock, log)

  const application = applicationOf(settings.token)
  if (application === undefined) {
    status.become('refused', { problem: 'discord.token is no token of a Discord bot.', hint: tokenHint })
    begun()
    return {
      platform: 'discord',
      get status() {
        return status.now
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
  let connected = false
  let refused = false
  const lateness = createLateness(clock)
  const tellClock = () => status.trouble('clock', clockAdvice(lateness.aheadMs))
  const rest = createRest(token, settings.api, {
    onTime(at) {
      lateness.told(at)
      tellClock()
    },
    // Without a connection the gateway finds out by itself.
    onUnauthorised: () => connected && doubt.arise(),
  })
  const api = createApi(rest, application)
  const ops = () => settings.opsChannels().map((channel) => channel.replace(/^discord:/, ''))
  const muted = mutedChannels(
    (channel) => ops().includes(channel),
    (channel) => context.inventory().channels.find(({ discord }) => discord === channel)?.name,
    () => status.trouble('channels', muted.advice),
  )
  const outlet = createOutlet({ api, clock, runs: context.runs, draw: context.draw, onBug: context.onBug })
  const courier = createCourier({
    outlet: muted.watched(context.meter?.outlet(outlet) ?? outlet),
    messages: context.messages,
    runs: context.runs,
    clock,
    pace,
    onLate: createLate(desk, clock),
    onLost(posted, error) {
      log.warn({ card: posted.id, err: error }, 'a card could not be shown in Discord')
      muted.lost(posted, error)
    },
    onBug: context.onBug,
  })
  context.meter?.courier('discord', () => courier.kept)
  courier.pause()
  const reception = createReception(context, courier, api)
  const members = createMembers(context, api, settings.guild)
  const interactions = createInteractions(reception, members)
  const mentions = createMentions(reception, members, api)
  const unsubscribe = desk.board.subscribe('discord', (posted) => reception.put(posted))
  courier.resume(desk.board.recent({ surface: 'discord' }, recentCards))

  const homes = createHomes(settings.guild, invite, () => status.trouble('home', homes.advice))
  const { command, left } = commandTree(registry)
  if (left.length > 0) log.info({ commands: left }, 'reached in Discord by /homelab do alone')
  const registration = createRegistration(
    { api, facts, application, guild: settings.guild, command, clock, invite },
    (found, error) => {
      if (error !== undefined && found?.refused !== true)
        log.warn({ err: error }, 'registering the commands of discord')
      status.trouble('commands', found)
      begun()
    },
  )

  const refuse = (advice: Advice) => {
    connected = false
    refused = true
    courier.pause()
    status.become('refused', advice)
    begun()
  }
  const doubt = createDoubt({
    ask: () => rest.get(Routes.gatewayBot(), { signal: AbortSignal.timeout(10_000) }),
    clock,
    onBegin: () => courier.pause(),
    onEnd() {
      if (connected) courier.unpause()
    },
    onRefused() {
      refuse(refusal('token', 'REST answers 401'))
      void gateway.close()
    },
  })

  function tellAway({ resumed, awaySince }: Up): void {
    if (awaySince === undefined) return
    const ms = clock.now().getTime() - Date.parse(awaySince)
    if (resumed && ms < worthTelling) return
    for (const channel of ops())
      desk.tell(
        { surface: 'discord', channel },
        `discord:away:${channel}:${awaySince}`.slice(-80),
        awayCard(ms, resumed, awaySince, clock.now()),
      )
  }

  /** Also proves that notices get there again. */
  function tellMissed(channel: string): void {
    const titles = muted.missed(channel)
    if (titles === undefined || !ops().includes(channel)) return
    desk.tell({ surface: 'discord', channel }, `discord:missed:${channel}:${clock.now().getTime()}`, {
      title: 'I can write here again',
      tone: 'warning',
      text: `What you did not see: ${titles.join('; ')}.`,
    })
  }

  function dispatch(
    payload: GatewayDispatchPayload,
    me: string,
    missedSince: string | undefined,
  ): Promise<void> | undefined {
    if (payload.t === Dispatch.InteractionCreate || payload.t === Dispatch.MessageCreate) {
      const late = lateness.isLate(payload.d.id, missedSince)
      tellClock()
      if (payload.t === Dispatch.InteractionCreate) return interactions(payload.d, late)
      return mentions.message(payload.d, me, late)
    }
    if (payload.t === Dispatch.Ready) homes.are(payload.d.guilds.map(({ id }) => id))
    else if (payload.t === Dispatch.GuildCreate) {
      const back = homes.joined(payload.d.id)
      const wanted = settings.guild === undefined || payload.d.id === settings.guild
      if (wanted && (back || status.now.state === 'refused')) registration.again()
    } else if (payload.t === Dispatch.GuildDelete) {
      // Unavailable: an outage of Discord's.
      if (payload.d.unavailable !== true) homes.left(payload.d.id)
    } else if (payload.t === Dispatch.ChannelUpdate) tellMissed(payload.d.id)
    return undefined
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
      if (refused) return
      connected = true
      status.become('connected')
      courier.unpause()
      registration.ensure()
      tellAway(up)
    },
    onDown(problem, hint) {
      if (refused) return
      connected = false
      status.become('connecting', { problem, hint })
      begun()
    },
    onRefused: (what, detail) => refuse(refusal(what, detail)),
    onError: (error) => log.warn({ err: error }, 'the gateway of discord'),
  })

  return {
    platform: 'discord',
    get status() {
      return status.now
    },
    started,
    async [Symbol.asyncDispose]() {
      registration.close()
      doubt.close()
      await gateway.close()
      unsubscribe()
      await courier.close()
      rest.clearHashSweeper()
      rest.clearHandlerSweeper()
      begun()
    },
  }
}
