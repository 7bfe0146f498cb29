/** Slack in a household with rules: whispers, second questions, second people, and channels that come and go. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startWorld, type World } from './slack.fixture.ts'

let world: World
beforeAll(async () => {
  world = await startWorld(
    {},
    `
bot: { guest: 101 }
approve: [{ what: [shutdown], by: second-person }]
`,
  )
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

describe('what a button answers', () => {
  it('is for one person when its command is, though its card is for everybody', async () => {
    await person('anna').mention(channel, 'could you please have a look at plex for me')
    const { ts } = await world.shows(channel, /I understand commands only/)
    await person('ben').click({ channel, ts }, 'Help')
    const help = await world.shows(channel, /What you can do/)
    expect(help.ephemeral).toBe(true)
    expect(await world.slack.read(channel, { as: 'anna' })).not.toContainEqual(
      expect.objectContaining({ ts: help.ts }),
    )
  })

  it('is for who may not do it alone', async () => {
    await person('anna').command(channel, 'restart plex')
    const { ts } = await world.shows(channel, /\[Logs\]/)
    await person('kid').click({ channel, ts }, 'Logs')
    const refusal = await world.shows(channel, /operator/, { as: 'kid' })
    expect(refusal.ephemeral).toBe(true)
    expect(await world.slack.read(channel, { as: 'anna' })).toHaveLength(1)
  })

  it('is for everybody when it is a change: a slip of the finger, put right, begun and ended', async () => {
    await world.lab.fault({ taskMs: { vzreboot: 4_000 } })
    await person('anna').command(channel, 'restart plx')
    const slip = await world.shows(channel, /\[restart plex\]/)
    await person('anna').click({ channel, ts: slip.ts }, 'restart plex')
    const working = await world.shows(channel, /\[Cancel\]/, { as: 'ben' })
    const end = await world.shows(channel, restarted, { as: 'ben' })
    expect(await world.changes(110)).toEqual({ reboot: 1 })
    expect(end.ts).toBe(working.ts)
    expect(end.visible).toContain('anna: restart plex')
  })
})

describe('a question', () => {
  it('tells nothing to who taps twice', async () => {
    await person('anna').command(channel, 'stop plex')
    const { ts } = await world.shows(channel, /Confirm/)
    // The card still shows its buttons when they have done their work.
    await world.slack.fault({ rateLimited: { 'chat.update': { times: 1, retryAfter: 2 } } })
    const taps = [await person('anna').click({ channel, ts }, 'Confirm')]
    taps.push(await person('anna').click({ channel, ts }, 'Confirm'))
    await world.shows(channel, /plex stopped/)
    await person('anna').command(channel, 'node list')
    await world.shows(channel, /anna: node list/)
    expect(taps.every(({ acked }) => acked)).toBe(true)
    expect(await world.changes(110)).toEqual({ shutdown: 1 })
    expect((await world.slack.read(channel)).filter(({ ephemeral }) => ephemeral)).toEqual([])
  })

  it('comes twice when it would take down what the bot needs', async () => {
    await person('anna').command(channel, 'stop traefik')
    const { ts } = await world.shows(channel, /Confirm/)
    await person('anna').click({ channel, ts }, 'Confirm')
    const again = await world.shows(channel, /really\?[\s\S]*Do it anyway/)
    expect(await world.changes(101)).toEqual({})
    expect(again.ts).toBe(ts)
    await person('anna').click({ channel, ts }, 'Cancel')
    await world.shows(channel, /Not done/)
    expect(await world.changes(101)).toEqual({})
  })

  it('shows the card as it is to who presses what is gone', async () => {
    await person('anna').command(channel, 'stop plex')
    const { ts } = await world.shows(channel, /Confirm/)
    await world.slack.fault({ rateLimited: { 'chat.update': { times: 1, retryAfter: 2 } } })
    await person('anna').click({ channel, ts }, 'Cancel')
    await person('anna').click({ channel, ts }, 'Confirm')
    const told = await world.shows(channel, /This card has changed/, { as: 'anna' })
    expect(told.visible).toContain('Not done')
    expect(await world.changes(110)).toEqual({})
  })
})

describe('an approval', () => {
  it('is given by a second person, and not by who asked', async () => {
    await person('anna').command(channel, 'shutdown plex')
    const asked = await world.shows(channel, /Confirm|Approve/)
    if (asked.visible.includes('Confirm')) await person('anna').click({ channel, ts: asked.ts }, 'Confirm')
    const waits = await world.shows(channel, /waits for approval/)
    const where = { channel, ts: waits.ts }
    await person('anna').click(where, 'Approve')
    await world.shows(channel, /You cannot approve this/, { as: 'anna' })
    expect(await world.changes(110)).toEqual({})
    const inOps = await world.shows('ops', /waits for approval/)
    expect(inOps.visible).toContain('anna asked for it')

    await person('ben').click(where, 'Approve')
    const end = await world.shows(channel, /plex (shut down|stopped|is off)/i)
    expect(end.ts).toBe(waits.ts)
    expect(await world.changes(110)).toEqual({ shutdown: 1 })
    await world.shows('ops', /approved by ben/)
  })
})

describe('a channel', () => {
  it('that is not in the file: nothing is done there, and nobody else is bothered', async () => {
    await person('anna').command('family', 'restart plex')
    const refusal = await world.shows('family', /family|channel/)
    await person('anna').mention('family', 'could you please have a look at plex for me')
    const nudge = await world.shows('family', /I understand commands only/)
    expect(await world.changes(110)).toEqual({})
    expect([refusal, nudge].map(({ ephemeral }) => ephemeral)).toEqual([true, true])
    expect((await world.slack.read('family', { as: 'ben' })).filter(({ byBot }) => byBot)).toEqual([])
  })

  it.each([
    ['archived', 'anna'],
    ['removed', 'ben'],
  ] as const)('that is %s while something runs: its end goes to the asker directly', async (change, name) => {
    await world.lab.fault({ taskMs: { vzreboot: 4_000 } })
    await person(name).command(channel, 'restart plex')
    await world.shows(channel, /\[Cancel\]/)
    await world.slack.changeChannel(channel, { [change]: true })
    await world.shows('dm', restarted, { as: name })
    const direct = await world.slack.read('dm', { as: name })
    expect(await world.changes(110)).toEqual({ reboot: 1 })
    expect(direct.filter(({ visible }) => restarted.test(visible))).toHaveLength(1)
  })
})
