/** What Slack does to bots, and what befalls a bot: nothing is lost, nothing is done twice, the last state of a card arrives. */
import { createServer } from 'node:net'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startWorld, type World } from './slack.fixture.ts'

let world: World
beforeAll(async () => {
  world = await startWorld({ speed: 0.01 })
  await world.start()
}, 60_000)
afterAll(() => world?.[Symbol.asyncDispose]())
let channel: string
beforeEach(async () => {
  channel = world.fresh()
  await world.reset()
})
const person = (name: string) => world.slack.person(name)
const restarted = /plex restarted and answers/
const cards = async () =>
  (await world.slack.read(channel)).filter(({ byBot, threadTs, ts }) => byBot && (threadTs ?? ts) === ts)

describe('the same thing twice', () => {
  it('is one command: an envelope that comes twice', async () => {
    await world.slack.fault({ duplicateEnvelopes: 1 })
    await person('anna').command(channel, 'restart plex')
    await world.shows(channel, restarted)
    expect(await world.changes(110)).toEqual({ reboot: 1 })
    expect(await cards()).toHaveLength(1)
  })

  it('is one command: an event that is sent again', async () => {
    await world.slack.fault({ duplicateEvents: 1 })
    const after = await world.slack.mark()
    await person('anna').mention(channel, 'restart plex')
    await world.slack.waitFor({ kind: 'acked', type: 'events_api' }, { after, count: 2 })
    await world.shows(channel, restarted)
    expect(await world.changes(110)).toEqual({ reboot: 1 })
    expect(await cards()).toHaveLength(1)
  })

  it('is one command: a button that is clicked twice', async () => {
    await person('anna').command(channel, 'restart plex')
    const { ts } = await world.shows(channel, /\[Logs\]/)
    await world.slack.fault({ duplicateEnvelopes: 1 })
    await person('anna').click({ channel, ts }, 'Logs')
    await person('anna').click({ channel, ts }, 'Logs')
    await world.shows(channel, /anna: logs plex/)
    await person('anna').command(channel, 'node list')
    await world.shows(channel, /anna: node list/)
    expect(await cards()).toHaveLength(3)
  })

  it('is one message when the answer to posting it was lost', async () => {
    await world.slack.fault({ cutAfterPost: 1 })
    await person('anna').command(channel, 'restart plex')
    await world.shows(channel, restarted)
    expect(await cards()).toHaveLength(1)
  })
})

describe('limits and refusals', () => {
  it('waits as long as it is told and loses no last state', async () => {
    await world.slack.fault({
      rateLimited: {
        'chat.postMessage': { times: 1, retryAfter: 1 },
        'chat.update': { times: 1, retryAfter: 1 },
      },
    })
    await world.lab.fault({ taskMs: { vzreboot: 4_000 } })
    await person('anna').command(channel, 'restart plex')
    const end = await world.shows(channel, restarted)
    expect(end.edits).toBeGreaterThan(0)
    expect(await cards()).toHaveLength(1)
  })

  it('goes on after answers of 500 and 503', async () => {
    await world.slack.fault({ answer500: 2, answer503: 1 })
    await person('anna').command(channel, 'restart plex')
    await world.shows(channel, restarted)
    expect(await cards()).toHaveLength(1)
  })

  it('posts anew what somebody deleted', async () => {
    await world.lab.fault({ taskMs: { vzreboot: 4_000 } })
    await person('anna').command(channel, 'restart plex')
    const { ts } = await world.shows(channel, /Cancel/)
    await world.slack.deleteMessage(channel, ts)
    const end = await world.shows(channel, restarted)
    expect(end.ts).not.toBe(ts)
  })

  it('holds every limit of Slack with its real rates', async () => {
    await world.slack.fault({ limits: { '*': 1 } })
    for (const text of [
      'status',
      'help',
      'guest list',
      'help restart',
      'audit list',
      'run list',
      'node list',
    ])
      await person('anna').command(channel, text)
    await world.shows(channel, /anna: node list/)
    const { refused, acks } = await world.slack.counts()
    expect(acks.failed).toBe(0)
    expect(Object.keys(refused).filter((why) => /invalid|too_long|too_many/.test(why))).toEqual([])
  })
})

