/** What befalls the connection to Slack in hours that no test can wait for. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { tsOf } from '../../bot/src/slack/age.ts'
import { type SlackPeer, startSlack } from '../support/slack.ts'
import { connectionTo } from './slack-connection.fixture.ts'

let slack: SlackPeer
beforeAll(async () => {
  slack = await startSlack({ limits: 0, ack: 500, speed: 0.02 })
})
afterAll(() => slack?.stop())
beforeEach(() => slack.reset())

const opened = async () => (await slack.counts()).calls['apps.connections.open'] ?? 0
const connected = (after: number) => slack.waitFor({ kind: 'socket', state: 'connected' }, { after })
/** Slack says for how long a socket lives about. */
const LIFE_MS = 18_060_000

describe('a connection that brings nothing', () => {
  it('costs no call for as long as Slack said, and then is made anew; what was missed is asked about', async () => {
    const { start, pass, shows, world } = await connectionTo(slack)
    await using connector = start()
    await connector.started
    await pass(60_000)
    const before = (await slack.counts()).calls
    await slack.fault({ deafEvents: true })
    await slack.person('anna').mention('general', 'homelab add 2')
    await slack.waitFor({ kind: 'lost' })
    // A second before it is over; longer steps than it takes to open a socket would be an outage.
    await pass(LIFE_MS - 61_000)
    expect((await slack.counts()).calls).toEqual(before)

    const after = await slack.mark()
    await pass(1_000)
    await connected(after)
    await shows('general', /I was away when you asked/)
    expect(await opened()).toBe(2)
    // The old one goes when the new one is there.
    await pass(2_000)
    await slack.waitFor({ kind: 'socket', state: 'closed' }, { after })
    expect(world.changes).toBe(0)
  })

  it('is left alone while something comes over it, however old it is', async () => {
    const { start, pass, shows } = await connectionTo(slack)
    await using connector = start()
    await connector.started
    await pass(LIFE_MS - 60_000)
    await slack.person('anna').command('general', 'homelab show')
    await shows('general', /now 0/)
    await pass(20 * 60_000)
    expect(await opened()).toBe(1)
  })
})

describe('an outage', () => {
  it('of over two minutes is told in the ops channel', async () => {
    const { start, pass, shows } = await connectionTo(slack)
    await using connector = start()
    await connector.started
    expect(connector.status.state).toBe('connected')
    await slack.fault({ refuseConnections: 'internal_error' })
    const after = await slack.mark()
    await slack.cut()
    await slack.waitFor({ kind: 'socket', state: 'closed' }, { after })
    // The client waits a moment before it believes it.
    await slack.waitFor({ kind: 'call', method: 'apps.connections.open', ok: false }, { after })
    expect(connector.status).toMatchObject({ state: 'connecting', problem: expect.stringContaining('Slack') })
    await pass(150_000)
    await slack.fault({ refuseConnections: '' })
    const told = await shows('ops', /I am back in Slack/, 30_000)
    expect(told.visible).toMatch(/I was cut off from Slack for \d/)
    expect(connector.status.state).toBe('connected')
    // What was given up on the way does not stay when it comes after all.
    for (let mark = after; (await slack.state()).sockets > 1; mark = await slack.mark())
      await slack.waitFor({ kind: 'socket', state: 'closed' }, { after: mark })
  })
})

describe('what was missed', () => {
  it('is still missed when Slack does not answer who looks, and is looked for again', async () => {
    const { start, shows, kept, clock, pass } = await connectionTo(slack)
    const ts = tsOf(clock.now().getTime() - 60_000)
    kept.set('slack.seen', { ts, directs: [] })
    await slack.app({ subscriptions: [] })
    await slack.person('anna').mention('general', 'homelab show')
    await slack.fault({ rateLimited: { 'conversations.history': { times: 4, retryAfter: 1 } } })
    await using connector = start()
    await connector.started
    for (let tried = 1; tried <= 4; tried++) {
      await slack.waitFor({ kind: 'call', method: 'conversations.history' }, { count: tried })
      await pass(1_000)
    }
    expect(kept.get('slack.seen')).toMatchObject({ ts })
    await shows('general', /now 0/, 10_000)
    expect(connector.status.problem).toMatch(/Looking for what was missed .* does not work/)
  })

  it('and comes again when it is old is asked about, and done when somebody says so', async () => {
    const { start, shows, pass, world } = await connectionTo(slack)
    await using connector = start()
    await connector.started
    await slack.person('anna').mention('general', 'homelab show')
    await shows('general', /now 0/)
    await slack.fault({ deafEvents: true })
    const after = await slack.mark()
    await slack.person('anna').mention('general', 'homelab add 1')
    await slack.waitFor({ kind: 'unacked' }, { after, count: 2 })
    await pass(200_000)
    await slack.fault({ deafEvents: false })
    const card = await shows('general', /I was away when you asked/)
    expect(world.changes).toBe(0)
    await slack.person('anna').click({ channel: 'general', ts: card.ts }, 'Do it now')
    await shows('general', /now 1/)
    expect(world.changes).toBe(1)
  })

  it('and is for one person alone is not told to everybody', async () => {
    const { start, shows, pass } = await connectionTo(slack)
    await using connector = start()
    await connector.started
    await slack.person('anna').mention('general', 'homelab show')
    await shows('general', /now 0/)
    await slack.fault({ deafEvents: true })
    const after = await slack.mark()
    // Kid is not in the file.
    await slack.person('kid').mention('general', 'homelab add 1')
    await slack.waitFor({ kind: 'unacked' }, { after, count: 2 })
    await pass(200_000)
    await slack.fault({ deafEvents: false })
    const said = await shows('general', /I was away when you asked/)
    expect(said.ephemeral).toBe(true)
    expect(await slack.read('general', { as: 'anna' })).not.toContainEqual(
      expect.objectContaining({ visible: said.visible }),
    )
  })
})

it('says that it could not be started when something of its own breaks, and tries nothing more', async () => {
  const facts = {
    get: () => {
      throw new Error('the disk is full')
    },
    set: () => Promise.resolve(),
  }
  const { start, bugs } = await connectionTo(slack, { facts })
  await using connector = start()
  await connector.started
  expect(connector.status).toMatchObject({
    state: 'refused',
    problem: expect.stringContaining('could not be started'),
  })
  expect(bugs).toHaveLength(1)
  expect(await opened()).toBe(0)
})
