/** Who asks, as Slack has them, and what the ops channel hears of an outage. */
import { type Caller, type Card, Secret } from '@homelab/core'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { Asker } from '../../bot/src/chat/connector.ts'
import { virtualClock } from '../../bot/src/chat/courier.fixture.ts'
import { createClient, slackLogger } from '../../bot/src/slack/client.ts'
import { outages } from '../../bot/src/slack/outage.ts'
import { createPeople } from '../../bot/src/slack/people.ts'
import type { Trouble } from '../../bot/src/slack/trouble.ts'
import { type SlackPeer, startSlack } from '../support/slack.ts'

let slack: SlackPeer
beforeAll(async () => {
  slack = await startSlack({ limits: 0 })
})
afterAll(() => slack?.stop())
beforeEach(() => slack.reset())

const quiet = { warn: () => undefined } as unknown as Parameters<typeof slackLogger>[0]
const client = () => createClient(new Secret(slack.info.botToken), slack.info.api, slackLogger(quiet, []))

describe('who asks', () => {
  const peopleOf = (groups = true) => {
    const clock = virtualClock()
    const askers: Asker[] = []
    const troubles: Trouble[] = []
    const callerOf = (asker: Asker): Caller => {
      askers.push(asker)
      const person = asker.user === slack.info.users.anna ? { person: 'anna' } : {}
      return { id: `slack:${asker.user}`, name: asker.name, role: 'viewer', surface: 'chat', ...person }
    }
    const person = {
      name: 'helpers',
      role: 'operator',
      ...(groups ? { slack_group: [slack.info.groups.operators] } : {}),
    }
    const context = { clock, callerOf, inventory: () => ({ people: [person] }) } as unknown as Parameters<
      typeof createPeople
    >[0]
    const people = createPeople(context, client(), (trouble) => troubles.push(trouble))
    const groupsOf = async (fresh = false) => {
      await people.callerOf({ user: slack.info.users.ben ?? '', name: 'ben', channel: 'C1' }, fresh)
      return askers.at(-1)?.groups ?? []
    }
    return { clock, people, askers, groupsOf, troubles }
  }

  it('is asked of Slack when the file names groups, and not for every command', async () => {
    const { groupsOf } = peopleOf()
    expect(await groupsOf()).toContain(slack.info.groups.operators)
    await groupsOf()
    expect((await slack.counts()).calls['usergroups.list']).toBe(1)
    await peopleOf(false).groupsOf()
    expect((await slack.counts()).calls['usergroups.list']).toBe(1)
  })

  it('loses a group five minutes after it was left, also when Slack does not answer then', async () => {
    const { groupsOf, clock } = peopleOf()
    await groupsOf()
    await slack.changeGroup('operators', { remove: ['ben'] })
    await clock.pass(301_000)
    expect(await groupsOf()).not.toContain(slack.info.groups.operators)

    await slack.changeGroup('operators', { add: ['ben'] })
    await clock.pass(301_000)
    expect(await groupsOf()).toContain(slack.info.groups.operators)
    await clock.pass(301_000)
    await slack.fault({ answer500: 1 })
    expect(await groupsOf()).toEqual([])
  })

  it('is asked anew before a yes counts', async () => {
    const { groupsOf, clock } = peopleOf()
    await groupsOf()
    await slack.changeGroup('operators', { remove: ['ben'] })
    await clock.pass(31_000)
    expect(await groupsOf()).toContain(slack.info.groups.operators)
    expect(await groupsOf(true)).not.toContain(slack.info.groups.operators)
  })

  it('is told so when that could not be asked in time, and nothing is taken from what was known before', async () => {
    const { groupsOf, clock, people } = peopleOf()
    await groupsOf()
    await clock.pass(31_000)
    await slack.fault({ answer500: 1 })
    await expect(groupsOf(true)).rejects.toThrow('I could not check your groups just now: press again.')

    await slack.fault({ slowMs: 400 })
    const pressed = groupsOf(true)
    const refused = expect(pressed).rejects.toThrow('press again')
    await clock.pass(1_300)
    await refused
    // The answer has come meanwhile, or is on its way.
    await slack.waitFor({ kind: 'call', method: 'usergroups.list', ok: true }, { count: 2 })
    await slack.fault({ slowMs: 0 })
    expect(await groupsOf(true)).toContain(slack.info.groups.operators)

    // Whom the file knows by an id needs no group.
    await clock.pass(31_000)
    await slack.fault({ answer500: 1 })
    const anna = { user: slack.info.users.anna ?? '', name: 'anna', channel: 'C1' }
    expect(await people.callerOf(anna, true)).toMatchObject({ person: 'anna' })
  })

  it('has a name though the event has none, and no channel in direct messages', async () => {
    const { people, askers } = peopleOf(false)
    await people.callerOf({ user: slack.info.users.ben ?? '', channel: 'D0123' })
    await people.callerOf({ user: slack.info.users.ben ?? '', channel: 'C0123' })
    expect(askers.map(({ name, channel }) => [name, channel])).toEqual([
      ['ben', undefined],
      ['ben', 'C0123'],
    ])
    expect((await slack.counts()).calls['users.info']).toBe(1)
  })
})

describe('an outage', () => {
  it('of over two minutes is told in the ops channel, a short one is not', async () => {
    const clock = virtualClock()
    const told: string[] = []
    const desk = {
      tell: ({ channel }: { channel: string }, _: string, { text }: Card) => told.push(`${channel}: ${text}`),
    }
    const outage = outages({ clock, desk } as unknown as Parameters<typeof outages>[0], () => ['C0OPS'])
    outage.over()
    outage.begins()
    await clock.pass(60_000)
    outage.over()
    expect(told).toEqual([])
    outage.begins()
    await clock.pass(100_000)
    outage.begins()
    await clock.pass(100_000)
    outage.over()
    expect(told).toEqual([expect.stringMatching(/^C0OPS: I was cut off from Slack for 3 min 20 s\./)])
  })
})
