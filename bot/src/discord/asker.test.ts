import {
  type APIInteraction,
  type APIMessage,
  DiscordAPIError as ApiError,
  ChannelType,
  type DiscordAPIError,
  RateLimitError,
} from 'discord.js'
import { expect, it } from 'vitest'
import { madeAt, seenBy, seenIn } from './asker.ts'
import { deliveryError } from './trouble.ts'

const user = {
  id: '174000000000000001',
  username: 'ann',
  global_name: 'Ann',
  discriminator: '0',
  avatar: null,
}
const member = { user, roles: ['7'], nick: 'Annie' }
const interaction = (more: object) => ({ id: '1', ...more }) as unknown as APIInteraction

it('knows who asks in a channel, in a thread of it, and directly', () => {
  const inChannel = seenIn(interaction({ member, channel: { id: '10', type: ChannelType.GuildText } }))
  expect(inChannel).toEqual({
    asker: { platform: 'discord', user: user.id, name: 'Annie', groups: ['7'], channel: '10' },
    place: { surface: 'discord', channel: '10' },
  })
  const thread = { id: '11', type: ChannelType.PublicThread, parent_id: '10' }
  expect(seenIn(interaction({ member, channel: thread }))).toMatchObject({
    asker: { channel: '10' },
    place: { channel: '10', thread: '11' },
  })
  const direct = seenIn(interaction({ user, channel: { id: '12', type: ChannelType.DM } }))
  expect(direct?.asker).toEqual({ platform: 'discord', user: user.id, name: 'Ann', groups: [] })
  expect(direct?.place).toEqual({ surface: 'discord', channel: '12' })
  expect(seenIn(interaction({}))).toBeUndefined()
})

it('takes a channel that it cannot look up for one of its own', () => {
  const message = { author: user, channel_id: '11', member } as unknown as APIMessage & {
    member: typeof member
  }
  expect(seenBy(message, undefined)).toMatchObject({ asker: { channel: '11' }, place: { channel: '11' } })
})

it('reads the time out of an id', () => {
  expect(new Date(madeAt('175928847299117063')).toISOString()).toBe('2016-04-30T11:18:25.796Z')
})

const refused = (status: number, code?: number): DiscordAPIError =>
  new ApiError(
    (code === undefined ? {} : { code, message: 'no' }) as { code: number; message: string },
    code as number,
    status,
    'PATCH',
    'http://x',
    { body: undefined, files: undefined },
  )

it.each([
  [refused(404, 10_008), 'gone'],
  [refused(404, 10_003), 'gone'],
  [refused(403, 50_013), 'gone'],
  [refused(403, 50_001), 'gone'],
  [refused(401, 0), 'again'],
  [refused(403, 40_333), 'again'],
  [refused(403), 'wait'],
  [refused(400, 50_035), 'never'],
  [new TypeError('fetch failed'), 'again'],
  [new DOMException('late', 'TimeoutError'), 'again'],
])('%s is %s', (error, kind) => {
  expect(deliveryError(error)).toMatchObject({ kind })
})

it('waits as long as Discord says, and a while where it does not say', () => {
  const limited = (retryAfter: number) =>
    new RateLimitError({
      timeToReset: -3,
      limit: 5,
      method: 'POST',
      hash: '',
      url: '',
      route: '',
      majorParameter: '',
      global: false,
      retryAfter,
      sublimitTimeout: 0,
      scope: 'user',
    })
  expect(deliveryError(limited(1_500))).toMatchObject({ kind: 'wait', retryAfterMs: 1_500 })
  expect(deliveryError(limited(0))).toMatchObject({ kind: 'wait', retryAfterMs: 5_000 })
})

it('leaves a bug of ours a bug', () => {
  const bug = new TypeError('undefined is not a function')
  expect(deliveryError(bug)).toBe(bug)
})
