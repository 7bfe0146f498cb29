/** What people meet in Discord who are where they may not be, mistype, lose a right, or write to the bot directly. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { BotProcess } from '../support/bot.ts'
import type { Person } from '../support/discord.ts'
import { discordLab } from '../support/discord-bot.ts'

const lab = discordLab()
const says = (person: Person, content: string, replyTo?: string) =>
  person.say({ channel: lab.channel, content, ...(replyTo === undefined ? {} : { replyTo }) })

describe('in a channel', () => {
  const open = new AsyncDisposableStack()
  beforeAll(async () => {
    // As the test before has left the lab, the new bot would remember it for seconds.
    await lab.simulator.reset()
    await lab.connected(open)
  })
  afterAll(() => open.disposeAsync())

  it('what is for one person alone comes to them directly, also when they mention the bot', async () => {
    await says(lab.owner, '@homelab audit list')
    await lab.told(lab.owner, '[Aa]udit')
    await says(lab.kid, '@homelab help')
    await lab.told(lab.kid, 'whoami')
    await says(lab.kid, '@homelab restart plex')
    await lab.told(lab.kid, 'needs the role operator')
    expect(await lab.cards()).toEqual([])
    expect(await lab.restarts()).toBe(0)
  })

  it('who takes no direct messages is told that there is an answer, and nothing of it', async () => {
    await lab.kid.change({ dmsClosed: true })
    const asked = await says(lab.kid, '@homelab restart plex')
    const line = await lab.seen('may not write to you directly')
    expect(line.replyTo).toBe(asked)
    expect(line.text).not.toContain('operator')
    await lab.kid.change({ dmsClosed: false })
    await says(lab.owner, '@homelab node list')
    await lab.seen('pve')
    expect((await lab.cards()).map(({ id }) => id)).toContain(line.id)
    expect(await lab.cards()).toHaveLength(2)
  })

  it('an answer to a card of the bot is a command to it', async () => {
    await says(lab.owner, '@homelab node list')
    const card = await lab.seen('pve')
    await says(lab.owner, 'restart plex', card.id)
    await lab.seen('✅.*plex')
    expect(await lab.restarts()).toBe(1)
  })

  it('a slip of the finger is offered to be what was meant, each time', async () => {
    await says(lab.owner, '@homelab restrat plex')
    const meant = await lab.told(lab.owner, 'Did you mean')
    expect(await lab.restarts()).toBe(0)
    await lab.owner.click({ message: meant.id, label: 'restart plex' })
    await lab.told(lab.owner, '✅.*plex')
    expect(await lab.restarts()).toBe(1)
    await lab.markNow()
    await says(lab.owner, '@homelab restrat jellyfin')
    await lab.told(lab.owner, 'Did you mean')
    expect(await lab.cards()).toEqual([])
  })

  it('a slip in a slash command has its button too', async () => {
    await lab.owner.command({ channel: lab.channel, path: ['restart'], options: { services: 'plxe' } })
    const wrong = await lab.seen('Did you mean')
    await lab.owner.click({ message: wrong.id, label: 'restart plex' })
    await lab.seen('✅.*plex')
    expect(await lab.restarts()).toBe(1)
  })

  it('that is not listed nothing is done, and only the asker is told where it would be', async () => {
    await lab.owner.command({ ...lab.restart(), channel: 'general' })
    const refused = await lab.seen('not used in this channel', 'general')
    expect(refused.ephemeral).toBe(true)
    expect(refused.text).toContain('ops')
    await lab.owner.say({ channel: 'general', content: '@homelab restart plex' })
    await lab.told(lab.owner, 'not used in this channel')
    expect(await lab.cards('general', 'partner')).toEqual([])
    expect(await lab.restarts()).toBe(0)
  })

  it('a second tap on Confirm is told nothing', async () => {
    await lab.partner.command(lab.stop())
    const asked = await lab.seen('Nothing happens until you confirm')
    await lab.discord.fault({ restDelayMs: 300 })
    const click = { message: asked.id, label: 'Confirm' }
    const outcomes = await Promise.all([lab.partner.click(click), lab.partner.click(click)])
    await lab.discord.fault({ restDelayMs: 0 })
    await lab.seen('✅')
    expect(await lab.stateOf(110)).toBe('stopped')
    expect(outcomes).toMatchObject([{ state: 'deferred' }, { state: 'deferred' }])
    expect(await lab.cards(lab.channel, 'partner')).toHaveLength(1)
  })
})

describe('by role', () => {
  const open = new AsyncDisposableStack()
  const file = () => {
    const { users, roles } = lab.discord.ready
    return `
confirm: [stop]
bot: { needs: [jellyfin] }
approve:
  - { what: [stop], by: second-person }
people:
  owner: { role: admin, discord: '${users.owner}' }
  crew: { role: operator, discord_role: '${roles.operators}' }
`
  }
  beforeAll(async () => {
    // As the test before has left the lab, the new bot would remember it for seconds.
    await lab.simulator.reset()
    await lab.connected(open, { file: file(), services: '  jellyfin: { guest: 111 }' })
  })
  afterAll(() => open.disposeAsync())

  it('one has the same rights in a direct message', async () => {
    await lab.partner.dm('restart plex')
    await lab.told(lab.partner, '✅.*plex')
    await lab.kid.dm('restart plex')
    await lab.told(lab.kid, 'needs the role operator')
    expect(await lab.restarts()).toBe(1)
  })

  it('what is confirmed is not done when the role was taken away meanwhile', async () => {
    const visitor = await lab.discord.addPerson('visitor', { roles: ['operators'] })
    await visitor.command(lab.stop())
    const asked = await lab.seen('Nothing happens until you confirm')
    await visitor.dm('stop plex')
    const directly = await lab.told(visitor, 'Nothing happens until you confirm')
    await visitor.change({ roles: [] })
    await visitor.click({ message: asked.id, label: 'Confirm' })
    await lab.seen('needs the role operator')
    await visitor.click({ message: directly.id, label: 'Confirm' })
    await lab.told(visitor, 'needs the role operator')
    expect(await lab.stateOf(110)).toBe('running')
  })

  it('what a second person has to allow waits for them', async () => {
    await lab.partner.command(lab.stop())
    const asked = await lab.seen('Nothing happens until you confirm')
    await lab.partner.click({ message: asked.id, label: 'Confirm' })
    const waiting = await lab.seen('waits for approval')
    const own = await lab.partner.click({ message: waiting.id, label: 'Approve' })
    expect(own.message).toMatchObject({ ephemeral: true })
    expect(await lab.stateOf(110)).toBe('running')
    await lab.owner.click({ message: waiting.id, label: 'Approve' })
    await lab.seen('✅.*plex')
    expect(await lab.stateOf(110)).toBe('stopped')
  })

  it('what the bot itself needs is asked about twice', async () => {
    await lab.partner.command({
      channel: lab.channel,
      path: ['restart'],
      options: { services: 'jellyfin', wait: false },
    })
    const first = await lab.seen('Nothing happens until you confirm')
    await lab.partner.click({ message: first.id, label: 'Confirm' })
    const second = await lab.seen('really\\?')
    expect(second.text).toContain('homelab needs jellyfin')
    expect((await lab.simulator.counts()).changes[111]).toBeUndefined()
    await lab.partner.click({ message: second.id, label: 'Do it anyway' })
    await lab.seen('✅.*jellyfin')
    expect((await lab.simulator.counts()).changes[111]).toEqual({ reboot: 1 })
  })

  it('a card whose channel is deleted ends no other, and its work is done', async () => {
    await lab.discord.addChannel('short-lived')
    await lab.simulator.fault({ taskMs: { vzreboot: 2_000 } })
    await lab.partner.command({ ...lab.restart(), channel: 'short-lived' })
    await lab.simulator.waitFor({ kind: 'task', type: 'vzreboot' })
    await lab.discord.changeChannel('short-lived', { delete: true })
    await lab.partner.command({ channel: lab.channel, path: ['node', 'list'] })
    await lab.seen('pve')
    await expect.poll(lab.restarts, { timeout: 10_000 }).toBe(1)
  })
})

describe('where there is no one server', () => {
  it('who has their rights by a role is told in a direct message that it cannot be seen', async () => {
    await using open = new AsyncDisposableStack()
    const { operators } = lab.discord.ready.roles
    const file = `people:\n  crew: { role: operator, discord_role: '${operators}' }\n`
    const bot: BotProcess = await lab.connected(open, { guild: null, file })
    await lab.partner.dm('restart plex')
    await lab.told(lab.partner, 'cannot see your roles')
    await lab.partner.dm('whoami')
    await lab.told(lab.partner, lab.partner.id)
    await lab.partner.command(lab.restart())
    await lab.seen('✅.*plex')
    expect(await lab.restarts()).toBe(1)
    expect(bot.output()).not.toContain('level":50')
  })
})
