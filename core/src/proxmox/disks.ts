/** The disks of a node, as the node itself sees them. */
import { z } from 'zod'
import type { Client } from './client.ts'
import { at } from './path.ts'
import { read } from './schemas.ts'
import type { NodeDisk } from './types.ts'

const DiskRow = z.object({
  devpath: z.string(),
  model: z.string().nullish(),
  serial: z.string().nullish(),
  /** `PASSED` or `OK`, `FAILED`, `UNKNOWN`. */
  health: z.string().nullish(),
  /** What is left of its life; `N/A` of a disk that does not wear. */
  wearout: z.union([z.number(), z.string()]).nullish(),
})

/** Asks smartctl of each: it wakes those that sleep. */
export async function nodeDisks(
  client: Client,
  node: string,
  signal?: AbortSignal,
): Promise<readonly NodeDisk[]> {
  const path = at`/nodes/${node}/disks/list`
  const rows = read(DiskRow.array(), (await client.get(path, { signal })).data, path)
  return rows.map(({ devpath: disk, model, health, wearout }) => {
    const left = typeof wearout === 'number' ? wearout : Number.parseFloat(wearout ?? '')
    const state = (health ?? '').toUpperCase()
    return {
      disk,
      model: model ?? '',
      health: state === 'PASSED' || state === 'OK' ? 'passed' : state === 'FAILED' ? 'failing' : 'unknown',
      ...(Number.isNaN(left) ? {} : { lifeLeft: left }),
    }
  })
}
