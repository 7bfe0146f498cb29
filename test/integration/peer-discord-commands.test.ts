/** Commands and forms in the Discord test peer: at each limit they are taken, beyond it refused. */
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Discord } from '../support/discord.ts'
import { startDiscord } from '../support/discord.ts'
import { call, listen, places } from '../support/discord-calls.ts'

let discord: Discord
let bot: Awaited<ReturnType<typeof listen>>

const x = (length: number): string => 'x'.repeat(length)
const many = <T>(count: number, make: (index: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i))
const path = (): string => `/applications/${discord.ready.application}/commands`
const command = (about: object = {}): object => ({ name: 'homelab', description: 'The lab', ...about })
const option = (about: object = {}): object => ({ type: 3, name: 'a', description: 'b', ...about })
const options = (count: number, about: object = {}): object[] =>
  many(count, (i) => option({ name: `o${i}`, ...about }))
const sub = (about: object = {}): object => ({ type: 1, name: 'sub', description: 'd', ...about })
const choices = (count: number): object[] => many(count, (i) => ({ name: `${i}`, value: `${i}` }))
const withOptions = (...list: object[]): object[] => [command({ options: list })]

beforeAll(async () => {
  // 0.001: a window of 5 s is over after 5 ms.
  discord = await startDiscord({ seed: 1, speed: 0.001 })
})
beforeEach(async () => {
  bot = await listen(discord)
})
afterEach(async () => {
  bot.close()
  await discord.reset()
})
afterAll(async () => await discord?.stop())

/** What it is, commands at the limit, commands over it, and where the error stands. */
const limits: readonly (readonly [string, object[], object[], string])[] = [
  ['unique names', [command({ name: 'a' })], [command({ name: 'a' }), command({ name: 'a' })], '1'],
  ['a name of 32', [command({ name: x(32) })], [command({ name: x(33) })], '0.name'],
  ['a name in small letters', [command({ name: 'käse-1_b' })], [command({ name: 'Lab' })], '0.name'],
  ['a name without spaces', [command({ name: 'a-b' })], [command({ name: 'a b' })], '0.name'],
  [
    'a description of 100',
    [command({ description: x(100) })],
    [command({ description: x(101) })],
    '0.description',
  ],
  [
    'a description',
    withOptions(option()),
    withOptions(option({ description: '' })),
    '0.options.0.description',
  ],
  ['25 options', withOptions(...options(25)), withOptions(...options(26)), '0.options'],
  [
    '25 choices',
    withOptions(option({ choices: choices(25) })),
    withOptions(option({ choices: choices(26) })),
    '0.options.0.choices',
  ],
  [
    'a choice of 100',
    withOptions(option({ choices: [{ name: x(100), value: x(100) }] })),
    withOptions(option({ choices: [{ name: x(101), value: 'v' }] })),
    '0.options.0.choices.0.name',
  ],
  [
    'required ones first',
    withOptions(option({ required: true }), option({ name: 'b' })),
    withOptions(option(), option({ name: 'b', required: true })),
    '0.options.1',
  ],
  [
    'choices or autocomplete',
    withOptions(option({ autocomplete: true })),
    withOptions(option({ autocomplete: true, choices: choices(1) })),
    '0.options.0.choices',
  ],
  [
    'subcommands or values',
    withOptions(sub(), sub({ name: 'other' })),
    withOptions(sub(), option()),
    '0.options',
  ],
  [
    'groups of subcommands',
    withOptions(sub({ type: 2, options: [sub({ options: [option()] })] })),
    withOptions(sub({ type: 2, options: [sub({ type: 2 })] })),
    '0.options.0.options.0.type',
  ],
  [
    'no subcommand in one',
    withOptions(sub()),
    withOptions(sub({ options: [sub()] })),
    '0.options.0.options.0.type',
  ],
  ['8,000 characters', withOptions(...big(1)), withOptions(...big(2)), '0'],
]

/** With `homelab` and `The lab` 7,999 + `more` characters. */
function big(more: number): object[] {
  const subs = many(4, (i) =>
    sub({ name: `s${i}`, description: 'd', options: options(20, { description: x(95) }) }),
  )
  // 14 of the command, 4 × 3 of the subcommands, 4 × (10 × 2 + 10 × 3) of names, 80 × 95 of descriptions: 7,826.
  return [
    ...subs,
    sub({ name: 'rest', description: x(100), options: [option({ description: x(68 + more) })] }),
  ]
}

describe('commands', () => {
  it.each(limits)('have %s', async (_name, good, bad, place) => {
    const refused = await call(discord, 'PUT', path(), bad)
    expect([refused.status, refused.code, [...new Set(places(refused.errors))]]).toEqual([
      400,
      50035,
      [place],
    ])
    expect((await discord.commands()).global).toEqual([])
    expect(await call(discord, 'PUT', path(), good)).toMatchObject({ status: 200, errors: undefined })
    expect((await discord.commands()).global).toHaveLength(good.length)
  })

  it('are 100 in each scope', async () => {
    const named = (count: number): object[] => many(count, (i) => command({ name: `c${i}` }))
    expect(await call(discord, 'PUT', path(), named(101))).toMatchObject({ status: 400, code: 30032 })
    expect(await call(discord, 'PUT', path(), named(100))).toMatchObject({ status: 200 })
    expect((await discord.commands()).global).toHaveLength(100)
  })

  it('are created 200 times a day', async () => {
    for (const round of [0, 1]) {
      const list = many(100, (i) => command({ name: `c${round}-${i}` }))
      expect((await call(discord, 'PUT', path(), list)).status).toBe(200)
    }
    expect(await call(discord, 'PUT', path(), [command()])).toMatchObject({ status: 400, code: 30034 })
    // What is there already costs nothing.
    expect((await call(discord, 'PUT', path(), [command({ name: 'c1-0' })])).status).toBe(200)
  })

  it('keep their id, and their version while nothing changes', async () => {
    await call(discord, 'PUT', path(), withOptions(option({ required: false })))
    const [first] = (await discord.commands()).global
    await call(discord, 'PUT', path(), withOptions(option()))
    expect((await discord.commands()).global).toEqual([first])
    await call(discord, 'PUT', path(), withOptions(option({ required: true })))
    const [changed] = (await discord.commands()).global
    expect(changed?.id).toBe(first?.id)
    expect(changed?.version).not.toBe(first?.version)
  })

  it('of the server need their scope', async () => {
    await discord.fault({ noCommandScope: true })
    const guild = `/applications/${discord.ready.application}/guilds/${discord.ready.guild}/commands`
    expect(await call(discord, 'PUT', guild, [command()])).toMatchObject({ status: 403, code: 50001 })
  })
})

