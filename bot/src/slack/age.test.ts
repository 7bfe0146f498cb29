import { expect, it } from 'vitest'
import { virtualClock } from '../chat/courier.fixture.ts'
import { createAge, tsOf } from './age.ts'

it('is by the clock of Slack, however wrong ours is', async () => {
  for (const off of [-180_000, 180_000]) {
    const clock = virtualClock()
    const slackNow = () => clock.now().getTime() + off
    const age = createAge(clock)
    age.live(tsOf(slackNow()))
    const said = tsOf(slackNow())
    await clock.pass(30_000)
    expect(age.of(said)).toBeCloseTo(30_000, 0)
    await clock.pass(270_000)
    expect(age.of(said)).toBeCloseTo(300_000, 0)
  }
})

it('takes nothing that was slow for a clock that is behind', async () => {
  const clock = virtualClock()
  const age = createAge(clock)
  const early = tsOf(clock.now().getTime())
  age.live(tsOf(clock.now().getTime()))
  await clock.pass(60_000)
  age.live(early)
  expect(age.of(early)).toBeCloseTo(60_000, 0)
})

it('is by our own clock when nothing is known of the other, and after a gap', () => {
  const clock = virtualClock()
  const age = createAge(clock)
  const said = tsOf(clock.now().getTime() - 200_000)
  expect(age.of(said)).toBeCloseTo(200_000, 0)
  age.live(said)
  expect(age.of(said)).toBeCloseTo(0, 0)
  age.forget()
  expect(age.of(said)).toBeCloseTo(200_000, 0)
})
