/** Alerts from the first POST to the green card, in Discord and in Slack, on one bot. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type ChatLab, openChatLab } from '../faults/support/chat-lab.ts'
import { discordPeople, type People, slackPeople } from '../faults/support/chat-people.ts'
import type { BotProcess } from '../support/bot.ts'

const secret = 'secret-of-the-sources-001'
const file = `
alerts:
  sources:
    monitor: { kind: generic, secret: env:ALERTS }
  routes:
    - { severity: critical, escalate: { after: 2s, people: [ada] } }
  remedies:
    - { services: [jellyfin], after: 1s, at_most: 1 }
`

let lab: ChatLab
let bot: BotProcess
let discord: People
let slack: People
beforeAll(async () => {
  lab = await openChatLab({
    ops: true,
    more: ({ lab: { services } }) =>
      `services:\n${['plex', 'jellyfin', 'immich']
        .map(
          (name) =>
            `  ${name}: { guest: ${name}, stack: media, address: ${services[name]?.host}, port: ${services[name]?.port} }`,
        )
        .join('\n')}\n${file}`,
  })
  bot = await lab.start({ env: { ALERTS: secret } })
  discord = discordPeople(lab.discord)
  slack = slackPeople(lab.slack)
}, 90_000)
afterAll(async () => {
  await bot?.[Symbol.asyncDispose]()
  await lab?.[Symbol.asyncDispose]()
})

let name = ''
let count = 0
beforeEach(() => {
  count += 1
  name = `problem-${count}`
})

const tell = async (alert: object, authorization = `Bearer ${secret}`) => {
  const answer = await fetch(`${bot.url}/alerts/monitor`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify(alert),
  })
  return answer.status
}
const down = (more: object = {}) => ({
  name,
  title: `${name} is bad`,
  severity: 'warning',
  startsAt: new Date().toISOString(),
  ...more,
})
const both = (is: (text: string, buttons: readonly string[]) => boolean) =>
  Promise.all([
    discord.sees('ops', ({ text, buttons }) => text.includes(name) && is(text, buttons)),
    slack.sees('ops', ({ text, buttons }) => text.includes(name) && is(text, buttons)),
  ])

test('one problem is one message on each platform, taken in hand on one and seen on the other, and green when it is over', async () => {
  const alert = down()
  expect(await tell(alert, 'Bearer nothing')).toBe(401)
  expect(await tell(alert)).toBe(200)
  expect(await tell(alert)).toBe(200)
  const [there, here] = await both((_text, buttons) => buttons.includes('Ack'))

  await lab.discord.person('owner').click({ message: there.id, label: 'Ack' })
  const [acked, also] = await both((text) => text.includes('has it in hand'))
  expect([acked.id, also.id]).toEqual([there.id, here.id])
  expect(also.buttons).not.toContain('Ack')

  expect(await tell({ ...alert, status: 'resolved' })).toBe(200)
  const [green, over] = await both((text) => text.includes(`Over: ${name}`))
  expect([green.id, over.id]).toEqual([there.id, here.id])
  expect(green.text).toContain('It lasted')
  expect([...green.buttons, ...over.buttons]).toEqual([])
})

test('a silence from Slack ends in both, and who may only look may not silence', async () => {
  const alert = down()
  await tell(alert)
  const [there, here] = await both((_text, buttons) => buttons.includes('Silence 1 h'))
  await lab.discord
    .person('kid')
    .click({ message: there.id, label: 'Silence 1 h' })
    .catch(() => undefined)
  await lab.slack.person('anna').click({ channel: 'ops', ts: here.id }, 'Silence 1 h')
  const [quiet] = await both((text, buttons) => text.includes('Silenced by') && buttons.includes('Unsilence'))
  expect(quiet.id).toBe(there.id)
  expect(quiet.text).not.toContain('Silenced by kid')
  await tell({ ...alert, status: 'resolved' })
  await both((text) => text.includes(`Over: ${name}`))
})

test('what nobody takes in hand is told once more, with a ping for who the file names', async () => {
  const alert = down({ severity: 'critical' })
  await tell(alert)
  const [there, here] = await both((text) => text.includes('Nobody has it in hand'))
  expect(there.text).toContain(`<@${lab.discord.ready.users.owner}>`)
  expect(here.text).toContain('@anna')
  await tell({ ...alert, status: 'resolved' })
})

test('is mended without asking once a day, with a receipt; then a person must', async () => {
  name = 'jellyfin'
  const first = {
    name: 'JellyfinDown',
    title: 'jellyfin is bad',
    severity: 'warning',
    labels: { service: 'jellyfin', kind: 'down' },
  }
  await tell({ ...first, startsAt: new Date(Date.now() - 5_000).toISOString() })
  const [done] = await both((text) => text.includes('done, without asking'))
  expect(done.text).toContain('Before: jellyfin is bad')
  expect((await lab.simulator.counts()).changes[111]).toEqual({ reboot: 1 })
  await tell({ ...first, status: 'resolved' })
  await both((text) => text.includes('Over: jellyfin'))

  await tell({
    ...first,
    title: 'jellyfin is bad again',
    startsAt: new Date().toISOString(),
    fingerprint: 'again',
  })
  await both((text) => text.includes('a person must look'))
  expect((await lab.simulator.counts()).changes[111]).toEqual({ reboot: 1 })
}, 120_000)

test('during maintenance nobody is told; at its end what it held back is', async () => {
  const api = await lab.client(bot)
  const lastList = async () => {
    const posted = await api.submit({ text: 'alert list' })
    for await (const { state, card } of api.follow(posted.id)) if (state === 'done') return card
    return undefined
  }
  const run = async (text: string) => {
    const posted = await api.submit({ text, confirmed: true })
    for await (const { state, card } of api.follow(posted.id)) if (state === 'done') return card.title
    throw new Error(`${text} did not end`)
  }
  name = 'plex'
  expect(await run('maintenance start plex for:1h')).toBe('Maintenance of plex')
  await tell({ name: 'PlexSlow', title: 'plex is slow', severity: 'critical', labels: { service: 'plex' } })
  expect(await run('maintenance list')).toBe('1 maintenance')
  await expect
    .poll(async () => JSON.stringify(await lastList()), { timeout: 20_000 })
    .toContain('maintenance')
  expect(await run('maintenance stop')).toBe('Over: maintenance of plex')
  const [told] = await both((text) => text.includes('Maintenance of plex is over'))
  expect(told.text).toContain('It held back 1')
  await both((text, buttons) => text.includes('plex is slow') && buttons.includes('Ack'))
})
