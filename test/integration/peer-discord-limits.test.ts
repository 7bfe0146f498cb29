/** Every limit of a message in the Discord test peer: at it is taken, one more is refused, on create and on edit alike. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import type { Discord } from '../support/discord.ts'
import { startDiscord } from '../support/discord.ts'
import { call, places } from '../support/discord-calls.ts'

let discord: Discord

const x = (length: number): string => 'x'.repeat(length)
const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))
const button = (id: string, label = 'Go'): object => ({ type: 2, style: 1, label, custom_id: id })
const row = (...components: object[]): object => ({ type: 1, components })
const field = (name: string, value: string): object => ({ name, value })
const select = (count: number, about: object = {}): object =>
  row({
    type: 3,
    custom_id: 'pick',
    options: many(count, (i) => ({ label: `${i}`, value: `${i}` })),
    ...about,
  })
const V2 = 1 << 15
const text = (length: number): object => ({ type: 10, content: x(length) })
const embed = (about: object): object => ({ embeds: [{ title: 't', ...about }] })
/** Rows of five buttons in a container: `count` components with the rows and the container. */
const nested = (buttons: number): object => ({
  type: 17,
  components: many(Math.ceil(buttons / 5), (r) =>
    row(...many(Math.min(5, buttons - 5 * r), (i) => button(`${r}-${i}`))),
  ),
})

/** What it is, a body at the limit, a body over it, and where the error stands. */
const limits: readonly (readonly [string, object, object, string])[] = [
  ['content 2,000', { content: x(2_000) }, { content: x(2_001) }, 'content'],
  [
    '10 embeds',
    { embeds: many(10, () => ({ title: 't' })) },
    { embeds: many(11, () => ({ title: 't' })) },
    'embeds',
  ],
  [
    'embeds 6,000 in all',
    { embeds: [{ description: x(4_000) }, { description: x(2_000) }] },
    { embeds: [{ description: x(4_000) }, { description: x(2_001) }] },
    'embeds',
  ],
  ['embed title 256', embed({ title: x(256) }), embed({ title: x(257) }), 'embeds.0.title'],
  [
    'embed description 4,096',
    embed({ description: x(4_096) }),
    embed({ description: x(4_097) }),
    'embeds.0.description',
  ],
  [
    '25 embed fields',
    embed({ fields: many(25, () => field('a', 'b')) }),
    embed({ fields: many(26, () => field('a', 'b')) }),
    'embeds.0.fields',
  ],
  [
    'embed field name 256',
    embed({ fields: [field(x(256), 'b')] }),
    embed({ fields: [field(x(257), 'b')] }),
    'embeds.0.fields.0.name',
  ],
  [
    'embed field value 1,024',
    embed({ fields: [field('a', x(1_024))] }),
    embed({ fields: [field('a', x(1_025))] }),
    'embeds.0.fields.0.value',
  ],
  [
    'no empty embed field',
    embed({ fields: [field('a', 'b')] }),
    embed({ fields: [field('a', '')] }),
    'embeds.0.fields.0.value',
  ],
  [
    'embed footer 2,048',
    embed({ footer: { text: x(2_048) } }),
    embed({ footer: { text: x(2_049) } }),
    'embeds.0.footer.text',
  ],
  [
    'embed author 256',
    embed({ author: { name: x(256) } }),
    embed({ author: { name: x(257) } }),
    'embeds.0.author.name',
  ],
  [
    '5 rows',
    { components: many(5, (i) => row(button(`${i}`))) },
    { components: many(6, (i) => row(button(`${i}`))) },
    'components',
  ],
  [
    '5 buttons a row',
    { components: [row(...many(5, (i) => button(`${i}`)))] },
    { components: [row(...many(6, (i) => button(`${i}`)))] },
    'components.0.components',
  ],
  ['no empty row', { components: [row(button('a'))] }, { components: [row()] }, 'components.0.components'],
  [
    'custom id 100',
    { components: [row(button(x(100)))] },
    { components: [row(button(x(101)))] },
    'components.0.components.0.custom_id',
  ],
  [
    'custom ids are unique',
    { components: [row(button('a'), button('b'))] },
    { components: [row(button('a'), button('a'))] },
    'components.0.components.1.custom_id',
  ],
  [
    'label 80',
    { components: [row(button('a', x(80)))] },
    { components: [row(button('a', x(81)))] },
    'components.0.components.0.label',
  ],
  [
    '25 options',
    { components: [select(25)] },
    { components: [select(26)] },
    'components.0.components.0.options',
  ],
  [
    'option label 100',
    { components: [select(1, { options: [{ label: x(100), value: 'v' }] })] },
    { components: [select(1, { options: [{ label: x(101), value: 'v' }] })] },
    'components.0.components.0.options.0.label',
  ],
  [
    'placeholder 150',
    { components: [select(1, { placeholder: x(150) })] },
    { components: [select(1, { placeholder: x(151) })] },
    'components.0.components.0.placeholder',
  ],
  [
    '40 components',
    { flags: V2, components: [nested(32)] },
    { flags: V2, components: [nested(33)] },
    'components',
  ],
  [
    'texts 4,000 in all',
    { flags: V2, components: [text(2_000), text(2_000)] },
    { flags: V2, components: [text(2_000), text(2_001)] },
    'components',
  ],
  [
    'no content beside V2',
    { flags: V2, components: [text(1)] },
    { flags: V2, components: [text(1)], content: 'x' },
    'content',
  ],
  [
    'no embeds beside V2',
    { flags: V2, components: [text(1)] },
    { flags: V2, components: [text(1)], embeds: [{ title: 't' }] },
    'embeds',
  ],
  ['no V2 without its flag', { content: 'x' }, { content: 'x', components: [text(1)] }, 'components.0.type'],
  [
    'allowed mentions are one or the other',
    { content: 'x', allowed_mentions: { parse: [], users: ['1174109840998400022'] } },
    { content: 'x', allowed_mentions: { parse: ['users'], users: ['1174109840998400022'] } },
    'allowed_mentions',
  ],
]

