import { expect, test } from 'vitest'
import { status } from './status.ts'

type Output = Parameters<typeof status.card>[0]

const node = { node: 'pve', status: 'online', cpu: 0.12, mem: 6, maxmem: 10 }
const plex = { name: 'plex', stack: 'media', guest: 'running', health: 'up' as const, detail: 'HTTP 200' }
const output = (more: Partial<Output>): Output => ({
  nodes: [node],
  storages: [],
  services: [plex],
  problems: [],
  guests: { running: 1, total: 1 },
  ...more,
})
const tables = (more: Partial<Output>) =>
  status.card(output(more), { health: true }).sections?.filter((section) => section.kind === 'table')

test('a course stands before the figure that it leads to, of the whole and with its gaps', () => {
  const [nodes, , media] =
    tables({
      nodes: [{ ...node, cpuCourse: [0, 0.3, null, 0.99, 1], memoryCourse: [0.5, 0.6] }],
      services: [
        { ...plex, cpuCourse: [0.02, 0.9] },
        { ...plex, name: 'radarr' },
      ],
    }) ?? []
  expect(nodes?.rows[0]).toEqual([
    'pve',
    { text: 'online', tone: 'ok' },
    '▁▃·██ 12 %',
    { text: '▅▅ 60 %', tone: 'neutral' },
  ])
  expect(media?.columns.map(({ name }) => name)).toEqual(['Service', 'Health', 'CPU', 'Detail'])
  expect(media?.rows.map((row) => row[2])).toEqual(['▁█', ''])
})

test('without one the card is as it was', () => {
  const card = status.card(output({}), { health: true })
  expect(card.footer).toBeUndefined()
  expect(tables({})?.at(-1)?.columns).toHaveLength(3)
})
