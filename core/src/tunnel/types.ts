/** What operations on the way in from outside are given. */
import type { Cloudflare } from '../cloudflare/types.ts'
import type { NetworkSettings } from '../inventory/network-schema.ts'
import type { Needed } from '../operation/types.ts'
import type { Http } from '../ports.ts'
import type { Traefik } from '../traefik/types.ts'

/** The platform's cryptography: nothing here may come from Math.random. */
export interface Crypto {
  random(bytes: number): Uint8Array
  /** Of a secret, to see later whether it is still the same: one way, as SHA-256 in hex. */
  fingerprint(text: string): string
}

/** Present when homelab.yaml has a tunnel with an account, an id or a name, and a token. */
export interface Network {
  /** Every read is a call. */
  readonly cloudflare: Cloudflare
  /** The same; a read may be some seconds old, unless something was written since from here. For plans. */
  readonly recent: Cloudflare
  readonly traefik: Traefik
  settings(): NetworkSettings
  /** For trying a route, here and from outside: accepts any certificate, carries no secret, follows no redirect. */
  readonly probe: Http
  readonly crypto: Crypto
}

/** What exposing and taking back need. */
export const networkNeeds = ['lab', 'proxmox', 'health', 'shells', 'clock', 'network'] as const
export type NetworkServices = Needed<typeof networkNeeds>
