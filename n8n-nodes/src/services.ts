/** What operations need, made of n8n's helpers and the credential. Nothing is kept between executions. */
import { Secret, type Services } from '@homelab/core'
import { createLab, emptyInventory } from '@homelab/core/inventory'
import { createProxmox } from '@homelab/core/proxmox'
import type { IExecuteFunctions, ILoadOptionsFunctions } from 'n8n-workflow'
import { n8nClock } from './clock.ts'
import { createHttp } from './http.ts'

/** The fields of the Proxmox VE credential. */
export interface ProxmoxCredential {
  readonly url: string
  readonly tokenId: string
  readonly tokenSecret: string
  readonly readOnly?: boolean
  readonly aiMayChange?: boolean
}

const proxmoxCredentialType = 'proxmoxVeApi'

export const proxmoxCredential = (
  context: Pick<IExecuteFunctions | ILoadOptionsFunctions, 'getCredentials'>,
): Promise<ProxmoxCredential> => context.getCredentials<ProxmoxCredential & object>(proxmoxCredentialType)

/** One set for all items of an execution, so that they share one look at the cluster. */
export function proxmoxServices(
  context: Pick<IExecuteFunctions | ILoadOptionsFunctions, 'helpers'>,
  credential: ProxmoxCredential,
): Pick<Services, 'lab' | 'proxmox' | 'health' | 'clock'> {
  const inventory = emptyInventory()
  const proxmox = createProxmox({
    http: createHttp(context, proxmoxCredentialType),
    clock: n8nClock,
    endpoints: [credential.url.trim()],
    auth: { kind: 'token', id: credential.tokenId.trim(), secret: new Secret(credential.tokenSecret) },
  })
  return {
    proxmox,
    lab: createLab({ inventory: () => inventory, proxmox, clock: n8nClock }),
    health: noHealth,
    clock: n8nClock,
  }
}

/** Without a homelab.yaml nothing says where a guest's service answers, or that n8n can reach it. */
const noHealth: Services['health'] = {
  check: () => Promise.resolve({ state: 'none', detail: 'no check known', ms: 0 }),
  knows: () => false,
}
