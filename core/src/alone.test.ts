import { expect, it } from 'vitest'
import { createAlone } from './alone.ts'

it('one goes at a time for each key, also after one that failed', async () => {
  const alone = createAlone()
  const said: string[] = []
  const gate = Promise.withResolvers<void>()
  const first = alone('a', async () => {
    said.push('first begins')
    await gate.promise
    said.push('first ends')
    throw new Error('first')
  })
  const second = alone('a', async () => void said.push('second'))
  await alone('b', async () => void said.push('other'))
  gate.resolve()
  await expect(first).rejects.toThrow('first')
  await second
  expect(said).toEqual(['first begins', 'other', 'first ends', 'second'])
})
