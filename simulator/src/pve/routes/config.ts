/** A guest's configuration: reading it, and changing it under its lock. */
import { fit } from '../../lab/lab.ts'
import type { Guest, GuestType } from '../../lab/model.ts'
import { die } from '../error.ts'
import { digestOf, guestOf } from '../guests.ts'
import type { Params } from '../params.ts'
import { flag, maybe, text, whole } from '../params.ts'
import type { Call, Route } from '../route.ts'
import { configPrivileges, mayChange } from './config-rights.ts'

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
  const lines = Object.entries(config)
  const view = Object.fromEntries(
    lines
      .filter(([name]) => !name.startsWith('lxc.'))
      .map(([name, value]) => [name, NUMBERS.includes(name) && guest.type === 'lxc' ? Number(value) : value]),
  )
  // Raw lines may come more than once.
  const raw = lines
    .filter(([name]) => name.startsWith('lxc.'))
    .flatMap(([name, value]) => value.split('\n').map((each) => [name, each]))
  return {
    ...view,
    ...(raw.length > 0 && { lxc: raw }),
    ...(guest.lock && { lock: guest.lock }),
    digest: digestOf(guest),
  }
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
  hostname: maybe({ type: 'string', format: 'dns-name' }),
  memory: whole(16),
  'mp[n]': maybe(text),
  rootfs: maybe(text),
  swap: whole(0),
  timezone: maybe(text),
  unprivileged: flag,
}

/** pve-qm-ipconfig: a gateway goes with an address. */
const ipConfig =
  /^(?=.*\bip=|(?!.*\bgw=))(?=.*\bip6=|(?!.*\bgw6=))(?:(?:^|,)(?:ip=(?:dhcp|[\d.]+\/\d+)|gw=[\d.]+|ip6=(?:auto|dhcp|[\da-fA-F:.]+\/\d+)|gw6=[\da-fA-F:.]+))+$/

export const qemuConfig: Params = {
  ...shared,
  cores: whole(1),
  cpulimit: maybe({ type: 'number', minimum: 0, maximum: 128 }),
  cpuunits: whole(1, 262_144),
  agent: maybe(text),
  balloon: whole(0),
  ciuser: maybe(text),
  'ipconfig[n]': maybe({ type: 'string', pattern: ipConfig }),
  sshkeys: maybe({ type: 'string', pattern: /^[-%a-zA-Z0-9_.!~*'()]*$/ }),
  boot: maybe(text),
  memory: maybe(text),
  name: maybe({ type: 'string', format: 'dns-name' }),
  sockets: whole(1),
}

const split = (list: string | undefined): readonly string[] => (list ?? '').split(/[,;\s]+/).filter(Boolean)

async function update(call: Call, guest: Guest): Promise<void> {
  const { sim, values, caller } = call
  const { node: _node, vmid: _vmid, digest, delete: gone, ...changes } = values
  mayChange(sim, caller, guest, { ...changes, ...Object.fromEntries(split(gone).map((name) => [name, ''])) })
  const fail = (error: unknown) => {
    throw die(error instanceof Error ? error.message : String(error))
  }
  const release = await sim.power.acquire(guest).catch(fail)
  try {
    if (guest.lock) throw die(`${guest.type === 'lxc' ? 'CT' : 'VM'} is locked (${guest.lock})`)
    if (digest !== undefined && digest !== digestOf(guest)) {
      throw die('detected modified configuration - file changed by other user? Try again.')
    }
    if (guest.type === 'qemu') checkBalloon({ ...guest.config, ...guest.pending }, changes)
    const later = Object.entries(changes).filter(([name]) => waits(guest, name))
    guest.config = {
      ...guest.config,
      ...Object.fromEntries(Object.entries(changes).filter(([name]) => !waits(guest, name))),
    }
    if (later.length > 0) guest.pending = { ...guest.pending, ...Object.fromEntries(later) }
    for (const name of split(gone)) delete guest.config[name]
    if (later.length === 0) fit(guest)
    sim.lab.touch()
    sim.journal.change(guest.vmid, 'config')
  } finally {
    release()
  }
}

/** @throws PveError as PVE's update_vm, of `balloon` and `memory` alone */
function checkBalloon(
  before: Readonly<Record<string, string>>,
  { memory, balloon }: Readonly<Record<string, string | undefined>>,
): void {
  if (memory === undefined && balloon === undefined) return
  const most = Number(/\d+/.exec(memory ?? before.memory ?? '')?.[0] ?? 512)
  if (Number(balloon ?? before.balloon ?? 0) > most)
    throw die('balloon value too large (must be smaller than assigned memory)')
}

/** Without hotplug a running machine has these as it was started with. */
const waits = (guest: Guest, name: string): boolean =>
  guest.type === 'qemu' && guest.state !== 'stopped' && /^(cores|sockets|memory|balloon)$/.test(name)

const one = (type: GuestType): readonly Route[] => [
  {
    verb: 'GET',
    path: `/nodes/{node}/${type}/{vmid}/config`,
    params: { current: flag, snapshot: maybe({ type: 'string', format: 'configid' }) },
    allow: { path: '/vms/{vmid}', privs: ['VM.Audit'] },
    handle: ({ sim, values }) => {
      const guest = guestOf(sim, type, values)
      const wanted = values.snapshot
      if (wanted === undefined)
        return configView(
          guest,
          values.current === '1' ? guest.config : { ...guest.config, ...guest.pending },
        )
      const snapshot = guest.snapshots.find(({ name }) => name === wanted)
      if (!snapshot) throw die(`snapshot '${wanted}' does not exist`)
      return configView(guest, snapshot.config)
    },
  },
  {
    verb: 'PUT',
    path: `/nodes/{node}/${type}/{vmid}/config`,
    params: type === 'lxc' ? lxcConfig : qemuConfig,
    allow: { path: '/vms/{vmid}', privs: configPrivileges[type], any: true },
    handle: async (call) => {
      await update(call, guestOf(call.sim, type, call.values))
      return null
    },
  },
]

export const configRoutes: readonly Route[] = [...one('lxc'), ...one('qemu')]
