/** What is stored when an interaction is acknowledged, and what becomes of one that comes too late. */
import { createRegistry, type Json } from '@homelab/core'
import { emptyInventory } from '@homelab/core/inventory'
import { systemClock } from '@homelab/core/node'
import {
  type APIInteraction,
  type APIInteractionResponse,
  DiscordAPIError,
  InteractionType,
} from 'discord.js'
import { expect, it } from 'vitest'
import { buttonId } from '../chat/buttons.ts'
import type { Asker, ConnectorContext } from '../chat/connector.ts'
import { createCourier, type Outlet, type Where } from '../chat/courier.ts'
import { setUp } from '../chat/number-lab.fixture.ts'
import type { Api } from './api.ts'
import { createInteractions } from './interactions.ts'
import { createMembers } from './members.ts'
import { createReception } from './reception.ts'

const user = '174000000000000001'
const epoch = 1_420_070_400_000n
const idAt = (ms: number, place = 0) => String(((BigInt(ms) - epoch) << 22n) + BigInt(place))

const unknownInteraction = () =>
  new DiscordAPIError({ code: 10_062, message: 'Unknown interaction' }, 10_062, 404, 'POST', '', {
    body: undefined,
    files: undefined,
  })

/** The number lab behind the reception; Discord's side keeps what it was sent. */
async function lab(answering: (attempt: number) => void | Promise<void> = () => undefined) {
  const { desk, world, bugs } = await setUp()
  const refs = new Map<string, Json>()
  const answers: { readonly type: number; readonly stored: Json | undefined; readonly shown: number }[] = []
  const shown: { readonly title: string; readonly where: Where | undefined }[] = []
  const outlet: Outlet = {
    platform: 'discord',
    async show(posted, where) {
      shown.push({ title: posted.card.title, where })
      return { ...where, message: '1' }
    },
    log: async (_, where) => where,
    mention: async () => undefined,
  }
  const messages = {
    get: (card: string) => refs.get(card),
    save: async (card: string, _: string, ref: Json) => void refs.set(card, ref),
    cardOf: () => undefined,
  }
  const context = {
    desk,
    registry: createRegistry([]),
    callerOf: ({ user: id, name, channel }: Asker) => ({
      id: `discord:${id}`,
      name,
      role: 'operator',
      surface: 'chat',
      ...(channel === undefined ? {} : { channel: `discord:${channel}` }),
    }),
    inventory: emptyInventory,
    runs: { log: async () => [] },
    clock: systemClock,
    messages,
    onBug: (error: unknown) => bugs.push(error),
    log: { warn: () => undefined, info: () => undefined },
  } as unknown as ConnectorContext
  const courier = createCourier({
    outlet,
    messages,
    runs: context.runs,
    clock: systemClock,
    pace: { cardMs: 0, channelMs: 0 },
    onLost: (_, error) => bugs.push(error),
    onBug: (error) => bugs.push(error),
  })
  const answer = async (id: string, _: string, response: APIInteractionResponse) => {
    answers.push({ type: response.type, stored: refs.get(`discord:${id}`), shown: shown.length })
    await answering(answers.length)
  }
  const reception = createReception(context, courier, { answer } as unknown as Api)
  const members = createMembers(context, { rolesOf: async () => [] }, undefined)
  desk.board.subscribe('discord', reception.put)
  return { desk, world, bugs, courier, answers, shown, handle: createInteractions(reception, members) }
}

const typed = (text: string, id = idAt(Date.now())): APIInteraction =>
  ({
    id,
    token: 'secret-token',
    type: InteractionType.ApplicationCommand,
    member: { user: { id: user, username: 'ann', global_name: null }, roles: [] },
    channel: { id: '10', type: 0 },
    data: {
      type: 1,
      name: 'homelab',
      options: [{ type: 1, name: 'do', options: [{ type: 3, name: 'command', value: text }] }],
    },
  }) as unknown as APIInteraction

it('stores the place of a card before it acknowledges, and shows nothing before', async () => {
  const { handle, courier, answers, shown, world, desk } = await lab()
  const interaction = typed('add 3')
  await handle(interaction, false)
  await desk.settled(`discord:${interaction.id}`)
  await courier.idle()
  expect(world).toEqual({ number: 3, changes: 1 })
  expect(answers).toMatchObject([
    { type: 5, shown: 0, stored: { where: { channel: '10', token: 'secret-token' } } },
  ])
  expect(shown.at(-1)).toMatchObject({ title: 'now 3', where: { token: 'secret-token' } })
})

