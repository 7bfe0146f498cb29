/** The control port: people, faults, counts and events for tests. Loopback only, and no part of Discord. */
import type { Hono } from 'hono'
import { bodyOf, controlApi } from '../../process/control.ts'
import type { Json } from '../check/form.ts'
import { noFaults } from '../faults.ts'
import type { Peer } from '../peer.ts'
import { autocomplete, click, command, say, select, submit } from '../people/acts.ts'
import { offered } from '../people/typing.ts'
import { messageView, noticeOf, visible } from '../people/view.ts'
import type { User } from '../world.ts'
import { applyFaults, changeChannel, changeGateway, changePerson, deleteMessage } from './changes.ts'

type Act = (peer: Peer, user: User, body: Json) => Promise<object> | object

const acts: Readonly<Record<string, Act>> = {
  command,
  autocomplete,
  click,
  select,
  submit,
  say,
  dm: (peer, user, body) => say(peer, user, { ...body, channel: `@${user.name}` }),
}

const state = ({ world, journal, gateway, faults, limits }: Peer): object => ({
  channels: Object.fromEntries([...world.channels.values()].map(({ id, name }) => [name || id, id])),
  users: Object.fromEntries([...world.users.values()].map(({ id, name }) => [name, id])),
  gateway: gateway.state,
  invalidRequests: faults.invalidRequests,
  banned: limits.banned !== undefined,
  tokenRevoked: faults.tokenRevoked,
  lastEvent: journal.last,
})

/** `as`: only what this person sees; without it everything. */
function read(peer: Peer, name: string, as: string | undefined): object {
  const channel = peer.world.channelNamed(name)
  const user = as === undefined ? undefined : peer.world.personNamed(as)
  if (user && !peer.world.sees(user, channel)) throw new Error(`${user.name} does not see ${name}`)
  const messages = peer.messages.in(channel).filter((message) => visible(message, user))
  const unanswered = user ? peer.interactions.unanswered(user, channel) : []
  return {
    messages: messages.map((message) => messageView(peer, message)),
    notices: unanswered.map((one) => ({ interaction: one.id, name: one.name, text: noticeOf(one) })),
  }
}

/** A new day: nothing said, nothing registered, nobody connected, everybody as at the start. */
function reset(peer: Peer): void {
  Object.assign(peer.faults, noFaults())
  applyFaults(peer)
  peer.interactions.clear()
  peer.messages.clear()
  peer.commands.clear()
  peer.world.reset()
  peer.limits.clear()
  peer.clock.aheadMs = 0
  peer.gateway.forgetAll()
  peer.gateway.allowEarlyIdentify()
  peer.journal.resetCounts()
}

export function controlRoutes(peer: Peer): Hono {
  const api = controlApi({ ...peer, applyFaults: () => applyFaults(peer) })
  const { world, journal } = peer
  api.get('/state', (context) => context.json(state(peer)))
  api.get('/counts', (context) =>
    context.json({
      ...journal.counts,
      invalidRequests: peer.faults.invalidRequests,
      latency: journal.latencies.summary(),
    }),
  )
  api.post('/clock', async (context) => {
    const { aheadMs } = await bodyOf(context.req)
    peer.clock.move(Number(aheadMs))
    return context.json({ aheadMs: peer.clock.aheadMs })
  })
  api.post('/reset', (context) => {
    reset(peer)
    return context.json({})
  })
  api.post('/counts/reset', (context) => {
    journal.resetCounts()
    return context.json({})
  })
  api.post('/gateway', async (context) => {
    changeGateway(peer, String((await bodyOf(context.req)).act))
    return context.json({})
  })
  api.get('/channels/:channel', (context) =>
    context.json(read(peer, context.req.param('channel'), context.req.query('as'))),
  )
  api.post('/channels/:channel', async (context) =>
    context.json(changeChannel(peer, context.req.param('channel'), await bodyOf(context.req))),
  )
  api.delete('/messages/:message', (context) => {
    deleteMessage(peer, context.req.param('message'))
    return context.json({})
  })
  api.get('/commands', (context) =>
    context.json({ global: peer.commands.list('global'), guild: peer.commands.list(world.guild.id) }),
  )
  api.get('/people/:name/commands', (context) => {
    const user = world.personNamed(context.req.param('name'))
    const channel = world.channelNamed(context.req.query('channel') ?? 'ops')
    return context.json({ commands: offered(peer, user, channel) })
  })
  api.post('/people/:name', async (context) =>
    context.json(changePerson(peer, context.req.param('name'), await bodyOf(context.req))),
  )
  api.post('/people/:name/:act', async (context) => {
    const act = acts[context.req.param('act')]
    if (!act)
      throw new Error(`nobody can "${context.req.param('act')}"; but: ${Object.keys(acts).join(', ')}`)
    return context.json(
      await act(peer, world.personNamed(context.req.param('name')), await bodyOf(context.req)),
    )
  })
  return api
}
