import type { Guest } from '@homelab/core/proxmox'
import type { Found, GuestMemory, TriggerEvent } from './types.ts'

/**
 * Guests whose state is another one than at the last look. A state that is not known (its node does not answer) is no
 * change: one node that is away would otherwise be a hundred guests that stopped.
 * @param before absent at the first look, which only learns
 */
export function changedGuests(guests: readonly Guest[], before: GuestMemory | undefined): Found<GuestMemory> {
  const memory: Record<string, string> = {}
  const events: TriggerEvent[] = []
  for (const guest of guests) {
    if (guest.template) continue
    const key = String(guest.vmid)
    const last = before?.[key]
    const now = guest.status === 'unknown' ? last : guest.status
    if (now === undefined) continue
    memory[key] = now
    if (last !== undefined && now !== last) events.push(guestEvent(guest, last, now))
  }
  return { memory, events }
}

export const guestEvent = (
  { vmid, name, type, node, tags }: Guest,
  from: string,
  to: string,
): TriggerEvent => ({
  event: 'guestStateChanged',
  vmid,
  name,
  type,
  node,
  from,
  to,
  tags: [...tags],
})
