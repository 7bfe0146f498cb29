/** What the simulated Slack refuses for want of rights, in places that are gone, and when it is asked too often. */
import type { WebClient } from '@slack/web-api'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { SlackPeer } from '../support/slack.ts'
import { startSlack } from '../support/slack.ts'
import { webClient } from '../support/slack-client.ts'

const times = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))

let slack: SlackPeer
let client: WebClient
beforeAll(async () => {
  slack = await startSlack({ seed: 1, limits: 0, keep: 20 })
  client = webClient(slack.info)
})
afterEach(async () => await slack.reset())
afterAll(async () => await slack?.stop())

const ops = (): string => slack.info.channels.ops ?? ''
const post = (more: object) => client.chat.postMessage({ channel: ops(), text: 'x', ...more })
const errorOf = async (call: Promise<unknown>): Promise<unknown> =>
  await call.then(
    () => 'nothing was refused',
    (error: { data?: unknown }) => error.data ?? error,
  )

describe('rights, and what is gone', () => {
  it('names the scope that is missing', async () => {
    await slack.app({ scopes: ['commands', 'users:read'] })
    expect(await errorOf(post({}))).toMatchObject({
      error: 'missing_scope',
      needed: 'chat:write',
      provided: 'commands,users:read',
    })
  })

  it.each(['token_revoked', 'account_inactive', 'invalid_auth'] as const)('says %s', async (token) => {
    await slack.fault({ token })
    expect(await errorOf(client.auth.test())).toMatchObject({ error: token })
    await slack.fault({ token: '' })
    expect(await client.auth.test()).toMatchObject({ user_id: slack.info.botUser, bot_id: slack.info.botId })
    expect(await errorOf(webClient(slack.info, { token: 'xoxb-other' }).auth.test())).toMatchObject({
      error: 'invalid_auth',
    })
  })

  it('writes to no channel that it is not in, that is archived or gone', async () => {
    const channel = slack.info.channels.random ?? ''
    expect(await errorOf(post({ channel }))).toMatchObject({ error: 'not_in_channel' })
    await client.conversations.join({ channel })
    await post({ channel })
    await slack.changeChannel('ops', { remove: ['homelab'] })
    expect(await errorOf(post({}))).toMatchObject({ error: 'not_in_channel' })
    await slack.changeChannel('ops', { add: ['homelab'], archived: true })
    expect(await errorOf(post({}))).toMatchObject({ error: 'is_archived' })
    await slack.changeChannel('secret', { remove: ['homelab'] })
    const secret = slack.info.channels.secret ?? ''
    expect(await errorOf(post({ channel: secret }))).toMatchObject({ error: 'channel_not_found' })
    await slack.changeChannel('ops', { removed: true })
    expect(await errorOf(post({}))).toMatchObject({ error: 'channel_not_found' })
  })

  it('changes only its own messages that are still there', async () => {
    const { ts = '' } = await post({})
    const theirs = await slack.person('ben').say('ops', 'hello')
    const change = (stamp: string) => client.chat.update({ channel: ops(), ts: stamp, text: 'y' })
    expect(await errorOf(change(theirs.ts))).toMatchObject({ error: 'cant_update_message' })
    await slack.fault({ editWindowClosed: true })
    expect(await errorOf(change(ts))).toMatchObject({ error: 'edit_window_closed' })
    await slack.fault({ editWindowClosed: false })
    await slack.deleteMessage('ops', ts)
    expect(await errorOf(change(ts))).toMatchObject({ error: 'message_not_found' })
    const only = await client.chat.postEphemeral({
      channel: ops(),
      user: slack.info.users.ben ?? '',
      text: 'x',
    })
    expect(await errorOf(change(only.message_ts ?? ''))).toMatchObject({ error: 'message_not_found' })
    const nobody = client.chat.postEphemeral({ channel: ops(), user: slack.info.users.kid ?? '', text: 'x' })
    expect(await errorOf(nobody)).toMatchObject({ error: 'user_not_in_channel' })
  })

  it('keeps the newest messages of a channel, and no more', async () => {
    for (let index = 0; index < 30; index += 1) await post({ text: String(index) })
    const kept = await slack.read('ops')
    expect(kept.map(({ text }) => text)).toEqual(times(20, (index) => String(index + 10)))
    const { messages, has_more } = await client.conversations.history({ channel: ops(), limit: 2 })
    expect([messages?.map(({ text }) => text), has_more]).toEqual([['29', '28'], true])
  })
})

describe('rates and broken answers', () => {
  it('lets a few messages through in a channel, then one a second', async () => {
    await slack.fault({ limits: { '*': 1 } })
    const results = await Promise.allSettled(times(20, () => post({})))
    const refused = results.filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(0)
    expect(refused.length).toBeLessThanOrEqual(15)
    expect(refused[0]).toMatchObject({ reason: { code: 'slack_webapi_rate_limited_error', retryAfter: 1 } })
    // Another channel has its own rate.
    await post({ channel: slack.info.channels.general })
    expect((await slack.read('ops')).length).toBe(20 - refused.length)
  })

  it('lets fifty changes through in a minute', async () => {
    await slack.fault({ limits: { '*': 1, 'chat.postMessage': 0 } })
    const { ts = '' } = await post({})
    const change = () => client.chat.update({ channel: ops(), ts, text: 'y' })
    const results = await Promise.allSettled(times(60, change))
    expect(results.filter(({ status }) => status === 'fulfilled').length).toBeGreaterThanOrEqual(50)
    expect(results.filter(({ status }) => status === 'rejected').length).toBeGreaterThan(0)
  })

  it('is obeyed by the stock client when it says to wait', async () => {
    await slack.fault({ rateLimited: { 'chat.postMessage': { times: 1, retryAfter: 1 } } })
    const patient = webClient(slack.info, {
      rejectRateLimitedCalls: false,
      retryConfig: { retries: 1, minTimeout: 1 },
    })
    const began = performance.now()
    await patient.chat.postMessage({ channel: ops(), text: 'late' })
    expect(performance.now() - began).toBeGreaterThan(990)
    expect((await slack.read('ops')).map(({ text }) => text)).toEqual(['late'])
    expect((await slack.counts()).calls['chat.postMessage']).toBe(2)
  })

  it('posts and cuts the connection: who tries again posts twice', async () => {
    await slack.fault({ cutAfterPost: 1 })
    await expect(post({ text: 'once' })).rejects.toMatchObject({ code: 'slack_webapi_request_error' })
    expect((await slack.read('ops')).length).toBe(1)
    await slack.fault({ cutAfterPost: 1 })
    const stubborn = webClient(slack.info, { retryConfig: { retries: 1, minTimeout: 1 } })
    await stubborn.chat.postMessage({ channel: ops(), text: 'twice' })
    expect((await slack.read('ops')).map(({ text }) => text)).toEqual(['once', 'twice', 'twice'])
  })

  it.each([
    ['answer500', 500],
    ['answer503', 503],
  ] as const)('does nothing and says so: %s', async (fault, statusCode) => {
    await slack.fault({ [fault]: 1 })
    await expect(post({})).rejects.toMatchObject({ statusCode })
    expect(await slack.read('ops')).toEqual([])
  })
})