describe('a connection', () => {
  it('that is cut is made anew, and what was said meanwhile is done', async () => {
    const after = await world.slack.mark()
    await world.slack.cut()
    await person('anna').mention(channel, 'restart plex')
    await world.slack.waitFor({ kind: 'socket', state: 'connected' }, { after })
    await world.shows(channel, restarted)
    expect(await world.changes(110)).toEqual({ reboot: 1 })
  })

  it('that Slack wants replaced is replaced without a failed acknowledgement', async () => {
    const after = await world.slack.mark()
    const said = Array.from({ length: 10 }, (_, n) => person('anna').command(channel, `node list --no-${n}`))
    await world.slack.disconnect('refresh_requested')
    await world.slack.waitFor({ kind: 'socket', state: 'connected' }, { after })
    const seen = await Promise.all(said)
    expect(seen.filter(({ acked }) => !acked)).toEqual([])
    await world.slack.waitFor({ kind: 'socket', state: 'closed' }, { after })
    expect(await world.health()).toBe('connected')
  })

  it('that is deaf is noticed', async () => {
    const after = await world.slack.mark()
    await world.slack.fault({ deaf: true })
    await world.slack.waitFor({ kind: 'socket', state: 'closed' }, { after, timeoutMs: 30_000 })
    await world.slack.fault({ deaf: false })
    await world.slack.waitFor({ kind: 'socket', state: 'connected' }, { after, timeoutMs: 30_000 })
    await person('anna').command(channel, 'restart plex')
    await world.shows(channel, restarted)
  }, 90_000)
})

describe('a bot that dies', () => {
  it('in the middle of a run goes on with it, in the same message', async () => {
    await world.lab.fault({ taskMs: { vzreboot: 4_000 } })
    await person('anna').command(channel, 'restart plex')
    const before = await world.shows(channel, /Cancel/)
    await world.lab.waitFor({ kind: 'task', type: 'vzreboot' })
    await world.kill()
    await world.start()
    const end = await world.shows(channel, restarted)
    expect(await world.changes(110)).toEqual({ reboot: 1 })
    expect(end.ts).toBe(before.ts)
    expect(await cards()).toHaveLength(1)
  }, 90_000)

  it('before it said anything does what it acknowledged, and posts it once', async () => {
    await world.slack.fault({ answer503: 1_000 })
    const seen = await person('anna').command(channel, 'restart plex')
    await world.kill()
    await world.slack.fault({ answer503: 0 })
    await world.start()
    await world.shows(channel, restarted)
    expect(seen.acked).toBe(true)
    expect(await world.changes(110)).toEqual({ reboot: 1 })
    expect(await cards()).toHaveLength(1)
  }, 90_000)

  it('right after it posted finds its message again', async () => {
    await world.slack.fault({ cutAfterPost: 1_000 })
    await person('anna').command(channel, 'node list')
    await world.slack.waitFor({ kind: 'posted' })
    await world.kill()
    await world.slack.fault({ cutAfterPost: 0 })
    await world.start()
    await world.shows(channel, /✅ online/)
    expect(await cards()).toHaveLength(1)
  }, 90_000)
})

describe('a bot that was away', () => {
  it('does what was asked a moment ago', async () => {
    // Not delivered again by Slack: only what is looked for can be found.
    await world.stop()
    await world.slack.app({ subscriptions: [] })
    await person('anna').mention(channel, 'restart plex')
    await world.slack.app({ subscriptions: ['app_mention', 'message.im', 'app_home_opened'] })
    await world.start()
    await world.shows(channel, restarted)
    expect(await world.changes(110)).toEqual({ reboot: 1 })
  }, 90_000)

  it('asks about what is older, and does it when somebody says so', async () => {
    await using past = await startWorld()
    // Slack's clock is behind, so that what is said now is old to the bot.
    await past.slack.clock(-200_000)
    await past.start()
    await past.stop()
    past.awaySince(new Date(Date.now() - 300_000))
    await past.slack.app({ subscriptions: [] })
    await past.slack.person('anna').mention('general', 'restart plex')
    await past.slack.person('anna').mention('general', 'good morning, how are you all today')
    await past.start()
    const card = await past.shows('general', /I was away when you asked/)
    expect(card.visible).toContain('restart plex')
    expect(await past.changes(110)).toEqual({})
    await past.slack.person('anna').click({ channel: 'general', ts: card.ts }, 'Do it now')
    await past.shows('general', restarted)
    expect(await past.changes(110)).toEqual({ reboot: 1 })
    expect((await past.slack.read('general')).filter(({ byBot }) => byBot)).toHaveLength(2)
  }, 120_000)
})

