/** Sockets and events of the simulated Slack: twice, late, not at all; cut, deaf, too many. */
import { App, SocketModeReceiver } from '@slack/bolt'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { SlackPeer } from '../support/slack.ts'
import { startSlack } from '../support/slack.ts'
import { quiet, webClient } from '../support/slack-client.ts'

interface Heard {
  /** trigger_id of a command, event_id of an event. */
  readonly key: unknown
  readonly retry: number | undefined
}

/** A bot that acknowledges everything and notes it, and that soon notices when nothing comes any more. */
async function connect(peer: SlackPeer) {
  const heard: Heard[] = []
  const app = new App({
    token: peer.info.botToken,
    logger: quiet,
    clientOptions: { slackApiUrl: peer.info.api },
    receiver: new SocketModeReceiver({
      appToken: peer.info.appToken,
      logger: quiet,
      clientPingTimeout: 300,
      serverPingTimeout: 900,
      installerOptions: { clientOptions: { slackApiUrl: peer.info.api } },
    }),
  })
  app.event('app_mention', async ({ body, context }) => {
    heard.push({ key: body.event_id, retry: context.retryNum })
  })
  app.command('/homelab', async ({ ack, body }) => {
    heard.push({ key: body.trigger_id, retry: undefined })
    await ack()
  })
  await app.start()
  return { heard, stop: () => app.stop() }
}

let slack: SlackPeer
let bot: Awaited<ReturnType<typeof connect>>
beforeAll(async () => {
  slack = await startSlack({ seed: 1, speed: 0.005, ack: 500, ping: 200 })
  bot = await connect(slack)
})
afterEach(async () => {
  await slack.reset()
  bot.heard.length = 0
})
afterAll(async () => {
  await bot?.stop()
  await slack?.stop()
})

describe('delivery', () => {
  it('delivers an envelope twice when told to', async () => {
    await slack.fault({ duplicateEnvelopes: 1 })
    const { envelope = '', trigger } = await slack.person('ben').command('ops', 'restart plex')
    await slack.waitFor({ kind: 'sent', envelope }, { count: 2 })
    await slack.person('ben').command('ops', 'after it')
    expect(bot.heard.map(({ key }) => key).slice(0, 2)).toEqual([trigger, trigger])
    expect(bot.heard.length).toBe(3)
  })

  it('delivers an event again in a new envelope, though it was acknowledged', async () => {
    await slack.fault({ duplicateEvents: 1 })
    const { event } = await slack.person('ben').mention('ops', 'hello')
    const acked = await slack.waitFor({ kind: 'acked', type: 'events_api' }, { count: 2 })
    expect(bot.heard).toEqual([
      { key: event, retry: 0 },
      { key: event, retry: 1 },
    ])
    expect(acked[0]?.envelope).not.toBe(acked[1]?.envelope)
  })

  it('sends an event again until it is acknowledged, and gives up after three times', async () => {
    await slack.fault({ deafEvents: true })
    const { event } = await slack.person('ben').mention('ops', 'hello')
    await slack.waitFor({ kind: 'unacked', type: 'events_api' })
    await slack.fault({ deafEvents: false })
    await slack.waitFor({ kind: 'acked', type: 'events_api' })
    expect(bot.heard.at(0)?.key).toBe(event)
    expect(bot.heard.at(0)?.retry).toBeGreaterThan(0)
    await slack.fault({ deafEvents: true })
    await slack.person('ben').mention('ops', 'lost')
    await slack.waitFor({ kind: 'lost' })
    expect(bot.heard.length).toBe(1)
    expect((await slack.counts()).events).toMatchObject({ emitted: 2, lost: 1 })
  })

  it('tells the person of a command that reaches nobody', async () => {
    await slack.cut()
    expect(await slack.person('ben').command('ops', 'restart plex')).toMatchObject({
      error: 'dispatch_failed',
    })
    await slack.waitFor({ kind: 'socket', state: 'connected' })
    expect(await slack.person('ben').command('ops', 'restart plex')).toMatchObject({ acked: true })
  })
})

describe('reconnecting', () => {
  it.each<[string, (peer: SlackPeer) => Promise<unknown>]>([
    ['asked to', (peer) => peer.disconnect('refresh_requested')],
    ['warned', (peer) => peer.disconnect('warning')],
    ['cut off', (peer) => peer.cut()],
    ['deaf', (peer) => peer.fault({ deaf: true })],
  ])('gets what it missed when it was %s', async (_, trouble) => {
    await trouble(slack)
    const after = await slack.mark()
    const { event } = await slack.person('ben').mention('ops', 'hello')
    await slack.waitFor({ kind: 'socket', state: 'closed' })
    await slack.fault({ deaf: false })
    await slack.waitFor({ kind: 'socket', state: 'connected' }, { after })
    await slack.waitFor({ kind: 'acked', type: 'events_api' })
    // A deaf peer could not hear the acknowledgement either: what it sent is not heard twice here.
    expect(new Set(bot.heard.map(({ key }) => key))).toEqual(new Set([event]))
  })

  it('refuses the eleventh socket', async () => {
    await slack.fault({ limits: { '*': 0 } })
    const opener = webClient(slack.info, { token: slack.info.appToken })
    const sockets: WebSocket[] = []
    const open = async (): Promise<unknown> => {
      const socket = new WebSocket((await opener.apps.connections.open({})).url ?? '')
      sockets.push(socket)
      return await firstMessage(socket)
    }
    try {
      for (let already = (await slack.state()).sockets; already < 10; already += 1) {
        expect(await open()).toMatchObject({ type: 'hello', num_connections: already + 1 })
      }
      expect(await open()).toMatchObject({ type: 'disconnect', reason: 'too_many_websockets' })
      expect((await slack.counts()).sockets.refused).toBe(1)
    } finally {
      for (const socket of sockets) socket.close()
    }
  })

  it('says why a socket cannot be had', async () => {
    const opener = webClient(slack.info, { token: slack.info.appToken })
    await slack.fault({ refuseConnections: 'internal_error' })
    await expect(opener.apps.connections.open({})).rejects.toMatchObject({
      data: { error: 'internal_error' },
    })
    await slack.fault({ refuseConnections: 'ratelimited' })
    await expect(opener.apps.connections.open({})).rejects.toMatchObject({ retryAfter: 1 })
    await slack.fault({ refuseConnections: '' })
    await expect(webClient(slack.info).apps.connections.open({})).rejects.toMatchObject({
      data: { error: 'not_allowed_token_type' },
    })
  })
})

async function firstMessage(socket: WebSocket): Promise<unknown> {
  const { promise, resolve, reject } = Promise.withResolvers<unknown>()
  socket.addEventListener('message', ({ data }) => resolve(JSON.parse(String(data))), { once: true })
  socket.addEventListener('error', () => reject(new Error('the socket broke')), { once: true })
  return await promise
}
