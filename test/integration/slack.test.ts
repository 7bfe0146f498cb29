/** Slack as people use it: the whole bot against a Slack and a Proxmox that keep their limits. */
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { startWorld, type World } from './slack.fixture.ts'

let world: World
beforeAll(async () => {
  world = await startWorld()
  await world.start()
}, 60_000)
afterAll(() => world?.[Symbol.asyncDispose]())
let channel: string
beforeEach(async () => {
  channel = world.fresh()
  await world.reset()
})
const person = (name: string) => world.slack.person(name)

describe('a command', () => {
  it('restarts: one reboot, one message, edited to its end, acknowledged at once', async () => {
    const seen = await person('anna').command(channel, 'restart plex')
    const end = await world.shows(channel, /plex restarted and answers/)
    expect(await world.changes(110)).toEqual({ reboot: 1 })
    expect(seen).toMatchObject({ acked: true })
    expect(seen.error).toBeUndefined()
    expect(end.visible).toContain('anna: restart plex')
    expect(end.pings).toEqual([])
    expect(await world.slack.read(channel)).toHaveLength(1)
  })

  it('answers what is for the asker alone to the asker alone', async () => {
    await person('anna').command(channel, 'help')
    const help = await world.shows(channel, /What you can do/, { as: 'anna' })
    expect(help.ephemeral).toBe(true)
    expect(await world.slack.read(channel, { as: 'ben' })).toEqual([])
  })

  it('is refused to whoever may not, with the right that is missing; a user group gives it', async () => {
    await person('kid').command(channel, 'restart plex')
    const refusal = await world.shows(channel, /operator/, { as: 'kid' })
    await person('ben').command(channel, 'restart plex')
    await world.shows(channel, /plex restarted and answers/)
    expect(await world.changes(110)).toEqual({ reboot: 1 })
    expect(refusal.ephemeral).toBe(true)
  })

  it('goes to the asker directly where the bot may not write, with how to let it in', async () => {
    await person('anna').command('random', 'status')
    const answer = await world.shows('dm', /CPU[\s\S]*\/invite @homelab/, { as: 'anna' })
    expect(answer.visible).toContain('anna: status')
    expect(await world.slack.read('random')).toEqual([])
  })

  it('pings nobody and formats nothing, whatever is typed', async () => {
    await person('anna').command(channel, 'logs "<!channel> *bold* @everyone <@U1>"')
    const said = await world.shows(channel, /\*bold\*/, { as: 'anna' })
    expect(said.pings).toEqual([])
    expect(said.mentions).toEqual([])
  })
})

describe('a question', () => {
  it('is answered by who was asked, and by nobody else', async () => {
    await person('anna').command(channel, 'stop plex')
    const asked = await world.shows(channel, /Confirm/)
    const where = { channel, ts: asked.ts }
    await person('ben').click(where, 'Confirm')
    await world.shows(channel, /Only anna can answer/, { as: 'ben' })
    expect(await world.changes(110)).toEqual({})

    await person('anna').click(where, 'Confirm')
    const end = await world.shows(channel, /plex stopped/)
    expect(await world.changes(110)).toEqual({ shutdown: 1 })
    expect(end.ts).toBe(asked.ts)
  })

  it('is not done when it is declined, and an old button says that the card has changed', async () => {
    await person('anna').command(channel, 'stop plex')
    const asked = await world.shows(channel, /Confirm/)
    await world.slack.fault({ rateLimited: { 'chat.update': { times: 1, retryAfter: 2 } } })
    await person('anna').click({ channel, ts: asked.ts }, 'Cancel')
    await person('anna').click({ channel, ts: asked.ts }, 'Confirm')
    await world.shows(channel, /This card has changed/, { as: 'anna' })
    await world.shows(channel, /Not done/)
    expect(await world.changes(110)).toEqual({})
  })

  it('is one run however often it is clicked', async () => {
    await person('anna').command(channel, 'stop plex')
    const { ts } = await world.shows(channel, /Confirm/)
    await Promise.allSettled([1, 2, 3].map(() => person('anna').click({ channel, ts }, 'Confirm')))
    await world.shows(channel, /plex stopped/)
    expect(await world.changes(110)).toEqual({ shutdown: 1 })
  })
})