it('shows a card that was done, and gone from the memory of the desk, before it was acknowledged', async () => {
  const acknowledged = Promise.withResolvers<void>()
  const begun = Promise.withResolvers<void>()
  const { handle, courier, shown, desk } = await lab(() => {
    begun.resolve()
    return acknowledged.promise
  })
  const interaction = typed('add 3')
  const key = `discord:${interaction.id}`
  const handled = handle(interaction, false)
  await begun.promise
  await desk.settled(key)
  for (let number = 0; desk.board.get(key) !== undefined; number += 1)
    desk.tell({ surface: 'discord', channel: '11' }, `note ${number}`, { title: 'a note', tone: 'ok' })
  acknowledged.resolve()
  await handled
  await courier.idle()
  expect(shown.filter(({ where }) => where?.token === 'secret-token')).toMatchObject([{ title: 'now 3' }])
})

it('acknowledges at once the second time too, and does it once', async () => {
  const { handle, courier, answers, world, desk } = await lab()
  const interaction = typed('add 3')
  await Promise.all([handle(interaction, false), handle(interaction, false)])
  await desk.settled(`discord:${interaction.id}`)
  await handle(interaction, false)
  await courier.idle()
  expect(world).toEqual({ number: 3, changes: 1 })
  expect(answers.map(({ type }) => type)).toEqual([5, 5])
})

it('does what could not be acknowledged all the same, with a card of its own', async () => {
  const { handle, courier, shown, world, desk, bugs } = await lab(() => {
    throw unknownInteraction()
  })
  const interaction = typed('add 3')
  await handle(interaction, false)
  await desk.settled(`discord:${interaction.id}`)
  await courier.idle()
  expect(world.changes).toBe(1)
  expect(shown.at(-1)).toMatchObject({ title: 'now 3' })
  expect(shown[0]?.where).toEqual({ channel: '10' })
  expect(bugs).toEqual([])
})

it('tries again within the 3 s when no answer comes', async () => {
  const { handle, answers } = await lab((attempt) => {
    if (attempt === 1) throw new TypeError('fetch failed')
  })
  await handle(typed('show'), false)
  expect(answers.map(({ type }) => type)).toEqual([5, 5])
})

it('asks before it does what was typed long ago', async () => {
  const { handle, courier, shown, world, desk, answers } = await lab()
  const interaction = typed('add 3')
  await handle(interaction, true)
  await handle(interaction, true)
  await courier.idle()
  expect(world.changes).toBe(0)
  expect(answers).toEqual([])
  expect(shown).toEqual([{ title: 'I was away when you asked', where: { channel: '10' } }])
  const card = desk.board.get(`discord:${interaction.id}`)?.card
  expect(card?.buttons).toMatchObject([{ action: { kind: 'command', text: 'add 3' } }])
})

it('repeats what was typed long ago to nobody else, when its answer would be for the asker alone', async () => {
  const { handle, courier, shown } = await lab()
  await handle(typed('rubbish'), true)
  await courier.idle()
  expect(shown).toEqual([{ title: 'I was away when you asked', where: { channel: '10', only: user } }])
})

it('offers to do no more than it can show', async () => {
  const { handle, courier, desk } = await lab()
  const interaction = typed(`add 3 ${'more '.repeat(400)}`)
  await handle(interaction, true)
  await courier.idle()
  const card = desk.board.get(`discord:${interaction.id}`)?.card
  expect(card?.text).toContain('Type it again')
  expect(card?.buttons).toBeUndefined()
})

it('answers a button that was pressed long ago, and does nothing', async () => {
  const { handle, courier, desk, world, answers } = await lab()
  const asked = typed('wipe')
  await handle(asked, false)
  const question = await desk.settled(`discord:${asked.id}`, { asking: true })
  await courier.idle()
  const action = question.card.buttons?.[0]?.action
  const pressed = {
    ...asked,
    id: idAt(Date.now(), 7),
    type: InteractionType.MessageComponent,
    data: {
      component_type: 2,
      custom_id: action === undefined ? '' : buttonId(question.id, 0, action),
    },
  } as unknown as APIInteraction
  await handle(pressed, true)
  expect(desk.board.get(question.id)?.state).toBe('asking')
  expect(world.changes).toBe(0)
  expect(answers.map(({ type }) => type)).toEqual([5, 4])
})

it('shows a refusal to the asker alone', async () => {
  const { handle, courier, shown, desk } = await lab()
  const interaction = typed('rubbish')
  await handle(interaction, false)
  await desk.settled(`discord:${interaction.id}`)
  await courier.idle()
  expect(shown.at(-1)?.where).toMatchObject({ only: user })
})
