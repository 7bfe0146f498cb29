/** Lists of guests, their status, configuration, addresses and history. */
import type { Guest, GuestType } from '../../lab/model.ts'
import { badParameters, die, PveError } from '../error.ts'
import { digestOf, guestOf, haOf, statusOf, usageOf } from '../guests.ts'
import type { Params } from '../params.ts'
import { flag, maybe, oneOf, text, whole } from '../params.ts'
import type { Call, Route } from '../route.ts'
import { permit } from '../route.ts'
import { history } from './rrd.ts'

const audit = { path: '/vms/{vmid}', privs: ['VM.Audit'] }
const CONFIG: Readonly<Record<GuestType, readonly string[]>> = {
  lxc: ['VM.Config.Disk', 'VM.Config.CPU', 'VM.Config.Memory', 'VM.Config.Network', 'VM.Config.Options'],
  qemu: [
    'VM.Config.Disk',
    'VM.Config.CDROM',
    'VM.Config.CPU',
    'VM.Config.Memory',
    'VM.Config.Network',
    'VM.Config.HWType',
    'VM.Config.Options',
    'VM.Config.Cloudinit',
  ],
}
const NUMBERS = [
  'cores',
  'memory',
  'swap',
  'sockets',
  'onboot',
  'unprivileged',
  'template',
  'protection',
  'cpulimit',
  'cpuunits',
]

/** Proxmox answers numbers for what its schema calls numbers, and text for the rest. */
function configView(guest: Guest, config: Readonly<Record<string, string>>): Record<string, unknown> {
  const view = Object.fromEntries(
    Object.entries(config).map(([name, value]) => [
      name,
      NUMBERS.includes(name) && guest.type === 'lxc' ? Number(value) : value,
    ]),
  )
  return { ...view, ...(guest.lock && { lock: guest.lock }), digest: digestOf(guest) }
}

const shared: Params = {
  delete: maybe(text),
  description: maybe(text),
  digest: maybe(text),
  'net[n]': maybe(text),
  nameserver: maybe(text),
  onboot: flag,
  protection: flag,
  searchdomain: maybe(text),
  startup: maybe(text),
  tags: maybe(text),
}

export const lxcConfig: Params = {
  ...shared,
  cores: whole(1, 8192),
  cpulimit: maybe({ type: 'number', minimum: 0, maximum: 8192 }),
  cpuunits: whole(0, 500_000),
  'dev[n]': maybe(text),
  features: maybe(text),
  hookscript: maybe(text),
  hostname: maybe(text),
  memory: whole(16),
  'mp[n]': maybe(text),
  rootfs: maybe(text),
  swap: whole(0),
  timezone: maybe(text),
  unprivileged: flag,
}

const qemuConfig: Params = {
  ...shared,
  cores: whole(1),
  cpulimit: maybe({ type: 'number', minimum: 0, maximum: 128 }),
  cpuunits: whole(1, 262_144),
  agent: maybe(text),
  balloon: whole(0),
  boot: maybe(text),
  memory: maybe(text),
  name: maybe(text),
  sockets: whole(1),
}

/**
 * What only root@pam may set, and no token of it: mounts of host paths, devices, hook scripts,
 * features other than nesting, any feature of a privileged container.
 */
export function rootOnly(
  caller: { readonly id: string },
  values: Readonly<Record<string, string>>,
  unprivileged: boolean,
): void {
  if (caller.id === 'root@pam') return
  for (const [name, value] of Object.entries(values)) {
    if (/^mp\d+$/.test(name) && value.startsWith('/')) {
      throw new PveError(403, `Permission check failed (mount point type bind is only allowed for root@pam)`)
    }
    if (/^dev\d+$/.test(name)) throw badParameters({ [name]: 'Only root may set this option.' })
    if (name === 'hookscript')
      throw new PveError(403, 'Permission check failed (changing hookscript is only allowed for root@pam)')
    if (name === 'features') {
      const other = value.split(',').filter((part) => part !== '' && !/^nesting=[01]$/.test(part))
      if (!unprivileged)
        throw new PveError(
          403,
          'Permission check failed (changing feature flags for privileged container is only allowed for root@pam)',
        )
      if (other.length > 0)
        throw new PveError(
          403,
          'Permission check failed (changing feature flags (except nesting) is only allowed for root@pam)',
        )
    }
  }
}

async function update(call: Call, guest: Guest): Promise<void> {
  const { sim, values, caller } = call
  const { node: _node, vmid: _vmid, digest, delete: gone, ...changes } = values
  rootOnly(caller, changes, guest.config.unprivileged === '1')
  const fail = (error: unknown) => {
    throw die(error instanceof Error ? error.message : String(error))
  }
  const release = await sim.power.acquire(guest).catch(fail)
  try {
    if (guest.lock) throw die(`${guest.type === 'lxc' ? 'CT' : 'VM'} is locked (${guest.lock})`)
    if (digest !== undefined && digest !== digestOf(guest)) {
      throw die('detected modified configuration - file changed by other user? Try again.')
    }
    guest.config = { ...guest.config, ...changes }
    for (const name of gone?.split(/[,;\s]+/) ?? []) delete guest.config[name]
    sim.lab.touch()
    sim.journal.change(guest.vmid, 'config')
  } finally {
    release()
  }
}

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
    path: `/nodes/{node}/${type}/{vmid}/config`,
    params: { current: flag, snapshot: maybe({ type: 'string', format: 'configid' }) },
    allow: audit,
    handle: ({ sim, values }) => {
      const guest = guestOf(sim, type, values)
      const wanted = values.snapshot
      if (wanted === undefined) return configView(guest, guest.config)
      const snapshot = guest.snapshots.find(({ name }) => name === wanted)
      if (!snapshot) throw die(`snapshot '${wanted}' does not exist`)
      return configView(guest, snapshot.config)
    },
  },
  {
    verb: 'PUT',
    path: `/nodes/{node}/${type}/{vmid}/config`,
    params: type === 'lxc' ? lxcConfig : qemuConfig,
    allow: { path: '/vms/{vmid}', privs: CONFIG[type], any: true },
    handle: async (call) => {
      await update(call, guestOf(call.sim, type, call.values))
      return null
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
