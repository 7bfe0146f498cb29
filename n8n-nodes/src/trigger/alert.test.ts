import { readAlerts } from '@homelab/core/alerts'
import { expect, it } from 'vitest'
import { passes, told } from './alert.ts'
import { unseen } from './seen.ts'

const now = new Date('2026-11-26T12:00:00.000Z')
const later = (minutes: number) => new Date(now.getTime() + minutes * 60_000)

/** Titles that start the workflow, of messages that come one after the other. */
async function titles(kind: 'alertmanager' | 'generic', bodies: readonly (readonly [Date, unknown])[]) {
  let prints: readonly string[] = []
  const all: string[][] = []
  for (const [at, body] of bodies) {
    const alerts = readAlerts(kind, 'here', body, at)
    const found = unseen(prints, await Promise.all(alerts.map((alert) => told(alert, at))), 100)
    prints = JSON.parse(JSON.stringify(found.prints))
    all.push(found.fresh.map(({ item }) => `${item.status} ${item.name}`))
  }
  return all
}

const one = (name: string, more: object = {}) => ({
  status: 'firing',
  labels: { alertname: name, severity: 'critical', service: 'plex' },
  annotations: {},
  startsAt: '2026-11-26T11:00:00Z',
  fingerprint: name.toLowerCase(),
  ...more,
})

it('tells of a group what is new in it, and nothing that is repeated', async () => {
  const over = one('A', { status: 'resolved', endsAt: '2026-11-26T12:05:00Z' })
  expect(
    await titles('alertmanager', [
      [now, { alerts: [one('A')] }],
      [later(5), { alerts: [one('A'), one('B')] }],
      [later(10), { alerts: [over, one('B')] }],
      // The one before, once more and late.
      [later(10), { alerts: [one('A'), one('B')] }],
      [later(15), { alerts: [one('A', { startsAt: '2026-11-26T12:12:00Z' })] }],
    ]),
  ).toEqual([['firing A'], ['firing B'], ['resolved A'], [], ['firing A']])
})

it('knows of what has no time of its own whether it is so already', async () => {
  const alert = { name: 'DiskFull', labels: { service: 'plex' } }
  expect(
    await titles('generic', [
      [now, alert],
      [later(1), alert],
      [later(2), { ...alert, status: 'resolved' }],
      [later(3), { ...alert, status: 'resolved' }],
      [later(4), alert],
    ]),
  ).toEqual([['firing DiskFull'], [], ['resolved DiskFull'], [], ['firing DiskFull']])
})

it('tells what is never over once a day', async () => {
  const body = { alerts: [one('A')], truncatedAlerts: 3, groupKey: 'g' }
  const days = await titles('alertmanager', [
    [now, body],
    [later(5), body],
    [later(24 * 60), body],
  ])
  expect(days).toEqual([['firing A', 'firing AlertsLeftOut'], [], ['firing AlertsLeftOut']])
})

it('makes an item of the whole alert, and of no card', async () => {
  const [alert] = readAlerts('alertmanager', 'here', { alerts: [one('A')] }, now)
  if (alert === undefined) throw new Error('not read')
  const card = { title: 'A', tone: 'error' } as const
  expect((await told({ ...alert, card }, now)).item).toEqual({
    source: 'here',
    fingerprint: 'a',
    status: 'firing',
    name: 'A',
    severity: 'critical',
    title: 'A',
    labels: { alertname: 'A', severity: 'critical', service: 'plex' },
    startsAt: '2026-11-26T11:00:00.000Z',
  })
})

it.each([
  [{}, true],
  [{ onlyFiring: true }, false],
  [{ severities: ['critical'] }, true],
  [{ severities: ['info'] }, false],
  [{ names: ['plexdown'] }, true],
  [{ names: ['other'] }, false],
])('with the filter %j it passes: %s', (filter, expected) => {
  const alert = { status: 'resolved', severity: 'critical', name: 'PlexDown' } as const
  expect(passes(alert, { onlyFiring: false, severities: [], names: [], ...filter })).toBe(expected)
})
