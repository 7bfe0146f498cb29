/** The whole bot on Discord and Slack, killed at random while everything comes twice and connections break. */
import { randomInt } from 'node:crypto'
import { expect, it } from 'vitest'
import { soak, soakText } from '../faults/support/chat-soak.ts'

it('killed again and again while people type and everything comes twice, it loses nothing and does nothing twice', async () => {
  const seed = randomInt(1_000_000)
  const report = await soak({
    lives: 8,
    commandsPerLife: 16,
    reconnectsPerLife: 4,
    seed,
    say: () => undefined,
  })
  console.log(soakText(report))
  const { lost, twice, spinning, untrue, needlessLogins } = report
  expect({ lost, twice, spinning, untrue, needlessLogins }, `seed ${seed}`).toEqual({
    lost: [],
    twice: [],
    spinning: [],
    untrue: [],
    needlessLogins: 0,
  })
  expect(report.audit).toMatchObject({ entries: expect.any(Number) })
  // It was a storm.
  expect(report.reconnects).toBeGreaterThan(16)
  expect(report.redeliveries).toBeGreaterThan(100)
  expect(report.ends.restarted).toBeGreaterThan(30)
})
