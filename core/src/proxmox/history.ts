/** What Proxmox recorded by itself: the round-robin databases of guests, nodes and storages. */
import { z } from 'zod'
import type { Client } from './client.ts'
import { at } from './path.ts'
import { read } from './schemas.ts'
import type { HistoryRow, HistorySubject, Timeframe } from './types.ts'

/** Of each row the numbers: where nothing was collected, a row has its time and no other key. */
const Rows = z.array(
  z.record(z.string(), z.unknown()).transform((row): HistoryRow => {
    const numbers = Object.entries(row).flatMap(([key, value]) => {
      const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value
      return typeof number === 'number' && Number.isFinite(number) ? [[key, number] as const] : []
    })
    return { time: 0, ...Object.fromEntries(numbers) }
  }),
)

export async function history(
  client: Client,
  of: HistorySubject,
  timeframe: Timeframe,
  signal?: AbortSignal,
): Promise<readonly HistoryRow[]> {
  const path = pathOf(of)
  const { data } = await client.get(path, { query: { timeframe, cf: 'AVERAGE' }, signal })
  return read(Rows, data, path)
    .filter(({ time }) => time > 0)
    .sort((a, b) => a.time - b.time)
}

function pathOf(of: HistorySubject): string {
  switch (of.kind) {
    case 'guest':
      return at`/nodes/${of.guest.node}/${of.guest.type}/${of.guest.vmid}/rrddata`
    case 'node':
      return at`/nodes/${of.node}/rrddata`
    case 'storage':
      return at`/nodes/${of.node}/storage/${of.storage}/rrddata`
  }
}
