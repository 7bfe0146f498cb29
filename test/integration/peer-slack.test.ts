/** The simulated Slack, against the stock @slack/bolt in Socket Mode: what a client must live with on the real one. */
import { App } from '@slack/bolt'
import type { KnownBlock, ModalView } from '@slack/types'
import type { WebClient } from '@slack/web-api'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { SlackPeer } from '../support/slack.ts'
import { startSlack } from '../support/slack.ts'
import { plain, quiet, webClient } from '../support/slack-client.ts'

const card = (text: string): KnownBlock[] => [
  { type: 'section', text: { type: 'mrkdwn', text } },
  {
    type: 'actions',
    elements: [
      { type: 'button', action_id: 'confirm', text: plain('Confirm'), value: 'run-1' },
      {
        type: 'button',
        action_id: 'ask',
        text: plain('Ask'),
        style: 'danger',
        confirm: { text: plain('Sure?') },
      },
      {
        type: 'static_select',
        action_id: 'snooze',
        placeholder: plain('Snooze'),
        options: ['1 h', '8 h'].map((text) => ({ text: plain(text), value: text.replace(' ', '') })),
      },
    ],
  },
]

const form = (title: string): ModalView => ({
  type: 'modal',
  callback_id: 'form',
  private_metadata: 'kept',
  title: plain(title),
  submit: plain('Send'),
  blocks: [
    {
      type: 'input',
      block_id: 'why',
      label: plain('Why'),
      element: { type: 'plain_text_input', action_id: 'text' },
    },
    {
      type: 'input',
      block_id: 'who',
      label: plain('Who'),
      optional: true,
      element: { type: 'users_select', action_id: 'user' },
    },
  ],
})

/** Everything that the app was told, in order. */
let heard: { kind: string; body: Record<string, unknown>; retry: number | undefined }[]
let slack: SlackPeer
let app: App
let client: WebClient

beforeAll(async () => {
  slack = await startSlack({ seed: 1, speed: 0.001, ack: 1000 })
  client = webClient(slack.info)
  heard = []
  app = new App({
    token: slack.info.botToken,
    appToken: slack.info.appToken,
    socketMode: true,
    logger: quiet,
    clientOptions: { slackApiUrl: slack.info.api },
  })
  app.use(async ({ body, context, next }) => {
    heard.push({
      kind: String('type' in body ? body.type : 'command'),
      body: { ...body },
      retry: context.retryNum,
    })
    await next()
  })
  app.command('/homelab', async ({ ack, command, client: bolt }) => {
    if (command.text === 'never') return
    if (command.text === 'in the ack') return await ack({ text: 'at once', response_type: 'ephemeral' })
    await ack()
    if (command.text === 'form') {
      await bolt.views.open({ trigger_id: command.trigger_id, view: form('Form') })
      return
    }
    const { channel_id: channel, text } = command
    const { ts = '' } = await bolt.chat.postMessage({ channel, text, blocks: card(`working: ${text}`) })
    await bolt.chat.update({ channel, ts, text: 'done', blocks: card(`done: ${text}`) })
  })
  app.action('confirm', async ({ ack, respond, body }) => {
    await ack()
    await respond({ text: `confirmed by <@${body.user.id}>` })
  })
  app.action(/ask|snooze/, async ({ ack }) => await ack())
  app.view('form', async ({ ack, view }) => {
    const why = view.state.values.why?.text?.value
    if (why === 'no reason') await ack({ response_action: 'errors', errors: { why: 'Say more.' } })
    else if (why === 'again') await ack({ response_action: 'update', view: form('Once more') })
    else await ack()
  })
  app.event('app_mention', async ({ event, client: bolt }) => {
    await bolt.chat.postMessage({
      channel: event.channel,
      thread_ts: event.thread_ts ?? event.ts,
      text: 'yes?',
    })
  })
  app.message(async ({ message, say }) => {
    if (message.subtype === undefined) await say(`you said: ${message.text}`)
  })
  app.event('app_home_opened', async ({ event, client: bolt }) => {
    await bolt.views.publish({
      user_id: event.user,
      view: { type: 'home', blocks: [{ type: 'header', text: plain('The lab') }, ...card('all is well')] },
    })
  })
  await app.start()
})
afterEach(async () => {
  await slack.reset()
  heard = []
})
afterAll(async () => {
  await app?.stop()
  await slack?.stop()
})

