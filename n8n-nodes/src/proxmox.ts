/** The Proxmox client of a credential, by itself: the editor's lists need no more, and wait for nothing else to be loaded. */
import { Secret } from '@homelab/core'
import { createProxmox, type Proxmox } from '@homelab/core/proxmox'
import type { IExecuteFunctions, ILoadOptionsFunctions } from 'n8n-workflow'
import { n8nClock } from './clock.ts'
import { createHttp, type HttpContext } from './http.ts'
import type { Rights } from './rights.ts'

/** The fields of the Proxmox VE credential. */
export interface ProxmoxCredential extends Rights {
  readonly url: string
  readonly tokenId: string
  readonly tokenSecret: string
}

const credentialType = 'proxmoxVeApi'

type Context = Pick<IExecuteFunctions | ILoadOptionsFunctions, 'getCredentials'>

export const proxmoxCredential = (context: Context): Promise<ProxmoxCredential> =>
  context.getCredentials<ProxmoxCredential & object>(credentialType)

export const proxmoxClient = (
  context: HttpContext,
  { url, tokenId, tokenSecret }: Pick<ProxmoxCredential, 'url' | 'tokenId' | 'tokenSecret'>,
): Proxmox =>
  createProxmox({
    http: createHttp(context, credentialType),
    clock: n8nClock,
    endpoints: [url.trim()],
    auth: { kind: 'token', id: tokenId.trim(), secret: new Secret(tokenSecret) },
  })
