/** Guests that are somebody's now: stopped by a person, or in the hands of a run. Nothing is done to them without asking. */
import type { Lab } from '@homelab/core'
import type { Inventory } from '@homelab/core/inventory'
import type { FactStore } from '../chat/connector.ts'
import type { Runs } from '../runs/index.ts'
import { busyGuests, Stopped } from '../watch/purpose.ts'
import type { WatchOptions } from '../watch/types.ts'

export interface OccupiedOptions {
  readonly runs: Pick<Runs, 'active'>
  readonly registry: WatchOptions['registry']
  readonly lab: Pick<Lab, 'resolve'>
  readonly inventory: () => Pick<Inventory, 'backups'>
  readonly facts: Pick<FactStore, 'get'>
}

/** @returns by VMID. @throws HomelabError when it cannot be told */
export async function occupiedGuests(options: OccupiedOptions): Promise<ReadonlySet<number>> {
  const { runs, lab, inventory, facts } = options
  // The look at the guests keeps this, and forgets who was started since.
  const stopped = Stopped.safeParse(facts.get('watch.stopped')).data ?? {}
  const occupied = new Set([...(await busyGuests(options)), ...Object.keys(stopped).map(Number)])
  for (const { operation, input } of await runs.active()) {
    if (!operation.startsWith('backup.') || typeof input !== 'object' || input === null) continue
    const name = 'plan' in input ? input.plan : undefined
    const plan = inventory().backups.find((each) => each.name === name)
    if (plan === undefined) continue
    const names = [
      ...('service' in plan && plan.service !== undefined ? [plan.service] : []),
      ...('guests' in plan ? plan.guests : []),
    ]
    const targets = names.length === 0 ? [] : await lab.resolve(names)
    for (const { guest } of targets) occupied.add(guest.vmid)
  }
  return occupied
}