const id = (name: string): string => slack.info.users[name] ?? slack.info.channels[name] ?? ''

describe('commands and messages', () => {
  it('carries a command, and shows what is posted and changed', async () => {
    expect(await slack.person('ben').command('ops', 'restart plex')).toMatchObject({ acked: true })
    await slack.waitFor({ kind: 'updated' })
    const [message, ...others] = await slack.read('ops', { as: 'ben' })
    expect(message).toMatchObject({ from: 'homelab', byBot: true, edits: 1, text: 'done' })
    expect(message?.visible).toBe('done: restart plex\n[Confirm]\n[Ask]\n[Snooze | 1 h | 8 h]')
    expect(others).toEqual([])
    expect(heard[0]?.body).toMatchObject({
      command: '/homelab',
      text: 'restart plex',
      user_id: id('ben'),
      channel_id: id('ops'),
      channel_name: 'ops',
    })
    expect(await slack.counts()).toMatchObject({
      calls: { 'chat.postMessage': 1, 'chat.update': 1 },
      acks: { sent: 1, acked: 1, failed: 0 },
    })
  })

  it('escapes what people type, with the ids of whom and what they name', async () => {
    await slack.person('ben').command('ops', 'grant @kid "a <b> & c" in #family')
    const { kid } = slack.info.users
    expect(heard[0]?.body.text).toBe(`grant <@${kid}|kid> "a &lt;b&gt; &amp; c" in <#${id('family')}|family>`)
    await slack.app({ shouldEscape: false })
    await slack.person('ben').command('ops', 'grant @kid')
    expect(heard[1]?.body.text).toBe('grant @kid')
  })

  it('shows an answer in the acknowledgement to that person alone', async () => {
    await slack.person('ben').command('ops', 'in the ack')
    expect(await slack.read('ops', { as: 'ben' })).toMatchObject([{ text: 'at once', ephemeral: true }])
    expect(await slack.read('ops', { as: 'anna' })).toEqual([])
  })

  it('tells the person when nobody answers in time, or nobody is there', async () => {
    expect(await slack.person('ben').command('ops', 'never')).toMatchObject({
      acked: false,
      error: 'operation_timeout',
      notice: '/homelab failed with the error "operation_timeout"',
    })
    expect(await slack.person('ben').command('ops', '', { command: '/other' })).toMatchObject({
      error: 'no_such_command',
    })
    expect((await slack.counts()).acks).toEqual({ sent: 1, acked: 0, failed: 1 })
  })

  it('knows no commands in threads, and carries a mention there', async () => {
    const anna = slack.person('anna')
    const { ts } = await anna.say('ops', 'hello')
    expect(await anna.command('ops', 'restart plex', { thread_ts: ts })).toMatchObject({
      acked: false,
      notice: '/homelab is not supported in threads. Sorry!',
    })
    await anna.mention('ops', 'restart plex', ts)
    await slack.waitFor({ kind: 'posted', thread: ts, text: 'yes?' })
    const thread = await slack.read('ops', { thread: ts })
    expect(thread.map(({ text }) => text)).toEqual(['hello', `<@${slack.info.botUser}> restart plex`, 'yes?'])
    expect((await slack.read('ops')).map(({ replies }) => replies)).toEqual([2])
    expect(heard.map(({ kind }) => kind)).toEqual(['event_callback'])
  })

  it('carries direct messages, and does not answer itself', async () => {
    await slack.person('kid').dm('is plex up?')
    await slack.waitFor({ kind: 'posted', text: 'you said: is plex up?' })
    expect((await slack.read('dm', { as: 'kid' })).map(({ from }) => from)).toEqual(['kid', 'homelab'])
  })
})