describe('a long run', () => {
  it('shows how far it is, and is cancelled by its button', async () => {
    await person('anna').command(channel, 'restart plex')
    await world.shows(channel, /plex restarted and answers/)
    await world.lab.fault({ taskMs: { vzreboot: 60_000 } })
    await person('anna').command(channel, 'restart plex')
    // How long it usually takes is known from the run before, so there is a bar.
    const working = await world.shows(channel, /[▓░]{10}[\s\S]*\b[1-9]\d* s[\s\S]*\[Cancel\]/)
    await person('anna').click({ channel, ts: working.ts }, 'Cancel')
    const end = await world.shows(channel, /^❌|^⚠️.*[Cc]ancelled/m)
    expect(end.visible).toMatch(/cancel/i)
  })
})

describe('talking to it', () => {
  it('answers a mention in a thread in that thread', async () => {
    const { ts } = await person('ben').say(channel, 'plex stutters again')
    await person('anna').mention(channel, 'restart plex', ts)
    const end = await world.shows(channel, /plex restarted and answers/, { thread: ts })
    expect(end.threadTs).toBe(ts)
    expect(await world.changes(110)).toEqual({ reboot: 1 })
  })

  it('answers in direct messages', async () => {
    await person('anna').dm('node list')
    const answer = await world.shows('dm', /anna: node list/, { as: 'anna' })
    expect(answer.ephemeral).toBe(false)
  })

  it('takes plain words for a reason to help, and not more than once a minute', async () => {
    const { slack } = world
    await person('anna').mention(channel, 'could you please have a look at plex for me')
    const nudge = await world.shows(channel, /I understand commands only/)
    expect(nudge.visible).toContain('help')
    await person('anna').mention(channel, 'and would you kindly be quick about it')
    await person('anna').mention(channel, 'node list')
    await world.shows(channel, /anna: node list/)
    const nudges = (await slack.read(channel)).filter(({ visible }) => /commands only/.test(visible))
    expect(nudges).toHaveLength(1)
  })

  it('opens a form for a half-typed command, says what is wrong with it, and does it', async () => {
    await person('anna').command(channel, 'restart timeout:50')
    await world.shows(channel, /Fill in the form/, { as: 'anna' })
    const after = await world.slack.mark()
    await person('anna').click({ channel }, 'Fill in the form')
    await world.slack.waitFor({ kind: 'view', action: 'open' }, { after })
    const { modals } = await person('anna').views()
    expect(modals[0]?.visible).toContain('Services')
    const wrong = await person('anna').submit({ Services: ',' })
    expect(Object.values(wrong.errors).join()).toContain('services is missing')
    const right = await person('anna').submit({ Services: 'plex' })
    expect(right.errors).toEqual({})
    const end = await world.shows(channel, /plex restarted and answers/)
    // What was typed before is in the form still.
    expect(end.visible).toContain('anna: restart plex timeout:50')
  })
})

describe('the home page', () => {
  it('shows the lab and does what its buttons say', async () => {
    const after = await world.slack.mark()
    await person('anna').home()
    await world.slack.waitFor({ kind: 'view', action: 'publish' }, { after })
    const { home } = await person('anna').views()
    expect(home?.visible).toContain('plex')
    expect(home?.visible).toContain('pve')

    const then = await world.slack.mark()
    await person('anna').select({ in: 'home' }, 'home.service', 'plex')
    await world.slack.waitFor({ kind: 'view', action: 'publish' }, { after: then })
    await person('anna').click({ in: 'home' }, 'Restart plex', false)
    expect(await world.changes(110)).toEqual({})
    await person('anna').click({ in: 'home' }, 'Restart plex')
    await world.shows('dm', /plex restarted and answers/, { as: 'anna' })
    expect(await world.changes(110)).toEqual({ reboot: 1 })
  })

  it('shows nothing of the lab to who is not in the file', async () => {
    const after = await world.slack.mark()
    await person('guest').home()
    await world.slack.waitFor({ kind: 'view', action: 'publish' }, { after })
    const { home } = await person('guest').views()
    expect(home?.visible).not.toContain('plex')
    expect(home?.visible).toContain(world.slack.info.users.guest)
  })
})
