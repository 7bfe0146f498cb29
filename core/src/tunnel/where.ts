/** Which tunnel, and where Traefik answers: out of the file, and of what is there. */
import type { Tunnel } from '../cloudflare/types.ts'
import { HomelabError } from '../errors.ts'
import type { TunnelSettings } from '../inventory/network-schema.ts'
import { didYouMean } from '../nearest.ts'
import type { Needed } from '../operation/types.ts'
import { addressOf } from './backend.ts'
import type { Network } from './types.ts'

/** @throws HomelabError `config` when a reload took it away */
export function tunnelSettings(network: Network): TunnelSettings {
  const { tunnel } = network.settings()
  if (tunnel !== undefined) return tunnel
  throw new HomelabError('config', 'homelab.yaml has no `network.tunnel` any more.')
}

/** @throws HomelabError `config` naming the tunnels that there are */
export async function tunnelOf(network: Network, signal: AbortSignal): Promise<Tunnel> {
  const { id, name } = tunnelSettings(network)
  if (id !== undefined) return await network.recent.tunnel(id, signal)
  const all = await network.recent.tunnels(signal)
  const found = name === undefined ? all : all.filter((tunnel) => tunnel.name === name)
  const [only, ...others] = found
  if (only !== undefined && others.length === 0) return only
  const names = all.map((tunnel) => tunnel.name)
  throw new HomelabError(
    'config',
    only === undefined
      ? `There is no tunnel${name === undefined ? '' : ` called "${name}"`} in the account.${didYouMean(name ?? '', names)}`
      : `${found.length} tunnels could be meant.`,
    {
      hint: 'Give `network.tunnel.id` in homelab.yaml; `cloudflared tunnel list` shows it.',
      data: { tunnels: names },
    },
  )
}

export interface Front {
  /** What a rule of the tunnel points to: as the connector reaches Traefik. */
  readonly origin: string
  /** As we reach it. */
  readonly probe: string
}

type Services = Needed<readonly ['lab', 'proxmox', 'network']>

/** @throws HomelabError `config` when Traefik's address is neither given nor known */
export async function frontOf({ lab, proxmox, network }: Services, signal: AbortSignal): Promise<Front> {
  const { tunnel, traefik } = network.settings()
  const { probe } = traefik
  const origin = tunnel?.origin
  if (origin !== undefined && probe !== undefined) return { origin, probe }
  const [target] = await lab.resolve([traefik.service], { signal })
  const address =
    target === undefined
      ? undefined
      : (target.service?.address ?? (await addressOf(target, { proxmox }, signal)))
  if (address === undefined)
    throw new HomelabError('config', 'It is not known where Traefik answers.', {
      hint: 'Set `network.tunnel.origin` and `network.traefik.probe` in homelab.yaml, such as http://192.168.1.101:80.',
    })
  const usual = `http://${address.includes(':') ? `[${address}]` : address}:80`
  return { origin: origin ?? usual, probe: probe ?? usual }
}