describe('buttons, selects, modals and homes', () => {
  it('carries a click, and its response_url five times in half an hour', async () => {
    await slack.person('ben').command('ops', 'restart plex')
    await slack.waitFor({ kind: 'updated' })
    const clicked = await slack.person('anna').click({ channel: 'ops' }, 'Confirm')
    await slack.waitFor({ kind: 'posted', only: id('anna') })
    expect((await slack.read('ops', { as: 'anna' })).at(-1)).toMatchObject({
      ephemeral: true,
      visible: 'confirmed by @anna',
    })
    expect((await slack.read('ops', { as: 'ben' })).length).toBe(1)
    expect(heard.at(-1)?.body).toMatchObject({
      user: { id: id('anna') },
      channel: { id: id('ops') },
      actions: [{ action_id: 'confirm', value: 'run-1', type: 'button' }],
    })
    const respond = async (text: string) => {
      const response = await fetch(clicked.responseUrl ?? '', {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ text, replace_original: true }),
      })
      return { status: response.status, body: await response.json() }
    }
    const answers = await Promise.all(['2', '3', '4', '5', '6'].map(respond))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 404])
    expect(answers[4]?.body).toEqual({ ok: false, error: 'used_url' })
    const again = await slack.person('anna').click({ channel: 'ops' }, 'confirm')
    await slack.clock(31 * 60_000)
    const late = await fetch(again.responseUrl ?? '', { method: 'POST', body: 'text=late' })
    expect(await late.json()).toEqual({ ok: false, error: 'expired_url' })
  })

  it('asks before a button with a dialog, and keeps what is chosen in a select', async () => {
    await slack.person('ben').command('ops', 'restart plex')
    await slack.waitFor({ kind: 'updated' })
    heard = []
    const no = await slack.person('ben').click({ channel: 'ops' }, 'Ask', false)
    expect(no).toMatchObject({ acked: false, asked: { text: { text: 'Sure?' } } })
    expect(heard).toEqual([])
    expect(await slack.person('ben').select({ channel: 'ops' }, 'snooze', '8 h')).toMatchObject({
      acked: true,
    })
    expect(heard[0]?.body).toMatchObject({ actions: [{ selected_option: { value: '8h' } }] })
    await expect(slack.person('ben').click({ channel: 'ops' }, 'Cancel')).rejects.toThrow(
      'there is no "Cancel" in ops; there is: Confirm, Ask, Snooze',
    )
  })

  it('opens a modal, shows errors in it, changes it and takes its values', async () => {
    const ben = slack.person('ben')
    await ben.command('ops', 'form')
    await slack.waitFor({ kind: 'view', action: 'open' })
    expect((await ben.submit()).errors).toEqual({ why: 'Please complete this required field.' })
    expect((await ben.submit({ Why: 'no reason' })).errors).toEqual({ why: 'Say more.' })
    expect(await ben.submit({ Why: 'again' })).toMatchObject({ view: { title: { text: 'Once more' } } })
    expect(await ben.submit({ Why: 'it hangs', Who: 'kid' })).toMatchObject({ acked: true, errors: {} })
    expect((await ben.views()).modals).toEqual([])
    expect(heard.at(-1)?.body).toMatchObject({
      type: 'view_submission',
      view: {
        callback_id: 'form',
        private_metadata: 'kept',
        state: {
          values: {
            why: { text: { type: 'plain_text_input', value: 'it hangs' } },
            who: { user: { type: 'users_select', selected_user: id('kid') } },
          },
        },
      },
    })
  })

  it('refuses a trigger that is used, too old or made up', async () => {
    const { trigger = '' } = await slack.person('ben').command('ops', 'form')
    await slack.waitFor({ kind: 'view', action: 'open' })
    const open = (trigger_id: string) => client.views.open({ trigger_id, view: form('Form') })
    await expect(open(trigger)).rejects.toMatchObject({ data: { error: 'exchanged_trigger_id' } })
    const second = await slack.person('ben').command('ops', 'in the ack')
    await slack.clock(3001)
    await expect(open(second.trigger ?? '')).rejects.toMatchObject({ data: { error: 'expired_trigger_id' } })
    await expect(open('1.2.3')).rejects.toMatchObject({ data: { error: 'invalid_trigger_id' } })
  })

  it('shows a home to the person it is for', async () => {
    await slack.person('kid').home()
    await slack.waitFor({ kind: 'view', action: 'publish' })
    expect((await slack.person('kid').views()).home?.visible).toMatch(/^The lab\nall is well\n\[Confirm\]/)
    expect((await slack.person('ben').views()).home).toBeUndefined()
    await slack.person('kid').click({ in: 'home' }, 'Confirm')
    expect(heard.at(-1)?.body).toMatchObject({ container: { type: 'view' }, view: { type: 'home' } })
  })
})

