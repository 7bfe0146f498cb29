import { expect, it } from 'vitest'
import { openBoard } from './board.ts'
import { isLarge, lighter } from './lighter.ts'
import { operator, place } from './number-lab.fixture.ts'
import type { Posted } from './types.ts'

const log = Array.from({ length: 20_000 }, (_, number) => `line ${number}`).join('\n')
const large = (id: string): Posted => ({
  id,
  place,
  caller: operator,
  command: 'task log',
  at: '2026-11-25T09:00:00.000Z',
  card: {
    title: 'A log',
    tone: 'neutral',
    sections: [{ kind: 'code', text: log, keep: 'end' }],
    attachments: [{ name: 'log.txt', type: 'text/plain', text: log }],
  },
  state: 'done',
  output: { log },
})

it('keeps of a large card what tells what it was', () => {
  expect(isLarge(large('a'))).toBe(true)
  const light = lighter(large('a'))
  expect(isLarge(light)).toBe(false)
  expect(light).toMatchObject({ id: 'a', state: 'done', card: { title: 'A log' } })
  expect(JSON.stringify(light)).toContain('line 19999')
  expect(JSON.stringify(light).length).toBeLessThan(20_000)
})

it('keeps few large cards whole in memory, however many come', async () => {
  const board = await openBoard(undefined, (error) => expect.fail(String(error)))
  for (let number = 0; number < 100; number += 1) board.put(large(`card ${number}`))
  const whole = board.recent({}, 500).filter(isLarge)
  expect(whole.map(({ id }) => id)).toEqual(Array.from({ length: 20 }, (_, index) => `card ${80 + index}`))
})
