/** Root cause first: which open incident explains another one. */
import type { Inventory } from '../inventory/schema.ts'
import { isOpen } from './incident.ts'
import type { Incident } from './types.ts'

/** What began so long before its cause was not caused by it. */
const BEFORE_MS = 300_000

/** @returns the id of the incident that it is to be folded beneath */
export function causeOf(
  incident: Incident,
  open: Iterable<Incident>,
  inventory: Pick<Inventory, 'services' | 'network' | 'storages' | 'backups'>,
): string | undefined {
  let best: { readonly id: string; readonly weight: number } | undefined
  for (const cause of open) {
    if (cause.id === incident.id || !isOpen(cause) || cause.parent !== undefined) continue
    if (!cause.key.endsWith(':down')) continue
    if (Date.parse(incident.openedAt) < Date.parse(cause.openedAt) - BEFORE_MS) continue
    const weight = explains(cause, incident, inventory)
    if (weight > 0 && weight > (best?.weight ?? 0)) best = { id: cause.id, weight }
  }
  return best?.id
}

/** 0: not at all; the larger, the deeper the cause. */
function explains(
  { about: cause, key }: Incident,
  { about, key: other }: Incident,
  { services, network, storages, backups }: Pick<Inventory, 'services' | 'network' | 'storages' | 'backups'>,
): number {
  const [where = ''] = key.split(':')
  // A drift, a full disk or an old backup goes on when what is down is up again: only what does not answer is explained.
  const isDown = other.endsWith(':down')
  if (where === 'homelab/lab') return isDown && other !== key && !other.startsWith('node/') ? 4 : 0
  if (where.startsWith('node/'))
    return isDown && about.node === cause.node && !other.startsWith('node/') ? 3 : 0
  if (where.startsWith('storage/')) {
    const folders = storages.find(({ name }) => name === cause.storage)
    const plan = backups.find(({ name }) => name === about.plan)
    const uses = plan?.to.some((to) => to === cause.storage || to === folders?.storage) === true
    return uses && (cause.node === undefined || about.node === undefined || about.node === cause.node) ? 2 : 0
  }
  if (cause.service === undefined || about.service === undefined || !isDown) return 0
  if (reaches(about.service, cause.service, services)) return 1
  const tunnel = network.tunnel?.service ?? []
  const isTunnel = [tunnel].flat().includes(cause.service) || cause.service === network.traefik.service
  return isTunnel && other.startsWith('route/') ? 1 : 0
}

function reaches(from: string, to: string, services: Inventory['services']): boolean {
  const seen = new Set<string>()
  const queue = [from]
  for (const name of queue) {
    for (const need of services.find((entry) => same(entry.name, name))?.needs ?? []) {
      if (same(need, to)) return true
      if (!seen.has(need)) queue.push(need)
      seen.add(need)
    }
  }
  return false
}

const same = (a: string, b: string): boolean => a.toLowerCase() === b.toLowerCase()