describe('files, reactions and people', () => {
  it('takes a file into a thread', async () => {
    const { ts } = await slack.person('ben').say('ops', 'the log, please')
    await client.filesUploadV2({
      channel_id: id('ops'),
      thread_ts: ts,
      filename: 'run.log',
      content: 'line 1\nline 2 ✓',
      initial_comment: 'here',
    })
    expect((await slack.read('ops', { thread: ts })).at(-1)).toMatchObject({
      text: 'here',
      files: [{ name: 'run.log', content: 'line 1\nline 2 ✓' }],
    })
  })

  it('tells who is in which group and channel', async () => {
    const { anna, ben } = slack.info.users
    const usergroup = slack.info.groups.operators ?? ''
    expect((await client.usergroups.users.list({ usergroup })).users).toEqual([anna, ben])
    await slack.changeGroup('operators', { remove: ['ben'] })
    expect((await client.usergroups.users.list({ usergroup })).users).toEqual([anna])
    expect((await client.users.info({ user: ben ?? '' })).user).toMatchObject({ name: 'ben', deleted: false })
    const { members } = await client.conversations.members({ channel: id('secret') })
    expect(members).toEqual([anna, slack.info.botUser])
  })

  it('hears nothing from a channel that it was put out of, nor from somebody who is gone', async () => {
    const ben = slack.person('ben')
    await slack.changeChannel('ops', { remove: ['homelab'] })
    expect((await ben.mention('ops', 'hello')).event).toBeUndefined()
    // A command works in every channel; the bot cannot write there.
    expect(await ben.command('ops', 'in the ack')).toMatchObject({ acked: true })
    await slack.changeUser('ben', { deleted: true })
    await expect(ben.command('general', 'in the ack')).rejects.toThrow('nobody is called ben')
    const usergroup = slack.info.groups.operators ?? ''
    expect((await client.usergroups.users.list({ usergroup })).users).toEqual([id('anna')])
  })

  it('tells nothing of what the app has no scope for', async () => {
    await slack.app({ scopes: ['chat:write'] })
    expect((await slack.person('ben').mention('ops', 'hello')).event).toBeUndefined()
    expect(await slack.person('ben').command('ops', 'restart plex')).toMatchObject({
      error: 'no_such_command',
    })
  })

  it('notifies whom the markup names, and nobody whom plain text names', async () => {
    const channel = id('ops')
    const { kid, ben } = slack.info.users
    await client.chat.postMessage({
      channel,
      text: `<@${ben}> <@${kid}> <!here> @channel &lt;@${ben}&gt; <bad>`,
    })
    await client.chat.postMessage({
      channel,
      text: '<!everyone>',
      blocks: [
        { type: 'header', text: plain('<!channel>') },
        { type: 'section', text: { type: 'mrkdwn', text: '@here', verbatim: true } },
        { type: 'context', elements: [{ type: 'mrkdwn', text: `<!subteam^${slack.info.groups.admins}>` }] },
      ],
    })
    // kid is not in the channel.
    expect((await slack.read('ops')).map(({ pings }) => pings)).toEqual([
      [ben, 'here'],
      [`subteam:${slack.info.groups.admins}`],
    ])
    expect((await slack.read('ops'))[0]?.text).toContain('&lt;bad&gt;')
    expect((await slack.read('ops'))[0]?.visible).toBe(`@ben @kid @here @channel <@${ben}> <bad>`)
  })
})
