/** Lists of guests, their status, addresses and history. */
import type { GuestType } from '../../lab/model.ts'
import { die } from '../error.ts'
import { guestOf, haOf, statusOf, usageOf } from '../guests.ts'
import { flag, maybe, oneOf } from '../params.ts'
import type { Route } from '../route.ts'
import { permit } from '../route.ts'
import { history } from './rrd.ts'

const audit = { path: '/vms/{vmid}', privs: ['VM.Audit'] }
const one = (type: GuestType): readonly Route[] => [
  {
    verb: 'GET',
    path: `/nodes/{node}/${type}`,
    ...(type === 'qemu' && { params: { full: flag } }),
    allow: 'all',
    handle: ({ sim, caller, values }) =>
      sim.faults.empty
        ? []
        : [...sim.lab.guests.values()]
            .filter(
              (guest) =>
                guest.type === type &&
                guest.node === values.node &&
                sim.access.may(caller, `/vms/${guest.vmid}`, ['VM.Audit']),
            )
            .map((guest) => statusOf(sim, guest)),
  },
  {
    verb: 'GET',
    path: `/nodes/{node}/${type}/{vmid}/status/current`,
    allow: audit,
    handle: ({ sim, values }) => {
      const guest = guestOf(sim, type, values)
      return {
        ...statusOf(sim, guest),
        ha: haOf(guest),
        ...(type === 'qemu' && guest.config.agent && { agent: 1 }),
      }
    },
  },
  {
    verb: 'GET',
    path: `/nodes/{node}/${type}/{vmid}/rrddata`,
    params: { timeframe: oneOf('hour', 'day', 'week', 'month', 'year'), cf: maybe(oneOf('AVERAGE', 'MAX')) },
    allow: audit,
    handle: ({ sim, values }) => {
      const guest = guestOf(sim, type, values)
      return history(
        sim,
        values.timeframe ?? 'hour',
        sim.lab.node(guest.node)?.bootedAt ?? 0,
        (at, round) => {
          const { uptime: _uptime, ...usage } = usageOf(guest, guest.state, guest.startedAt, at, round)
          return { ...usage, maxcpu: guest.maxcpu, maxmem: guest.maxmem, maxdisk: guest.maxdisk }
        },
      )
    },
  },
]

export const guestRoutes: readonly Route[] = [
  ...one('lxc'),
  ...one('qemu'),
  {
    verb: 'GET',
    path: '/nodes/{node}/lxc/{vmid}/interfaces',
    allow: audit,
    handle: ({ sim, values }) => {
      const guest = guestOf(sim, 'lxc', values)
      // A container that is down has no network namespace to look into.
      if (guest.state !== 'running') return null
      const hwaddr = (/hwaddr=([0-9A-F:]+)/.exec(guest.config.net0 ?? '')?.[1] ?? '').toLowerCase()
      const link = (name: string, mac: string, inet: string, prefix: number) => ({
        name,
        hwaddr: mac,
        'hardware-address': mac,
        inet: `${inet}/${prefix}`,
        'ip-addresses': [{ 'ip-address': inet, 'ip-address-type': 'inet', prefix }],
      })
      return [link('lo', '00:00:00:00:00:00', '127.0.0.1', 8), link('eth0', hwaddr, guest.ip, 24)]
    },
  },
  {
    verb: 'GET',
    path: '/nodes/{node}/qemu/{vmid}/agent/network-get-interfaces',
    // PVE 9 has no VM.Monitor any more.
    allow: 'all',
    handle: ({ sim, caller, values }) => {
      permit(sim, caller, `/vms/${values.vmid}`, [
        sim.options.pve >= '9' ? 'VM.GuestAgent.Audit' : 'VM.Monitor',
      ])
      const guest = guestOf(sim, 'qemu', values)
      if (guest.state !== 'running') throw die(`VM ${guest.vmid} is not running`)
      if (!guest.config.agent) throw die('No QEMU guest agent configured')
      const link = (name: string, address: string, prefix: number) => ({
        name,
        'hardware-address': '00:00:00:00:00:00',
        'ip-addresses': [{ 'ip-address': address, 'ip-address-type': 'ipv4', prefix }],
      })
      return { result: [link('lo', '127.0.0.1', 8), link('enp0s18', guest.ip, 24)] }
    },
  },
]
