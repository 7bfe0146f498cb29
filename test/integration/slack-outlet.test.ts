/** What the courier asks of Slack, against the peer itself: no bot around it. */
import { type Card, Secret } from '@homelab/core'
import { systemClock } from '@homelab/core/node'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { DeliveryError, type Where } from '../../bot/src/chat/courier.ts'
import type { Posted } from '../../bot/src/chat/types.ts'
import { createClient, slackLogger } from '../../bot/src/slack/client.ts'
import { createOutlet } from '../../bot/src/slack/outlet.ts'
import type { Trouble } from '../../bot/src/slack/trouble.ts'
import { type SlackPeer, startSlack } from '../support/slack.ts'

let slack: SlackPeer
beforeAll(async () => {
  slack = await startSlack({ limits: 0 })
})
afterAll(() => slack?.stop())
beforeEach(() => slack.reset())

const quiet = { warn: () => undefined } as unknown as Parameters<typeof slackLogger>[0]
const logger = slackLogger(quiet, [])
const client = () => createClient(new Secret(slack.info.botToken), slack.info.api, logger)

function outletOf(startedAt = new Date(0)) {
  const placed: [string, Where][] = []
  const troubles: [Trouble, string][] = []
  const refused: Trouble[] = []
  const bugs: unknown[] = []
  const outlet = createOutlet({
    client: client(),
    clock: systemClock,
    startedAt,
    placed: (card, where) => {
      placed.push([card, where])
      return Promise.resolve()
    },
    direct: async (user) => (await client().conversations.open({ users: user })).channel?.id ?? '',
    onRefused: (trouble) => refused.push(trouble),
    onTrouble: (trouble, what) => troubles.push([trouble, what]),
    onBug: (error) => bugs.push(error),
  })
  return { outlet, placed, troubles, refused, bugs }
}

let count = 0
function posted(card: Partial<Card>, more: Partial<Posted> = {}): Posted {
  count += 1
  return {
    id: `slack:${count}`,
    place: { surface: 'slack', channel: slack.info.channels.general ?? '' },
    caller: { id: `slack:${slack.info.users.anna}`, name: 'anna', role: 'admin', surface: 'chat' },
    command: 'logs plex',
    at: new Date().toISOString(),
    card: { title: 'Log of plex', tone: 'ok', ...card },
    state: 'done',
    ...more,
  }
}
const longLog = Array.from({ length: 5_000 }, (_, line) => `line ${line} of a long log`).join('\n')
const long: Partial<Card> = { sections: [{ kind: 'code', text: longLog, keep: 'end' }] }

