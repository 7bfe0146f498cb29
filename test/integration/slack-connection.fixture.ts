/** Slack's adapter on a desk of one number, against the peer itself, with hours that pass when they are told to. */
import { type Clock, createRegistry, type Json, Secret } from '@homelab/core'
import { parseInventory } from '@homelab/core/inventory'
import pino from 'pino'
import type { Connector, ConnectorContext } from '../../bot/src/chat/connector.ts'
import { memoryMessages, virtualClock } from '../../bot/src/chat/courier.fixture.ts'
import { setUp } from '../../bot/src/chat/number-lab.fixture.ts'
import { createIdentity } from '../../bot/src/rights/identity.ts'
import { startSlack as connect } from '../../bot/src/slack/index.ts'
import type { SlackPeer } from '../support/slack.ts'

export async function connectionTo(slack: SlackPeer, change: Partial<ConnectorContext> = {}) {
  const { users, channels } = slack.info
  const virtual = virtualClock()
  const began = Date.now()
  const clock: Clock = { ...virtual, now: () => new Date(began + virtual.monotonic()) }
  const { desk, world, bugs } = await setUp({ clock })
  const inventory = parseInventory(`
channels:
  general: { slack: ${channels.general} }
  ops: { slack: ${channels.ops}, ops: true }
people: { anna: { role: operator, slack: ${users.anna} } }
`)
  const kept = new Map<string, Json>()
  const context: ConnectorContext = {
    desk,
    registry: createRegistry([]),
    callerOf: createIdentity({ inventory: () => inventory }).callerOf,
    inventory: () => inventory,
    runs: { log: () => Promise.resolve([]) },
    glance: () => Promise.reject(new Error('nobody looks')),
    messages: memoryMessages(),
    facts: {
      get: (name) => kept.get(name),
      set: (name, value) => Promise.resolve(void kept.set(name, value)),
    },
    clock,
    log: pino({ level: 'silent' }),
    onBug: (error) => void bugs.push(error),
    ...change,
  }
  const start = (): Connector =>
    connect(context, {
      token: new Secret(slack.info.botToken),
      appToken: new Secret(slack.info.appToken),
      api: slack.info.api,
      opsChannels: () => [channels.ops ?? ''],
    })

  /** The clock moves on by steps until it is there. */
  async function shows(channel: string, pattern: RegExp, stepMs = 1_200) {
    for (let step = 0; step < 100; step++) {
      const after = await slack.mark()
      const found = (await slack.read(channel)).findLast(({ visible }) => pattern.test(visible))
      if (found !== undefined) return found
      await virtual.pass(stepMs)
      await slack.waitFor({}, { after, timeoutMs: 200 }).catch(() => undefined)
    }
    throw new Error(`no ${pattern} in ${channel}`)
  }

  return { pass: virtual.pass, start, shows, kept, world, bugs, clock }
}
