/** What homelab itself stands on: stopping that is stopping who would start it again. */
import type { Guest } from '../proxmox/types.ts'
import { type Directory, guestText, lower } from './directory.ts'
import type { Target } from './types.ts'

/** One guest that the bot stands on. */
interface Ground {
  readonly guest: Guest
  /** `homelab runs on it` */
  readonly why: string
}

/** One sentence for each reason. @param selfName the host name of the machine that the bot is on */
export function lockoutReasons(
  directory: Directory,
  targets: readonly Target[],
  node: string | undefined,
  selfName: string | undefined,
): readonly string[] {
  const chosen = new Set(targets.map(({ guest }) => guest.vmid))
  const reasons = new Set<string>()
  for (const { guest, why } of groundsOf(directory, selfName)) {
    if (chosen.has(guest.vmid)) reasons.add(`${guestText(guest)}: ${why}.`)
    else if (guest.node === node) reasons.add(`${guestText(guest)}, which goes down with the node: ${why}.`)
  }
  return [...reasons]
}

function groundsOf(directory: Directory, selfName: string | undefined): readonly Ground[] {
  const { inventory } = directory
  const own = ownGuest(directory, selfName)
  const grounds: Ground[] = own === undefined ? [] : [{ guest: own, why: 'homelab itself runs on it' }]
  // With the one of the file that brought it in: a whole chain would be no sentence.
  const queue = inventory.bot.needs.map((name) => ({ name, through: name }))
  for (const entry of inventory.services) {
    if (own === undefined || !directory.guestsOf(entry).includes(own)) continue
    queue.push(...entry.needs.map((name) => ({ name, through: name })))
  }
  const seen = new Set<string>()
  for (const { name, through } of queue) {
    const entry = directory.service.get(lower(name))
    const called = entry?.name ?? name
    if (seen.has(lower(called))) continue
    seen.add(lower(called))
    const why =
      name === through ? `homelab needs ${called}` : `homelab needs ${through}, which needs ${called}`
    const guests = entry === undefined ? (directory.byName.get(lower(name)) ?? []) : directory.guestsOf(entry)
    grounds.push(...guests.map((guest) => ({ guest, why })))
    for (const need of entry?.needs ?? []) queue.push({ name: need, through })
  }
  return grounds
}

function ownGuest({ inventory, byVmid, byName }: Directory, selfName: string | undefined): Guest | undefined {
  const written = inventory.bot.guest
  if (typeof written === 'number') return byVmid.get(written)
  // A host name may be a full one; Proxmox calls the guest by its first part as a rule.
  const names = written === undefined ? [selfName ?? '', selfName?.split('.')[0] ?? ''] : [written]
  const found = names.map((name) => byName.get(lower(name))).find((guests) => guests?.length === 1)
  return found?.[0]?.template === true ? undefined : found?.[0]
}