describe('a card', () => {
  it('brings what it has no room for as a file in its thread, once', async () => {
    const { outlet, placed } = outletOf()
    const card = posted(long)
    const where = await outlet.show(card, undefined)
    const again = await outlet.show(card, where)
    const [message] = await slack.read('general')
    const files = (await slack.read('general', { thread: message?.ts ?? '' })).flatMap((each) => each.files)
    expect(files.map(({ name }) => name)).toEqual(['Log-of-plex.txt'])
    expect(files[0]?.content).toContain('line 0 of')
    expect(message?.visible).toContain('line 4999 of')
    expect(again).toEqual(where)
    // Known before the file was sent: whatever happens to that, the message is not posted again.
    expect(placed[0]?.[1]).toMatchObject({ ts: message?.ts, files: [] })
  })

  it('that is found again is known before it is brought up to date, whatever happens to that', async () => {
    const { outlet, placed } = outletOf()
    const card = posted({}, { state: 'working' })
    await slack.fault({ cutAfterPost: 1 })
    await expect(outlet.show(card, undefined)).rejects.toMatchObject({ kind: 'again' })
    await slack.fault({ rateLimited: { 'chat.update': { times: 1, retryAfter: 1 } } })
    const ended: Posted = { ...card, card: { title: 'plex is back', tone: 'ok' }, state: 'done' }
    await expect(outlet.show(ended, undefined)).rejects.toMatchObject({ kind: 'wait' })
    await outlet.show(ended, placed[0]?.[1])
    const messages = await slack.read('general')
    expect(messages).toHaveLength(1)
    expect(messages[0]?.visible).toContain('plex is back')
  })

  it('brings its file once though the answer to that was lost, and over a restart too', async () => {
    const { outlet, placed } = outletOf()
    const card = posted({ attachments: [{ name: 'plan.txt', type: 'text/plain', text: 'all of it' }] })
    const where = await outlet.show({ ...card, state: 'working' }, undefined)
    await slack.fault({ cutAfterPost: 1 })
    await expect(outlet.show(card, where)).rejects.toMatchObject({ kind: 'again' })
    await outlet.show(card, where)
    // Killed before it was known where the file is.
    const later = outletOf(new Date(Date.now() + 60_000))
    await later.outlet.show(card, where)
    const [message] = await slack.read('general')
    const files = (await slack.read('general', { thread: message?.ts ?? '' })).flatMap((each) => each.files)
    expect(files.map(({ name }) => name)).toEqual(['plan.txt'])
    expect(placed.at(-1)?.[1]).toMatchObject({ files: [expect.any(String)] })
  })

  it('is posted though its file may not be', async () => {
    await slack.app({ scopes: ['chat:write'] })
    const { outlet, troubles } = outletOf()
    await outlet.show(posted(long), undefined)
    expect(await slack.read('general')).toHaveLength(1)
    expect(troubles).toMatchObject([[{ kind: 'scope', needed: 'files:write' }, 'attaching a file']])
  })

  it('for one person alone is ephemeral, and its file comes directly', async () => {
    const { outlet } = outletOf()
    const card = posted(long, { private: true })
    expect(await outlet.show({ ...card, state: 'working' }, undefined)).toEqual({})
    await outlet.show(card, {})
    const [seen, ...rest] = await slack.read('general', { as: 'anna' })
    expect(seen?.ephemeral).toBe(true)
    expect(rest).toEqual([])
    const files = (await slack.read('dm', { as: 'anna' })).flatMap((each) => each.files)
    expect(files.map(({ name }) => name)).toEqual(['Log-of-plex.txt'])
  })

  it('for one person alone that takes its time says so once, and says what came of it', async () => {
    const { outlet } = outletOf()
    const card = posted({ title: 'help', text: 'On it…' }, { private: true, state: 'working' })
    await outlet.show(card, undefined)
    await outlet.show(card, {})
    await slack.waitFor({ kind: 'posted' })
    await outlet.show({ ...card, card: { title: 'What you can do', tone: 'ok' }, state: 'done' }, {})
    const seen = await slack.read('general')
    expect(seen.map(({ ephemeral, text }) => [ephemeral, text.includes('What you can do')])).toEqual([
      [true, false],
      [true, true],
    ])
  })

  it('is for everybody once it is a run or waits for somebody else, whatever it was taken for', async () => {
    const { outlet } = outletOf()
    const typed = posted({}, { private: true, state: 'working' })
    const run: Posted = { ...typed, run: 'r1', card: { title: 'Restarting plex', tone: 'busy' } }
    const where = await outlet.show(run, await outlet.show(typed, undefined))
    await outlet.show({ ...run, card: { title: 'plex is back', tone: 'ok' }, state: 'done' }, where)
    const waits = posted(
      { title: 'Stop plex', buttons: [{ label: 'Approve', action: { kind: 'approve', id: 'a1' } }] },
      { private: true, state: 'working' },
    )
    await outlet.show(waits, undefined)
    const seen = await slack.read('general', { as: 'ben' })
    expect(seen.map(({ visible }) => visible)).toEqual([
      expect.stringContaining('plex is back'),
      expect.stringContaining('Stop plex'),
    ])
  })

  it('keeps edits of progress from using up those of ends', async () => {
    const { outlet } = outletOf()
    const working = posted({ progress: { text: 'at it' } }, { state: 'working' })
    const where = await outlet.show(working, undefined)
    for (let done = 1; done <= 45; done++)
      await outlet.show({ ...working, card: { ...working.card, progress: { text: `at it ${done}` } } }, where)
    const ends = Array.from({ length: 15 }, () => posted({}))
    for (const end of ends) await outlet.show(end, await outlet.show({ ...end, state: 'working' }, undefined))
    const { calls, refused } = await slack.counts()
    expect(calls['chat.update']).toBeLessThanOrEqual(50)
    expect(refused).toEqual({})
  })

  it('of nobody, where the bot may not write, is gone', async () => {
    await slack.changeChannel('general', { remove: ['homelab'] })
    const { outlet, troubles } = outletOf()
    const told = posted(
      {},
      { caller: { id: 'homelab:bot', name: 'homelab', role: 'nobody', surface: 'chat' } },
    )
    const error = await outlet.show(told, undefined).catch((thrown: unknown) => thrown)
    expect(error).toBeInstanceOf(DeliveryError)
    expect(error).toMatchObject({ kind: 'gone' })
    expect(troubles[0]?.[1]).toContain(slack.info.channels.general)
  })

  it('waits when Slack says so, and says when Slack will not have us', async () => {
    const { outlet, refused } = outletOf()
    await slack.fault({ rateLimited: { 'chat.postMessage': { times: 1, retryAfter: 3 } } })
    await expect(outlet.show(posted({}), undefined)).rejects.toMatchObject({
      kind: 'wait',
      retryAfterMs: 3_000,
    })
    await slack.fault({ token: 'account_inactive' })
    await expect(outlet.show(posted({}), undefined)).rejects.toMatchObject({ kind: 'again' })
    expect(refused).toMatchObject([{ kind: 'token', code: 'account_inactive' }])
  })
})

describe('beside a card', () => {
  it('goes the log of its run, as text or as a file, each part once', async () => {
    const { outlet } = outletOf()
    const card = posted({}, { state: 'working', run: 'r1' })
    const where = await outlet.show(card, undefined)
    await slack.fault({ cutAfterPost: 1 })
    await expect(outlet.log(card, where, ['pulling <!channel>', 'done'], 0)).rejects.toMatchObject({
      kind: 'again',
    })
    await outlet.log(card, where, ['pulling <!channel>', 'done'], 0)
    await slack.fault({ cutAfterPost: 1 })
    await expect(outlet.log(card, where, longLog.split('\n'), 2)).rejects.toMatchObject({ kind: 'again' })
    await outlet.log(card, where, longLog.split('\n'), 2)
    const [message, ...replies] = await slack.read('general', { thread: String(where.ts) })
    expect(message?.ts).toBe(where.ts)
    expect(replies.map(({ files: [file], visible }) => file?.name ?? visible)).toEqual([
      'pulling <!channel>\ndone',
      'log-from-line-3.txt',
    ])
    expect((await slack.counts()).pings).toEqual({})
  })

  it('goes a word to the asker, who alone is notified, and once', async () => {
    const { outlet } = outletOf()
    const card = posted({ title: 'plex <!here> is back' })
    const where = await outlet.show(card, undefined)
    await slack.fault({ cutAfterPost: 1 })
    await expect(outlet.mention(card, where)).rejects.toMatchObject({ kind: 'again' })
    await outlet.mention(card, where)
    expect((await slack.counts()).pings).toEqual({ [slack.info.users.anna ?? '']: 1 })
  })
})
