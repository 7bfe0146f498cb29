/** Commands and their answers in the Discord test peer, under a stock discord.js. */
import type { APIApplicationCommandSubcommandOption, Client, Interaction } from 'discord.js'
import { Events, MessageFlags, ApplicationCommandOptionType as Option, TextInputStyle } from 'discord.js'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Discord, Person } from '../support/discord.ts'
import { startDiscord } from '../support/discord.ts'
import { codeOf, stockClient } from '../support/discord-client.ts'

let discord: Discord
let client: Client<true>
let kid: Person
let owner: Person

/** What the bot does with the next interaction; an error in it fails the test that awaits it. */
function answer<T>(act: (interaction: Interaction) => Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    client.once(Events.InteractionCreate, (interaction) => void act(interaction).then(resolve, reject))
  })
}

const restart: APIApplicationCommandSubcommandOption = {
  type: Option.Subcommand,
  name: 'restart',
  description: 'Restarts a service',
  options: [
    { type: Option.String, name: 'service', description: 'Which', required: true, autocomplete: true },
    { type: Option.String, name: 'how', description: 'How', choices: [{ name: 'Gently', value: 'gentle' }] },
    { type: Option.User, name: 'for', description: 'For whom' },
  ],
}

const tree = [{ name: 'homelab', description: 'The lab', options: [restart] }]
const plex = { channel: 'ops', path: ['restart'], options: { service: 'plex' } }

beforeAll(async () => {
  // 0.02: a heartbeat each 825 ms.
  discord = await startDiscord({ seed: 1, speed: 0.02 })
  kid = discord.person('kid')
  owner = discord.person('owner')
})
beforeEach(async () => {
  client = await stockClient(discord)
  await client.application.commands.set(tree)
})
afterEach(async () => {
  await client.destroy()
  await discord.reset()
})
afterAll(async () => await discord?.stop())

describe('commands', () => {
  it('are what people can type, and nothing else', async () => {
    expect((await kid.commands()).map(({ name }) => name)).toEqual(['homelab'])
    await expect(kid.command({ ...plex, path: ['stop'] })).rejects.toThrow(/no "stop"; there are: restart/)
    await expect(kid.command({ ...plex, options: {} })).rejects.toThrow('option service is required')
    await expect(kid.command({ ...plex, options: { service: 'x', size: 3 } })).rejects.toThrow(
      'no option "size"',
    )
    await expect(kid.command({ ...plex, options: { service: 'x', how: 'hard' } })).rejects.toThrow(
      'no such choice',
    )
    await expect(kid.command({ ...plex, channel: 'admins' })).rejects.toThrow('kid does not see')
    expect((await discord.counts()).interactions).toBe(0)
  })

  it('show twice when they are global and of the server', async () => {
    await client.application.commands.set(tree, discord.ready.guild)
    expect(await kid.commands()).toHaveLength(2)
    await client.application.commands.set([])
    expect(await kid.commands()).toHaveLength(1)
  })

  it('cost a create of the day only when they are new', async () => {
    await client.application.commands.set(tree)
    await client.application.commands.set([...tree, { name: 'lab', description: 'Another' }])
    expect((await discord.counts()).commandCreates).toBe(2)
    await discord.fault({ createsLeft: 2 })
    expect(await codeOf(client.application.commands.create({ name: 'third', description: 'x' }))).toBe(30034)
    expect((await discord.commands()).global).toHaveLength(2)
  })

  it('suggest while a person types', async () => {
    const suggested = answer(async (interaction) => {
      if (!interaction.isAutocomplete()) throw new Error('not an autocompletion')
      await interaction.respond([{ name: `Plex (${interaction.options.getFocused()})`, value: 'plex' }])
    })
    const typed = { channel: 'ops', path: ['restart'], option: 'service', options: { service: 'pl' } }
    expect((await kid.autocomplete(typed)).choices).toEqual([{ name: 'Plex (pl)', value: 'plex' }])
    await suggested
  })
})

