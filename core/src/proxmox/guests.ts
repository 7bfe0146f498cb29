import { HomelabError, isHomelabError } from '../errors.ts'
import type { Json } from '../operation/types.ts'
import type { Client } from './client.ts'
import { at, type Params } from './path.ts'
import { AgentInterfaces, Config, GuestState, LxcInterfaces, read } from './schemas.ts'
import type { GuestRef, GuestStatus, PowerAction, PowerOptions, PowerTarget } from './types.ts'
import { tryParseUpid } from './upid.ts'

const base = (guest: GuestRef): string => at`/nodes/${guest.node}/${guest.type}/${guest.vmid}`

// HA treats ignored guests as not its own.
export const isManaged = ({ hastate }: PowerTarget): boolean =>
  hastate !== undefined && hastate !== '' && hastate !== 'ignored'

/** Only what the API's schema has for this action: an unknown parameter is a 400. */
function powerParams(guest: PowerTarget, action: PowerAction, options: PowerOptions): Params {
  const { timeout, force } = options
  // "Not applicable for HA resources", says a 400.
  const overrule = isManaged(guest) ? undefined : options.overrule
  switch (action) {
    case 'start':
      return guest.type === 'qemu' ? { timeout } : {}
    case 'stop':
      return { 'overrule-shutdown': overrule, ...(guest.type === 'qemu' ? { timeout } : {}) }
    case 'shutdown':
      return { timeout, forceStop: force }
    case 'reboot':
      return { timeout }
  }
}

export async function power(
  client: Client,
  guest: PowerTarget,
  action: PowerAction,
  options: PowerOptions = {},
): Promise<string> {
  const path = `${base(guest)}/status/${action}`
  const { data } = await client.send('POST', path, powerParams(guest, action, options))
  const upid = tryParseUpid(data)
  if (upid !== undefined) return upid.text
  throw new HomelabError('failed', `Proxmox accepted ${action} of ${guest.name} but started no task`, {
    hint: 'Look at the guest: it may live on another node by now.',
    data: { path, answer: data === undefined ? null : data },
  })
}

/** `hastop` and `hastart` mean "requested"; reboot goes past HA. */
export function powerTask(guest: PowerTarget, action: PowerAction): string {
  if (isManaged(guest) && action !== 'reboot') return action === 'start' ? 'hastart' : 'hastop'
  return `${guest.type === 'lxc' ? 'vz' : 'qm'}${action}`
}

export async function guestStatus(
  client: Client,
  guest: GuestRef,
  signal?: AbortSignal,
): Promise<GuestStatus> {
  const path = `${base(guest)}/status/current`
  const state = read(GuestState, (await client.get(path, { signal })).data, path)
  return {
    status: state.qmpstatus === 'paused' ? 'paused' : state.status,
    uptime: state.uptime,
    ...(state.lock === undefined || state.lock === '' ? {} : { lock: state.lock }),
    ha: state.ha?.managed ?? false,
  }
}

export async function guestConfig(
  client: Client,
  guest: GuestRef,
  signal?: AbortSignal,
): Promise<Readonly<Record<string, Json>>> {
  const path = `${base(guest)}/config`
  return read(Config, (await client.get(path, { signal })).data, path)
}

const isUseful = (address: string): boolean =>
  address !== '::1' && !/^(127\.0\.0\.|fe80:|169\.254\.)/i.test(address)

/** An agent that is off or was never installed is no error, and neither is a stopped guest. */
const hasNoAddresses = (error: unknown): boolean =>
  isHomelabError(error) &&
  (error.code === 'conflict' ||
    /guest agent|not running|qmp command 'guest-\S+' failed/i.test(String(error.data?.text ?? '')))

export async function guestAddresses(
  client: Client,
  guest: GuestRef,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const lxc = guest.type === 'lxc'
  const path = `${base(guest)}/${lxc ? 'interfaces' : 'agent/network-get-interfaces'}`
  let data: unknown
  try {
    data = (await client.get(path, { signal })).data
  } catch (error) {
    if (hasNoAddresses(error)) return []
    throw error
  }
  // PVE answers null for a container without interfaces.
  if (data === null) return []
  const interfaces = lxc ? read(LxcInterfaces, data, path) : read(AgentInterfaces, data, path).result
  const addresses = interfaces
    .filter(({ name }) => name !== 'lo')
    .flatMap((card) => [
      card.inet,
      card.inet6,
      ...(card['ip-addresses'] ?? []).map((entry) => entry['ip-address']),
    ])
    .flatMap((address) => (address === undefined ? [] : [address.split('/')[0] ?? address]))
  return [...new Set(addresses)].filter(isUseful)
}
