/** For whom there is Cloudflare alone: no homelab.yaml says which tunnel, and there is no Traefik. Each input names its own. */
import { HomelabError } from '../../errors.ts'
import type { NetworkSettings } from '../../inventory/network-schema.ts'
import type { Needed } from '../../operation/types.ts'
import type { Traefik } from '../../traefik/types.ts'
import type { NetworkServices } from '../../tunnel/types.ts'

export const hostnameNeeds = ['network', 'clock'] as const
export type HostnameServices = Needed<typeof hostnameNeeds>

/** What an input adds to the settings. */
export interface Own {
  /** Its id or its name. */
  readonly tunnel: string
  readonly domain?: string | undefined
  /** What its rules lead to. */
  readonly origin?: string | undefined
  readonly access?: Pick<NetworkSettings['access'], 'allow' | 'session'>
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** The same services, for the tunnel of one input. */
export function ofTunnel(
  { network, clock }: HostnameServices,
  { tunnel, domain, origin, access }: Own,
): HostnameServices {
  const before = network.settings()
  const settings: NetworkSettings = {
    ...before,
    ...(domain === undefined ? {} : { domain }),
    tunnel: {
      api: '',
      ...(uuid.test(tunnel) ? { id: tunnel.toLowerCase() } : { name: tunnel }),
      ...(origin === undefined ? {} : { origin }),
    },
    // Nothing is ever asked there: given, so that nobody looks for where Traefik is.
    traefik: { ...before.traefik, probe: 'http://127.0.0.1' },
    access: { ...before.access, ...access },
  }
  return { clock, network: { ...network, settings: () => settings } }
}

/** Of the tunnel's own functions: without a homelab.yaml they touch nothing but the network and the clock. */
export const forTunnel = (services: HostnameServices): NetworkServices => ({
  ...services,
  ...({ lab: nowhere } as unknown as Omit<NetworkServices, keyof HostnameServices>),
})

/** Nothing is known of guests, so that what only a homelab.yaml could tell is left out. */
const nowhere = {
  resolve: () => Promise.reject(new HomelabError('not-found', 'No guest is known here.')),
}

const absent = (): Promise<never> =>
  Promise.reject(new HomelabError('config', 'There is no Traefik here, but Cloudflare alone.'))

/** Nothing of it is seen, and nothing changed. */
export const noTraefik: Traefik = {
  routers: async () => [],
  services: async () => [],
  entryPoints: async () => [],
  middlewares: async () => [],
  files: async () => [],
  read: async () => undefined,
  version: absent,
  put: absent,
  wait: absent,
  gone: absent,
  remove: absent,
  restore: absent,
}
