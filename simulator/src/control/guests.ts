import type { Guest } from '../lab/model.ts'
import { nameOf } from '../lab/model.ts'
import type { Sim } from '../sim.ts'

export const guestView = (guest: Guest): object => ({
  vmid: guest.vmid,
  type: guest.type,
  node: guest.node,
  name: nameOf(guest),
  state: guest.state,
  startedAt: guest.startedAt,
  lock: guest.lock ?? null,
  ha: guest.ha ?? null,
})

const isHaState = (value: unknown): value is NonNullable<Guest['ha']> =>
  value === 'started' || value === 'stopped' || value === 'disabled' || value === 'ignored'

/** A line that is null goes. */
function configure(guest: Guest, lines: object): void {
  for (const [key, line] of Object.entries(lines) as [string, unknown][]) {
    if (line === null) {
      delete guest.config[key]
      delete guest.pending?.[key]
    } else guest.config[key] = String(line)
  }
}

/**
 * Changes a guest behind everybody's back: `state`, `lock`, `ha`, `node`, `name`, lines of its `config`, the service that is
 * on its disk (`image`); `remove: true` takes it away.
 * @throws Error for an unknown guest or field
 */
export function changeGuest(sim: Sim, vmid: number, change: Readonly<Record<string, unknown>>): Guest {
  const guest = sim.lab.guests.get(vmid)
  if (!guest) throw new Error(`no guest ${vmid}`)
  for (const [name, value] of Object.entries(change)) {
    if (name === 'state' && (value === 'running' || value === 'stopped' || value === 'paused'))
      sim.lab.setState(guest, value)
    else if (name === 'lock' && (typeof value === 'string' || value === null)) guest.lock = value ?? undefined
    else if (name === 'ha' && (isHaState(value) || value === null)) guest.ha = value ?? undefined
    else if (name === 'image' && typeof value === 'string') guest.image = value
    else if (name === 'node' && typeof value === 'string' && sim.lab.node(value)) sim.lab.move(guest, value)
    else if (name === 'name' && typeof value === 'string')
      guest.config[guest.type === 'lxc' ? 'hostname' : 'name'] = value
    else if (name === 'config' && typeof value === 'object' && value !== null) configure(guest, value)
    else if (name === 'remove' && value === true) sim.lab.remove(guest)
    else throw new Error(`a guest cannot be given ${name}: ${JSON.stringify(value)}`)
  }
  sim.lab.touch()
  return guest
}
