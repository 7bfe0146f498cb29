/** The simulated Slack over HTTP: signed requests to the stock HTTPReceiver, and to one that fails. */
import { once } from 'node:events'
import type { IncomingHttpHeaders, Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { App } from '@slack/bolt'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { SlackPeer } from '../support/slack.ts'
import { startSlack } from '../support/slack.ts'
import { plain, quiet } from '../support/slack-client.ts'

const port = (server: Server): number => (server.address() as AddressInfo).port

let slack: SlackPeer
let app: App
let url: string
let heard: { readonly key: unknown; readonly retry: number | undefined }[] = []

beforeAll(async () => {
  slack = await startSlack({ seed: 1, speed: 0.001, ack: 500 })
  app = new App({
    token: slack.info.botToken,
    signingSecret: slack.info.signingSecret,
    logger: quiet,
    clientOptions: { slackApiUrl: slack.info.api },
  })
  app.command('/homelab', async ({ ack, command, client }) => {
    heard.push({ key: command.trigger_id, retry: undefined })
    await ack(command.text === 'quick' ? 'at once' : undefined)
    await client.chat.postMessage({
      channel: command.channel_id,
      text: command.text,
      blocks: [
        { type: 'actions', elements: [{ type: 'button', action_id: 'go', text: plain('Go'), value: 'it' }] },
      ],
    })
  })
  app.action('go', async ({ ack, respond }) => {
    await ack()
    await respond({ text: 'gone', replace_original: true })
  })
  app.event('app_mention', async ({ body, context }) => {
    heard.push({ key: body.event_id, retry: context.retryNum })
  })
  const server = await app.start({ port: 0, host: '127.0.0.1' })
  url = `http://127.0.0.1:${port(server as Server)}/slack/events`
})
afterEach(async () => {
  await slack.reset()
  heard = []
})
afterAll(async () => {
  await app?.stop()
  await slack?.stop()
})

describe('the stock HTTPReceiver', () => {
  it('is known by its challenge, and gets commands, clicks and events', async () => {
    expect(await slack.http(url)).toBe(true)
    expect(await slack.person('ben').command('ops', 'quick')).toMatchObject({ acked: true })
    await slack.waitFor({ kind: 'posted', text: 'quick' })
    expect((await slack.read('ops', { as: 'ben' })).map(({ text }) => text).toSorted()).toEqual([
      'at once',
      'quick',
    ])
    expect(await slack.person('ben').click({ channel: 'ops' }, 'Go')).toMatchObject({ acked: true })
    await slack.waitFor({ kind: 'updated', text: 'gone' })
    const { event } = await slack.person('ben').mention('ops', 'hello')
    await slack.waitFor({ kind: 'acked', type: 'events_api' })
    expect(heard.at(-1)).toEqual({ key: event, retry: undefined })
  })

  it.each(['wrong', 'old', 'missing'] as const)(
    'refuses a request whose signature is %s',
    async (signature) => {
      await slack.http(url)
      await slack.fault({ signature })
      expect(await slack.person('ben').command('ops', 'restart plex')).toMatchObject({
        error: 'dispatch_failed',
      })
      expect(await slack.waitFor({ kind: 'http', type: 'slash_commands' })).toMatchObject([{ status: 401 }])
      expect(heard).toEqual([])
    },
  )

  it('takes a replayed request for a new one: the id in it is all that tells', async () => {
    await slack.http(url)
    await slack.fault({ replay: 1 })
    const { trigger } = await slack.person('ben').command('ops', 'restart plex')
    expect(heard.map(({ key }) => key)).toEqual([trigger, trigger])
    expect(await slack.waitFor({ kind: 'http', type: 'slash_commands' }, { count: 2 })).toMatchObject([
      { replay: false, status: 200 },
      { replay: true, status: 200 },
    ])
  })
})

describe('an app that fails', () => {
  it('gets an event again, with the number and the reason', async () => {
    const asked: IncomingHttpHeaders[] = []
    await using server = createServer((request, response) => {
      asked.push(request.headers)
      request.resume()
      // The second is not answered at all.
      if (asked.length !== 2) response.writeHead(asked.length === 4 ? 200 : 500).end()
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    // It gives no challenge back, and is not asked for one again.
    expect(await slack.http(`http://127.0.0.1:${port(server)}/`)).toBe(false)
    asked.length = 0
    await slack.person('ben').mention('ops', 'hello')
    await slack.waitFor({ kind: 'acked', type: 'events_api' })
    expect(asked.map((headers) => [headers['x-slack-retry-num'], headers['x-slack-retry-reason']])).toEqual([
      [undefined, undefined],
      ['1', 'http_error'],
      ['2', 'http_timeout'],
      ['3', 'http_error'],
    ])
    server.closeAllConnections()
  })
})
