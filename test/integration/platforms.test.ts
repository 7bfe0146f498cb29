/** One bot on both platforms: what is asked on one and answered on the other, and what is told on each. */
import { afterEach, expect, it } from 'vitest'
import { type ChatLab, openChatLab } from '../faults/support/chat-lab.ts'
import { discordPeople, slackPeople } from '../faults/support/chat-people.ts'
import type { BotProcess } from '../support/bot.ts'

const opened: AsyncDisposable[] = []
afterEach(async () => {
  for (const each of opened.splice(0).reverse()) await each[Symbol.asyncDispose]()
})

async function labWith(more: string): Promise<{ lab: ChatLab; bot: BotProcess }> {
  const lab = await openChatLab({ ops: true, more: () => more })
  opened.push(lab)
  const bot = await lab.start()
  opened.push(bot)
  await expect.poll(async () => (await lab.discord.commands()).guild.length, { timeout: 20_000 }).toBe(1)
  return { lab, bot }
}

const jellyfin = 111
const state = async ({ simulator }: ChatLab, vmid: number) =>
  (await simulator.state()).guests.find((guest) => guest.vmid === vmid)?.state

it('does what one asks in Discord after one’s own yes in Slack, also over a restart of the bot', async () => {
  const { lab, bot } = await labWith('approve:\n  - { what: [stop], by: other-platform }\n')
  const [discord, slack] = [discordPeople(lab.discord), slackPeople(lab.slack)]
  await lab.discord
    .person('owner')
    .command({ channel: 'general', path: ['stop'], options: { services: 'jellyfin' } })
  const asked = await discord.sees('general', ({ text }) => text.includes('waits for approval'))
  await expect(
    lab.discord.person('owner').click({ message: asked.id, label: 'Approve' }),
  ).resolves.toBeDefined()
  await slack.sees('ops', ({ text }) => text.includes('waits for approval'))
  expect(await state(lab, jellyfin)).toBe('running')

  await lab.kill(bot)
  opened.push(await lab.start())
  const inSlack = await slack.sees('ops', ({ text }) => text.includes('waits for approval'))
  await lab.slack.person('anna').click({ channel: 'ops', ts: inSlack.id }, 'Approve')

  const done = await discord.sees('general', ({ text }) => text.includes('jellyfin stopped'))
  expect(done.id).toBe(asked.id)
  expect(await state(lab, jellyfin)).toBe('stopped')
  expect((await lab.simulator.counts()).changes[jellyfin]).toEqual({ shutdown: 1 })
  const told = await slack.sees('ops', ({ text }) => text.includes('approved by'))
  expect(told).toMatchObject({ id: inSlack.id, buttons: [] })
})

it('lets a child restart what it was given the right for, and nothing else', async () => {
  const { lab } = await labWith('')
  const people = discordPeople(lab.discord)
  const [owner, kid] = [lab.discord.person('owner'), lab.discord.person('kid')]
  const restart = (services: string) =>
    kid.command({ channel: 'general', path: ['restart'], options: { services } })

  const seenByKid = async () => (await kid.read('general')).map(({ text }) => text).join('\n')
  await restart('jellyfin')
  await expect.poll(seenByKid, { timeout: 20_000 }).toContain('needs the role operator')
  expect(await state(lab, jellyfin)).toBe('running')
  await owner.command({
    channel: 'general',
    path: ['grant'],
    options: { who: `<@${kid.id}>`, what: 'restart jellyfin', for: '2h' },
  })
  await people.sees('general', ({ text }) => /jellyfin/.test(text) && /until|for 2/.test(text))
  await restart('jellyfin')
  await people.sees('general', ({ text }) => text.includes('jellyfin restarted'))
  await restart('plex')
  await expect.poll(seenByKid, { timeout: 20_000 }).toMatch(/Not allowed[\s\S]*Not allowed/)

  const { changes } = await lab.simulator.counts()
  expect(changes).toEqual({ [jellyfin]: { reboot: 1 } })
})

it('tells both ops channels of a failed task, and of nothing that it did itself', async () => {
  const { lab } = await labWith('')
  await lab.simulator.fault({ taskEnds: [{ type: 'vzreboot', status: 'startup for container failed' }] })
  await lab.discord
    .person('owner')
    .command({ channel: 'general', path: ['restart'], options: { services: 'jellyfin' } })
  const own = await discordPeople(lab.discord).sees('general', ({ text }) => text.includes('Failed'))
  expect(own.text).toContain('startup for container failed')
  expect(await lab.discord.read('ops')).toEqual([])
})

it('says in healthz when a platform will not have it', async () => {
  const { lab, bot } = await labWith('')
  const healthz = async () => {
    const answer = await fetch(`${bot.url}/healthz`)
    return { status: answer.status, body: await answer.json() }
  }
  expect(await healthz()).toMatchObject({
    status: 200,
    body: { status: 'ok', platforms: { discord: 'connected', slack: 'connected' } },
  })
  await lab.slack.fault({ token: 'token_revoked' })
  await lab.slack.cut()
  await lab.slack
    .person('anna')
    .command('general', 'status')
    .catch(() => undefined)
  await expect
    .poll(healthz, { timeout: 30_000 })
    .toMatchObject({ status: 503, body: { status: 'deaf', platforms: { slack: 'refused' } } })
})

it('joins no platform when the secret of one is missing', async () => {
  const lab = await openChatLab()
  opened.push(lab)
  await expect(lab.start({ env: { TEST_SLACK: undefined } })).rejects.toThrow(/TEST_SLACK/)
  const { identifies, connections } = await lab.discord.counts()
  expect({ identifies, connections }).toEqual({ identifies: 0, connections: 0 })
})
