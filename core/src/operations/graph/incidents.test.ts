import { expect, test } from 'vitest'
import type { Incident } from '../../alerts/types.ts'
import type { Incidents } from '../../operation/services.ts'
import { incidentsAbout } from './incidents.ts'
import { type GraphOutput, graph } from './show.ts'

const HOUR = 3_600_000
const to = Date.parse('2026-11-26T08:00:00Z')
const span = { from: to - 24 * HOUR, to }
const ago = (hours: number) => new Date(to - hours * HOUR).toISOString()

/** As far as a graph looks at it. */
const incident = (id: string, about: Incident['about'], opened: number, resolved?: number) =>
  ({
    ...{ id, title: id, severity: 'critical', about, openedAt: ago(opened) },
    ...(resolved === undefined ? {} : { resolvedAt: ago(resolved) }),
  }) as Incident
const all = [
  incident('open', { vmid: 110, guest: 'plex', node: 'pve' }, 2),
  incident('over', { service: 'plex' }, 10, 9),
  incident('before', { vmid: 110 }, 50, 25),
  incident('into', { vmid: 110 }, 50, 23),
  incident('another', { vmid: 111, service: 'plex' }, 3),
  incident('node', { node: 'pve' }, 3),
  incident('full', { storage: 'tesla' }, 3),
  incident('elsewhere', { storage: 'tesla', node: 'pve2' }, 3),
]
const incidents = { list: () => Promise.resolve(all) } as Pick<Incidents, 'list'> as Incidents
const guest = { vmid: 110, type: 'lxc', node: 'pve', name: 'plex' } as const

test.each([
  ['a guest', { kind: 'guest', guest }, 'plex', ['into', 'over', 'open']],
  ['a node', { kind: 'node', node: 'pve' }, 'pve', ['node']],
  ['a storage', { kind: 'storage', name: 'Fast', node: 'pve', storage: 'tesla' }, 'Fast', ['full']],
] as const)(
  'a graph of %s has the incidents about it that were open in its time',
  async (_, subject, title, ids) => {
    const found = await incidentsAbout(incidents, { subject, title }, span)
    expect(found.map(({ id }) => id)).toEqual(ids)
  },
)

test('where nobody keeps incidents there are none', async () => {
  expect(await incidentsAbout(undefined, { subject: { kind: 'guest', guest }, title: 'plex' }, span)).toEqual(
    [],
  )
})

test('the card has them in words, and in the words for who cannot see the picture', () => {
  const output: GraphOutput = {
    ...{ target: 'plex', kind: 'guest', metric: 'cpu', unit: 'share', source: 'proxmox', timezone: 'UTC' },
    ...span,
    incidents: [
      { id: 'a', title: 'Plex is down', severity: 'critical', from: to - 10 * HOUR, to: to - 9 * HOUR },
      { id: 'b', title: 'Busy', severity: 'warning', from: to - 2 * HOUR },
      { id: 'c', title: 'Noted', severity: 'info', from: to - HOUR },
    ],
    series: [{ name: 'CPU', stepMs: HOUR, points: [[to - HOUR, 0.3]] }],
  }
  const { sections, picture } = graph.card(output, { target: 'plex', words: [] })
  expect(sections?.find(({ title }) => title === 'Incidents')).toMatchObject({
    items: [
      'critical: Plex is down, 1 h from Wed 25 Nov, 22:00',
      'warning: Busy, since Thu 26 Nov, 06:00',
      'info: Noted, since Thu 26 Nov, 07:00',
    ],
  })
  expect(picture?.alt).toContain('; 3 incidents')
  expect(picture?.svg.match(/<rect class="window(-crit|-warn|)" x="[\d.]+" y="104"/g)).toHaveLength(3)
})