describe('answers to interactions', () => {
  const typed = { channel: 'ops', path: ['homelab'] }
  const row = (...components: object[]): object => ({ type: 1, components })
  const input = (about: object): object => row({ type: 4, custom_id: 'a', style: 1, label: 'l', ...about })
  const inputs = (count: number): object[] => many(count, (i) => input({ custom_id: `${i}` }))

  async function interact(): Promise<string> {
    await call(discord, 'PUT', path(), [command()])
    await discord.person('kid').send(typed)
    return await bot.next()
  }

  it.each([
    [
      'title 45',
      { title: x(45), components: inputs(1) },
      { title: x(46), components: inputs(1) },
      'data.title',
    ],
    ['5 components', { components: inputs(5) }, { components: inputs(6) }, 'data.components'],
    ['at least one', { components: inputs(1) }, { components: [] }, 'data.components'],
    [
      'label 45',
      { components: [input({ label: x(45) })] },
      { components: [input({ label: x(46) })] },
      'data.components.0.components.0.label',
    ],
    [
      'value 4,000',
      { components: [input({ value: x(4_000) })] },
      { components: [input({ value: x(4_001) })] },
      'data.components.0.components.0.value',
    ],
  ])('a form has %s', async (_name, good, bad, place) => {
    const callback = await interact()
    const form = (about: object): object => ({ type: 9, data: { custom_id: 'f', title: 't', ...about } })
    const refused = await call(discord, 'POST', callback, form(bad))
    expect([refused.status, refused.code, places(refused.errors)]).toEqual([400, 50035, [place]])
    expect((await call(discord, 'POST', callback, form(good))).status).toBe(204)
  })

  it('a form cannot follow a defer, and a command has no suggestions', async () => {
    const callback = await interact()
    const suggest = { type: 8, data: { choices: [] } }
    expect(await call(discord, 'POST', callback, suggest)).toMatchObject({ code: 50035 })
    expect(await call(discord, 'POST', callback, { type: 5 })).toMatchObject({ status: 204, text: '' })
    const form = { type: 9, data: { custom_id: 'f', title: 't', components: inputs(1) } }
    expect(await call(discord, 'POST', callback, form)).toMatchObject({ status: 400, code: 40060 })
    expect((await discord.counts()).repeatedAcks).toBe(1)
  })

  it('a message has the limits of every message', async () => {
    const callback = await interact()
    const refused = await call(discord, 'POST', callback, { type: 4, data: { content: x(2_001) } })
    expect([refused.code, places(refused.errors)]).toEqual([50035, ['data.content']])
    const good = { type: 4, data: { content: x(2_000) } }
    const made = await call(discord, 'POST', `${callback}?with_response=true`, good)
    const [message] = await discord.read('ops')
    expect(JSON.parse(made.text)).toMatchObject({
      interaction: { response_message_id: message?.id },
      resource: { type: 4, message: { id: message?.id } },
    })
  })

  it('no more than 25 suggestions', async () => {
    await call(discord, 'PUT', path(), withOptions(option({ autocomplete: true })))
    const suggested = discord.person('kid').autocomplete({ ...typed, option: 'a' })
    const callback = await bot.next()
    const refused = await call(discord, 'POST', callback, { type: 8, data: { choices: choices(26) } })
    expect([refused.code, places(refused.errors)]).toEqual([50035, ['data.choices']])
    await call(discord, 'POST', callback, { type: 8, data: { choices: choices(25) } })
    expect((await suggested).choices).toHaveLength(25)
  })

  it('the first follow-up ends a deferred answer, and stays as hidden as that was', async () => {
    const callback = await interact()
    await call(discord, 'POST', callback, { type: 5, data: { flags: 64 } })
    const token = callback.split('/')[3]
    const webhook = `/webhooks/${discord.ready.application}/${token}`
    await call(discord, 'POST', webhook, { content: 'done' })
    expect(await discord.read('ops')).toMatchObject([{ content: 'done', ephemeral: true, state: 'sent' }])
    await call(discord, 'POST', webhook, { content: 'and more' })
    expect(await discord.read('ops', 'owner')).toMatchObject([{ content: 'and more' }])
  })

  it('nothing can be edited before the first answer', async () => {
    const callback = await interact()
    const original = `/webhooks/${discord.ready.application}/${callback.split('/')[3]}/messages/@original`
    expect(await call(discord, 'PATCH', original, { content: 'x' })).toMatchObject({
      status: 404,
      code: 10015,
    })
  })
})