describe('an answer', () => {
  it('thinks until it is edited, has buttons, and can be edited again by the channel', async () => {
    const done = answer(async (interaction) => {
      if (!interaction.isChatInputCommand()) throw new Error('not a command')
      await interaction.deferReply()
      const service = interaction.options.getString('service')
      await discord.waitFor({ kind: 'ack', callback: 'deferred' })
      expect(await kid.read('ops')).toMatchObject([{ state: 'thinking', content: '' }])
      await interaction.editReply({
        content: `${service} restarts`,
        components: [
          { type: 1, components: [{ type: 2, style: 4, label: 'Cancel', custom_id: 'cancel' }] },
          {
            type: 1,
            components: [
              { type: 3, custom_id: 'pick', options: ['a', 'b'].map((value) => ({ label: value, value })) },
            ],
          },
        ],
      })
    })
    expect(await kid.command(plex)).toMatchObject({ state: 'thinking', notice: null })
    await done
    const [message] = await owner.read('ops')
    expect(message).toMatchObject({
      state: 'sent',
      content: 'plex restarts',
      buttons: [{ label: 'Cancel' }],
      edits: 1,
    })

    const chosen = answer(async (interaction) => {
      if (interaction.isStringSelectMenu()) await interaction.update(`chose ${interaction.values.join()}`)
    })
    expect(await owner.select({ channel: 'ops', values: ['b'] })).toMatchObject({ state: 'updated' })
    await chosen

    const clicked = answer(async (interaction) => {
      if (interaction.isButton()) await interaction.deferUpdate()
    })
    expect(await kid.click({ channel: 'ops', label: 'Cancel' })).toMatchObject({ state: 'deferred' })
    await clicked

    await discord.ahead(900_000)
    const channel = await client.channels.fetch(discord.ready.channels.ops ?? '')
    if (!channel?.isSendable()) throw new Error('no channel')
    await channel.messages.edit(message?.id ?? '', { content: 'plex restarted', components: [] })
    expect(await kid.read('ops')).toMatchObject([{ content: 'plex restarted', buttons: [], edits: 3 }])
  })

  it('is a form, whose fields come back', async () => {
    const opened = answer(async (interaction) => {
      if (!interaction.isChatInputCommand()) throw new Error('not a command')
      await interaction.showModal({
        title: 'Why?',
        custom_id: 'why',
        components: [
          {
            type: 18,
            label: 'Reason',
            component: { type: 4, custom_id: 'reason', style: TextInputStyle.Short, max_length: 10 },
          },
        ],
      })
    })
    expect(await kid.command(plex)).toMatchObject({ state: 'modal', modal: { title: 'Why?' } })
    await opened
    await expect(kid.submit({ fields: { Reason: 'longer than ten' } })).rejects.toThrow('wrong length')
    const filled = answer(async (interaction) => {
      if (!interaction.isModalSubmit()) throw new Error('not a form')
      const content = interaction.fields.getTextInputValue('reason')
      await interaction.reply({ content, flags: MessageFlags.Ephemeral })
    })
    expect(await kid.submit({ fields: { Reason: 'stuck' } })).toMatchObject({ message: { content: 'stuck' } })
    await filled
    expect(await kid.read('ops')).toMatchObject([{ content: 'stuck', ephemeral: true }])
    expect(await owner.read('ops')).toEqual([])
    const [hidden] = await kid.read('ops')
    const channel = await client.channels.fetch(discord.ready.channels.ops ?? '')
    if (!channel?.isSendable()) throw new Error('no channel')
    expect(await codeOf(channel.messages.edit(hidden?.id ?? '', 'x'))).toBe(10008)
  })

  it('comes too late after 3 s, and the person is told', async () => {
    const late = answer(async (interaction) => {
      if (!interaction.isChatInputCommand()) throw new Error('not a command')
      await discord.ahead(3_000)
      return await codeOf(interaction.deferReply())
    })
    expect(await kid.command(plex)).toMatchObject({
      state: 'failed',
      notice: 'The application did not respond',
    })
    expect(await late).toBe(10062)
    expect(await kid.notices('ops')).toMatchObject([{ name: 'homelab restart' }])
    expect(await owner.notices('ops')).toEqual([])
    expect((await discord.counts()).failedAcks).toBe(1)
  })

  it('is given once, lives 15 min, and then its token is worth nothing', async () => {
    const codes = answer(async (interaction) => {
      if (!interaction.isChatInputCommand()) throw new Error('not a command')
      await interaction.deferReply()
      const again = await codeOf(
        client.rest.post(`/interactions/${interaction.id}/${interaction.token}/callback`, {
          auth: false,
          body: { type: 5 },
        }),
      )
      await discord.ahead(900_000)
      return [again, await codeOf(interaction.editReply('late')), await codeOf(interaction.followUp('late'))]
    })
    await kid.command(plex)
    expect(await codes).toEqual([40060, 50027, 50027])
    expect(await kid.read('ops')).toMatchObject([
      { state: 'failed', content: 'The application did not respond' },
    ])
  })

  it('may be taken though its receipt is lost: sent again it is refused', async () => {
    await discord.fault({ dropCallbacks: 1 })
    const code = answer(async (interaction) => {
      if (!interaction.isChatInputCommand()) throw new Error('not a command')
      return await codeOf(interaction.deferReply())
    })
    expect(await kid.command(plex)).toMatchObject({ state: 'thinking' })
    expect(await code).toBe(40060)
    expect(await kid.read('ops')).toHaveLength(1)
  })

  it('follows up, hidden if it says so, in its own right', async () => {
    const done = answer(async (interaction) => {
      if (!interaction.isChatInputCommand()) throw new Error('not a command')
      await interaction.reply('first')
      const hidden = await interaction.followUp({ content: 'second', flags: MessageFlags.Ephemeral })
      await interaction.webhook.editMessage(hidden, 'second, edited')
      await interaction.deleteReply()
    })
    await kid.command(plex)
    await done
    expect(await kid.read('ops')).toMatchObject([{ content: 'second, edited', ephemeral: true, edits: 1 }])
    expect(await owner.read('ops')).toEqual([])
  })
})
