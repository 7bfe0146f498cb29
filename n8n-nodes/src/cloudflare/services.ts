/** What the tunnel's operations need, made of a Cloudflare credential alone. One set for all items of an execution. */
import { createHash, randomBytes } from 'node:crypto'
import { HomelabError } from '@homelab/core'
import type { Cloudflare } from '@homelab/core/cloudflare'
import { emptyInventory } from '@homelab/core/inventory'
import { type HostnameServices, noTraefik } from '@homelab/core/operations/hostname'
import { createNetwork } from '@homelab/core/tunnel'
import { n8nClock } from '../clock.ts'

export const cloudflareServices = (cloudflare: Cloudflare): HostnameServices => ({
  clock: n8nClock,
  network: createNetwork({
    cloudflare,
    traefik: noTraefik,
    settings: () => emptyInventory().network,
    probe: {
      request: () =>
        Promise.reject(new HomelabError('config', 'Nothing is tried with this credential alone')),
    },
    clock: n8nClock,
    crypto: {
      random: (count) => new Uint8Array(randomBytes(count)),
      fingerprint: (text) => createHash('sha256').update(text).digest('hex'),
    },
  }),
})
