import { systemClock } from '@homelab/core/node'
import { expect, it } from 'vitest'
import type { Posted } from '../chat/types.ts'
import type { Api, Message } from './api.ts'
import { createOutlet } from './outlet.ts'

const posted: Posted = {
  id: 'discord:1',
  place: { surface: 'discord', channel: '10' },
  caller: { id: 'discord:174000000000000001', name: 'ann', role: 'operator', surface: 'chat' },
  command: 'status',
  at: new Date(Date.now() + 1_000).toISOString(),
  card: { title: 'All is well', tone: 'ok' },
  state: 'done',
}

it('posts no more what it has found again, while its edit waits for the limit', async () => {
  const calls: string[] = []
  const refuse = (...which: string[]) => {
    const name = calls.at(-1)
    if (which.includes(`${name} ${calls.filter((each) => each === name).length}`))
      throw new TypeError('fetch failed')
  }
  const api = {
    post: async (_: string, __: Message) => {
      calls.push('post')
      refuse('post 1')
      return { id: '7' }
    },
    edit: async (_: string, id: string) => {
      calls.push('edit')
      refuse('edit 1', 'edit 2')
      return { id }
    },
  } as unknown as Api
  const outlet = createOutlet({
    api,
    clock: systemClock,
    runs: { log: async () => [] },
    onBug: () => undefined,
  })
  const show = () => outlet.show(posted, { channel: '10' }).catch((error: { kind: string }) => error.kind)
  // Its answer was lost; found again by its nonce, and its edit refused twice.
  expect([await show(), await show(), await show()]).toEqual(['again', 'again', 'again'])
  expect(await show()).toMatchObject({ channel: '10', message: '7' })
  expect(calls).toEqual(['post', 'post', 'edit', 'edit', 'edit'])
})
