import pino from 'pino'
import { expect, it } from 'vitest'
import { virtualClock } from '../chat/courier.fixture.ts'
import { createStatus } from './status.ts'

const DAY_MS = 86_400_000

function connected(blind: boolean) {
  const clock = virtualClock()
  const status = createStatus({ clock, log: pino({ level: 'silent' }), blind })
  status.connected()
  return { clock, status }
}

it('says over HTTP since when nothing has come, once that is over a day', async () => {
  const { clock, status } = connected(true)
  await clock.pass(DAY_MS - 1)
  expect(status.now.problem).toBeUndefined()
  status.heard()
  await clock.pass(DAY_MS - 1)
  expect(status.now.problem).toBeUndefined()
  await clock.pass(2)
  expect(status.now).toMatchObject({
    state: 'connected',
    problem: 'Nothing that Slack signed has come since 2026-11-24 09:59 UTC.',
  })
  status.heard()
  expect(status.now.problem).toBeUndefined()
})

it('leaves a socket, which is watched, alone', async () => {
  const { clock, status } = connected(false)
  await clock.pass(10 * DAY_MS)
  expect(status.now.problem).toBeUndefined()
})