const messages = (): string => `/channels/${discord.ready.channels.ops}/messages`

beforeAll(async () => {
  // 0.001: a window of 5 s is over after 5 ms.
  discord = await startDiscord({ seed: 1, speed: 0.001 })
})
afterEach(async () => await discord.reset())
afterAll(async () => await discord?.stop())

describe('a message', () => {
  it.each(limits)('%s', async (_name, good, bad, place) => {
    const made = await call(discord, 'POST', messages(), good)
    expect(made.errors).toBeUndefined()
    expect(made.status).toBe(200)
    const refused = await call(discord, 'POST', messages(), bad)
    expect([refused.status, refused.code, places(refused.errors)]).toEqual([400, 50035, [place]])

    const target = await call(discord, 'POST', messages(), { content: 'to edit' })
    // Without words, for a message that has them cannot become one of components.
    const edited = await call(discord, 'PATCH', `${messages()}/${target.id}`, { content: null, ...good })
    expect(edited.errors).toBeUndefined()
    const notEdited = await call(discord, 'PATCH', `${messages()}/${target.id}`, { content: null, ...bad })
    expect([notEdited.status, notEdited.code, places(notEdited.errors)]).toEqual([400, 50035, [place]])
    expect(await discord.read('ops')).toHaveLength(2)
  })

  it('is not empty', async () => {
    expect(await call(discord, 'POST', messages(), { content: '  \n ' })).toMatchObject({
      status: 400,
      code: 50006,
    })
    const { id } = await call(discord, 'POST', messages(), { content: 'x' })
    expect(await call(discord, 'PATCH', `${messages()}/${id}`, { content: '' })).toMatchObject({
      code: 50006,
    })
  })

  it('has files of 10 MiB, 25 MiB in all', async () => {
    const files = (...sizes: number[]): FormData => {
      const form = new FormData()
      form.set('payload_json', JSON.stringify({ content: 'log' }))
      for (const [i, mib] of sizes.entries())
        form.set(`files[${i}]`, new Blob([Buffer.alloc(mib * 1_048_576)]), `log-${i}.txt`)
      return form
    }
    expect(await call(discord, 'POST', messages(), files(10))).toMatchObject({ status: 200 })
    expect(await call(discord, 'POST', messages(), files(10.1))).toMatchObject({ status: 413, code: 40005 })
    expect(await call(discord, 'POST', messages(), files(9, 9, 8))).toMatchObject({
      status: 413,
      code: 40005,
    })
    const [message] = await discord.read('ops')
    expect(message?.files).toMatchObject([{ name: 'log-0.txt', size: 10_485_760 }])
  })
})