describe('who Slack will not have', () => {
  const asked = async () => {
    const { calls } = await world.slack.counts()
    return (calls['auth.test'] ?? 0) + (calls['apps.connections.open'] ?? 0)
  }
  const refusals = [
    ['a wrong token', { token: 'xoxb-0-wrong' }, /slack\.token \(invalid_auth\)/],
    ['a user token', { token: 'xoxp-1-2-3' }, /slack\.token is a user token/],
    ['a wrong app token', { appToken: 'xapp-1-wrong' }, /slack\.app_token \(invalid_auth\)/],
    ['a bot token as app token', { appToken: 'xoxb-1-2' }, /slack\.app_token is a bot token/],
  ] as const
  it.each(refusals)(
    '%s: says what and how, and does not try again',
    async (_, tokens, pattern) => {
      await world.stop()
      const before = await asked()
      const bot = await world.start({ ...tokens, alone: true })
      await bot.printed(pattern)
      expect(await world.health()).toBe('refused')
      expect((await asked()) - before).toBeLessThanOrEqual(2)
      await world.stop()
      await world.start()
    },
    90_000,
  )

  it('a token revoked while it runs: refused, and nothing more is sent', async () => {
    // What it looks for after a start would find out before the command comes.
    await world.stop()
    const after = await world.slack.mark()
    await world.start()
    const { ops = '' } = world.slack.info.channels
    await world.slack.waitFor({ kind: 'call', method: 'conversations.history', channel: ops }, { after })
    await world.slack.fault({ token: 'token_revoked' })
    await person('anna').command(channel, 'node list')
    await world.bot().printed(/slack\.token \(token_revoked\)/)
    expect(await world.health()).toBe('refused')
    await world.stop()
    await world.slack.fault({ token: '' })
    await world.start()
    await world.shows(channel, /✅ online/)
  }, 90_000)

  it('names a scope that is missing', async () => {
    await world.slack.app({ scopes: ['commands', 'chat:write', 'app_mentions:read', 'im:history'] })
    await world.slack.fault({ cutAfterPost: 1 })
    await person('anna').command(channel, 'node list')
    await world.bot().printed(/lacks the scope channels:history/)
    await world.shows(channel, /✅ online/)
  })
})

describe('requests over HTTP', () => {
  it('are taken when Slack signed them, and no others', async () => {
    await world.stop()
    const port = await freePort()
    await world.start({ http: port })
    expect(await world.slack.http(`http://127.0.0.1:${port}/slack/events`)).toBe(true)
    await world.slack.fault({ replay: 1 })
    const seen = await person('anna').command(channel, 'restart plex')
    await world.shows(channel, restarted)
    for (const signature of ['wrong', 'old', 'missing'] as const) {
      await world.slack.fault({ signature })
      const after = await world.slack.mark()
      await person('anna').command(channel, 'restart plex')
      const [answer] = await world.slack.waitFor({ kind: 'http' }, { after })
      expect(answer?.status).toBe(401)
    }
    expect(seen.acked).toBe(true)
    expect(await world.changes(110)).toEqual({ reboot: 1 })
    await world.slack.fault({ signature: 'good' })
    await person('anna').mention(channel, 'node list')
    await world.shows(channel, /✅ online/)
    await world.slack.http(undefined)
    await world.stop()
    await world.start()
  }, 90_000)
})

/** A free port, as far as one can know. */
async function freePort(): Promise<number> {
  const server = createServer()
  const { promise, resolve } = Promise.withResolvers<void>()
  server.listen(0, '127.0.0.1', resolve)
  await promise
  const address = server.address()
  const closed = Promise.withResolvers<void>()
  server.close(() => closed.resolve())
  await closed.promise
  return typeof address === 'object' && address !== null ? address.port : 0
}
