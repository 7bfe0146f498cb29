/** What the courier asks of Slack, and who asks, against the peer itself: no bot around it. */

import { type Caller, type Card, Secret } from '@homelab/core'
import { systemClock } from '@homelab/core/node'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Asker } from '../../bot/src/chat/connector.ts'
import { virtualClock } from '../../bot/src/chat/courier.fixture.ts'
import { DeliveryError, type Where } from '../../bot/src/chat/courier.ts'
import type { Posted } from '../../bot/src/chat/types.ts'
import { createClient, slackLogger } from '../../bot/src/slack/client.ts'
import { outages } from '../../bot/src/slack/outage.ts'
import { createOutlet } from '../../bot/src/slack/outlet.ts'
import { createPeople } from '../../bot/src/slack/people.ts'
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

function outletOf() {
  const placed: [string, Where][] = []
  const troubles: [Trouble, string][] = []
  const refused: Trouble[] = []
  const bugs: unknown[] = []
  const outlet = createOutlet({
    client: client(),
    clock: systemClock,
    startedAt: new Date(0),
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

describe('who asks', () => {
  const peopleOf = (groups = true) => {
    const clock = virtualClock()
    const askers: Asker[] = []
    const troubles: Trouble[] = []
    const callerOf = (asker: Asker): Caller => {
      askers.push(asker)
      return { id: `slack:${asker.user}`, name: asker.name, role: 'viewer', surface: 'chat' }
    }
    const person = {
      name: 'helpers',
      role: 'operator',
      ...(groups ? { slack_group: [slack.info.groups.operators] } : {}),
    }
    const context = { clock, callerOf, inventory: () => ({ people: [person] }) } as unknown as Parameters<
      typeof createPeople
    >[0]
    const people = createPeople(context, client(), (trouble) => troubles.push(trouble))
    const groupsOf = async (fresh = false) => {
      await people.callerOf({ user: slack.info.users.ben ?? '', name: 'ben', channel: 'C1' }, fresh)
      return askers.at(-1)?.groups ?? []
    }
    return { clock, people, askers, groupsOf, troubles }
  }

  it('is asked of Slack when the file names groups, and not for every command', async () => {
    const { groupsOf } = peopleOf()
    expect(await groupsOf()).toContain(slack.info.groups.operators)
    await groupsOf()
    expect((await slack.counts()).calls['usergroups.list']).toBe(1)
    await peopleOf(false).groupsOf()
    expect((await slack.counts()).calls['usergroups.list']).toBe(1)
  })

  it('loses a group five minutes after it was left, also when Slack does not answer then', async () => {
    const { groupsOf, clock } = peopleOf()
    await groupsOf()
    await slack.changeGroup('operators', { remove: ['ben'] })
    await clock.pass(301_000)
    expect(await groupsOf()).not.toContain(slack.info.groups.operators)

    await slack.changeGroup('operators', { add: ['ben'] })
    await clock.pass(301_000)
    expect(await groupsOf()).toContain(slack.info.groups.operators)
    await clock.pass(301_000)
    await slack.fault({ answer500: 1 })
    expect(await groupsOf()).toEqual([])
  })

  it('is asked anew before a yes counts', async () => {
    const { groupsOf, clock } = peopleOf()
    await groupsOf()
    await slack.changeGroup('operators', { remove: ['ben'] })
    await clock.pass(31_000)
    expect(await groupsOf()).toContain(slack.info.groups.operators)
    expect(await groupsOf(true)).not.toContain(slack.info.groups.operators)
  })

  it('has a name though the event has none, and no channel in direct messages', async () => {
    const { people, askers } = peopleOf(false)
    await people.callerOf({ user: slack.info.users.ben ?? '', channel: 'D0123' })
    await people.callerOf({ user: slack.info.users.ben ?? '', channel: 'C0123' })
    expect(askers.map(({ name, channel }) => [name, channel])).toEqual([
      ['ben', undefined],
      ['ben', 'C0123'],
    ])
    expect((await slack.counts()).calls['users.info']).toBe(1)
  })
})

describe('an outage', () => {
  it('of over two minutes is told in the ops channel, a short one is not', async () => {
    const clock = virtualClock()
    const told: string[] = []
    const desk = {
      tell: ({ channel }: { channel: string }, _: string, { text }: Card) => told.push(`${channel}: ${text}`),
    }
    const outage = outages({ clock, desk } as unknown as Parameters<typeof outages>[0], () => ['C0OPS'])
    outage.over()
    outage.begins()
    await clock.pass(60_000)
    outage.over()
    expect(told).toEqual([])
    outage.begins()
    await clock.pass(100_000)
    outage.begins()
    await clock.pass(100_000)
    outage.over()
    expect(told).toEqual([expect.stringMatching(/^C0OPS: I was cut off from Slack for 3 min 20 s\./)])
  })
})
