/** The simulated Slack, against the stock @slack/bolt: what a client must live with on the real one. */
import { App, LogLevel } from '@slack/bolt'
import type { KnownBlock } from '@slack/types'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { SlackPeer } from '../support/slack.ts'
import { startSlack } from '../support/slack.ts'

const silent = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  setLevel: () => undefined,
  getLevel: () => LogLevel.ERROR,
  setName: () => undefined,
}

const card = (text: string): KnownBlock[] => [
  { type: 'section', text: { type: 'mrkdwn', text } },
  {
    type: 'actions',
    elements: [
      { type: 'button', action_id: 'confirm', text: { type: 'plain_text', text: 'Confirm' }, value: 'run-1' },
      { type: 'button', action_id: 'ask', text: { type: 'plain_text', text: 'Ask' } },
    ],
  },
]

let slack: SlackPeer
let app: App
beforeAll(async () => {
  slack = await startSlack({ seed: 1, speed: 0.001 })
  app = new App({
    token: slack.info.botToken,
    appToken: slack.info.appToken,
    socketMode: true,
    logger: silent,
    clientOptions: { slackApiUrl: slack.info.api },
  })
  app.command('/homelab', async ({ ack, command, client }) => {
    await ack()
    const posted = await client.chat.postMessage({
      channel: command.channel_id,
      text: `working: ${command.text}`,
      blocks: card(`working: ${command.text}`),
    })
    await client.chat.update({
      channel: command.channel_id,
      ts: posted.ts ?? '',
      text: 'done',
      blocks: card(`done: ${command.text}`),
    })
  })
  app.action('confirm', async ({ ack, respond, body }) => {
    await ack()
    await respond({ text: `confirmed by ${body.user.id}`, replace_original: false })
  })
  await app.start()
})
afterEach(async () => await slack.reset())
afterAll(async () => {
  await app?.stop()
  await slack?.stop()
})

describe('Socket Mode', () => {
  it('carries a command, and shows what is posted and changed', async () => {
    const seen = await slack.person('ben').command('ops', 'restart plex')
    expect(seen).toMatchObject({ acked: true })
    await slack.waitFor({ kind: 'updated' })
    const [message] = await slack.read('ops', { as: 'ben' })
    expect(message).toMatchObject({ from: 'homelab', byBot: true, edits: 1, text: 'done' })
    expect(message?.visible).toBe('done: restart plex\n[Confirm]\n[Ask]')
  })

  it('carries a click, and its response_url', async () => {
    await slack.person('ben').command('ops', 'restart plex')
    await slack.waitFor({ kind: 'updated' })
    expect(await slack.person('anna').click({ channel: 'ops' }, 'Confirm')).toMatchObject({ acked: true })
    await slack.waitFor({ kind: 'posted', only: slack.info.users.anna ?? '' })
    expect((await slack.read('ops', { as: 'anna' })).at(-1)).toMatchObject({
      ephemeral: true,
      text: `confirmed by ${slack.info.users.anna}`,
    })
    expect((await slack.read('ops', { as: 'ben' })).length).toBe(1)
  })
})