describe('limits of calls', () => {
  it('five messages in 5 s a channel, told by headers', async () => {
    // Windows of 100 s and 20 s, so that all calls fall into them on any machine.
    await using slow = await startDiscord({ speed: 20 })
    const send = (channel: string | undefined): Promise<Response> =>
      fetch(`${slow.ready.api}/v10/channels/${channel}/messages`, {
        method: 'POST',
        headers: { authorization: `Bot ${slow.ready.token}`, 'content-type': 'application/json' },
        body: '{"content":"x"}',
      })
    const answers = await Promise.all(many(6, () => send(slow.ready.channels.ops)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200, 200, 429])
    const refused = answers.at(-1)
    expect(refused?.headers.get('x-ratelimit-remaining')).toBe('0')
    expect(refused?.headers.get('x-ratelimit-bucket')).toBe(answers[0]?.headers.get('x-ratelimit-bucket'))
    const told = (await refused?.json()) as { global: boolean; retry_after: number }
    expect(told.global).toBe(false)
    expect(told.retry_after).toBeGreaterThan(50)
    expect((await send(slow.ready.channels.general)).status).toBe(200)
    // 50 in a second over all, but a refused one is not counted against the other channels.
    const channels = Object.values(slow.ready.channels)
    const rest = await Promise.all(
      many(60, (i) =>
        fetch(`${slow.ready.api}/v10/channels/${channels[i % channels.length]}`, {
          headers: { authorization: `Bot ${slow.ready.token}` },
        }),
      ),
    )
    const over = rest.find(({ status }) => status === 429)
    expect(over?.headers.get('x-ratelimit-global')).toBe('true')
    expect((await slow.counts()).invalidRequests).toBeGreaterThan(1)
  })

  it('a wrong token is 401, and 10,000 such answers are a ban', async () => {
    expect(await call(discord, 'GET', '/users/@me', undefined, 'nonsense')).toMatchObject({
      status: 401,
      code: 0,
    })
    await discord.fault({ invalidRequests: 9_999 })
    await call(discord, 'GET', '/users/@me', undefined, 'nonsense')
    const banned = await call(discord, 'GET', '/users/@me')
    expect(banned.status).toBe(429)
    expect(banned.text).toMatch(/^<!DOCTYPE html>/)
    expect(await discord.state()).toMatchObject({ banned: true })
  })

  it('what does not exist is 404', async () => {
    expect(await call(discord, 'GET', '/nothing/here')).toMatchObject({ status: 404, code: 0 })
    expect(await call(discord, 'POST', '/channels/1/messages', { content: 'x' })).toMatchObject({
      status: 404,
      code: 10003,
    })
    expect(await call(discord, 'POST', '/interactions/1/x/callback', { type: 5 })).toMatchObject({
      status: 404,
      code: 10062,
    })
    expect(await call(discord, 'PATCH', '/webhooks/1/x/messages/@original', {})).toMatchObject({
      status: 404,
      code: 10015,
    })
  })
})
