/** Guests as the API shows them. */
import { createHash } from 'node:crypto'
import type { Guest, GuestState, GuestType } from '../lab/model.ts'
import { isManaged, nameOf } from '../lab/model.ts'
import { noise } from '../random.ts'
import type { Sim } from '../sim.ts'
import { die } from './error.ts'
import type { Values } from './params.ts'

/** @throws PveError 500 when no such guest of this kind is on the node: its file is what is missing */
export function guestOf(sim: Sim, type: GuestType, values: Values): Guest {
  const guest = sim.lab.guests.get(Number(values.vmid))
  if (guest?.type === type && guest.node === values.node) return guest
  const folder = type === 'lxc' ? 'lxc' : 'qemu-server'
  throw die(`Configuration file 'nodes/${values.node}/${folder}/${values.vmid}.conf' does not exist`)
}

/** Changes with the configuration; `PUT config` compares it. */
export const digestOf = (guest: Guest): string =>
  createHash('sha1')
    .update(JSON.stringify([guest.config, guest.pending, guest.lock, guest.snapshots]))
    .digest('hex')

export interface Usage {
  readonly cpu: number
  readonly mem: number
  readonly disk: number
  readonly uptime: number
  readonly netin: number
  readonly netout: number
  readonly diskread: number
  readonly diskwrite: number
}

const idle: Usage = { cpu: 0, mem: 0, disk: 0, uptime: 0, netin: 0, netout: 0, diskread: 0, diskwrite: 0 }

/** What it uses: steady for one round of collection, moving a little from one to the next. */
export function usageOf(
  guest: Guest,
  state: GuestState,
  startedAt: number,
  at: number,
  round: number,
): Usage {
  // Containers show their disk also when they are stopped; machines never know it.
  const disk = guest.type === 'lxc' ? Math.round(guest.load.disk) : 0
  if (state === 'stopped') return { ...idle, disk }
  const uptime = Math.max(0, Math.floor((at - startedAt) / 1000))
  const wave = 0.7 + 0.6 * noise(guest.vmid, round)
  const rate = 2_000 + noise(guest.vmid, 3) * 90_000
  return {
    cpu: guest.load.cpu * wave,
    mem: Math.min(guest.maxmem, Math.round(guest.load.mem * (0.95 + 0.1 * noise(round, guest.vmid)))),
    disk,
    uptime,
    netin: Math.round(uptime * rate),
    netout: Math.round(uptime * rate * 0.6),
    diskread: Math.round(uptime * rate * 0.8),
    diskwrite: Math.round(uptime * rate * 0.3),
  }
}

/** One row of the guest lists and `status/current`: live, not as last collected. */
export function statusOf(sim: Sim, guest: Guest): Record<string, unknown> {
  const usage = usageOf(guest, guest.state, guest.startedAt, sim.clock.now(), sim.lab.round())
  const running = guest.state !== 'stopped'
  const shared = {
    ...usage,
    vmid: guest.vmid,
    name: nameOf(guest),
    status: running ? 'running' : 'stopped',
    cpus: guest.maxcpu,
    maxmem: guest.maxmem,
    maxdisk: guest.maxdisk,
    ...(guest.template && { template: 1 }),
    ...(guest.lock && { lock: guest.lock }),
    ...(guest.config.tags && { tags: guest.config.tags }),
    ...(running && { pid: 2_000 + guest.vmid * 3 }),
  }
  if (guest.type === 'lxc') return { ...shared, type: 'lxc', maxswap: 512 * 1024 * 1024, swap: 0 }
  return { ...shared, qmpstatus: guest.state }
}

export const haOf = (guest: Guest): Record<string, unknown> =>
  isManaged(guest) ? { managed: 1, state: guest.ha } : { managed: 0 }
