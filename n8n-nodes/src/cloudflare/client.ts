/** The Cloudflare client of a credential, by itself: the editor's list of tunnels needs no more. */
import { HomelabError } from '@homelab/core'
import { type Cloudflare, createCloudflare } from '@homelab/core/cloudflare'
import type { IExecuteFunctions, ILoadOptionsFunctions } from 'n8n-workflow'
import { n8nClock } from '../clock.ts'
import { createHttp, type HttpContext } from '../http.ts'
import type { Rights } from '../rights.ts'
import { apiOf } from './misuse.ts'

/** The fields of the Cloudflare Tunnel credential. */
export interface CloudflareCredential extends Rights {
  readonly token: string
  readonly account: string
  readonly api?: string
}

const credentialType = 'cloudflareTunnelApi'

type Context = Pick<IExecuteFunctions | ILoadOptionsFunctions, 'getCredentials'>

export const cloudflareCredential = (context: Context): Promise<CloudflareCredential> =>
  context.getCredentials<CloudflareCredential & object>(credentialType)

/** @throws HomelabError `config` for an account that is none, before its id is part of an address */
export function cloudflareClient(context: HttpContext, credential: CloudflareCredential): Cloudflare {
  const account = credential.account.trim()
  if (!/^[0-9a-f]{32}$/i.test(account)) {
    throw new HomelabError('config', '"Account ID" of the credential is none: it has 32 digits and letters', {
      hint: 'It is in the address of the dashboard, behind dash.cloudflare.com/.',
    })
  }
  return createCloudflare({
    // n8n signs the requests by the credential.
    http: createHttp(context, credentialType),
    clock: n8nClock,
    account,
    api: apiOf(credential),
  })
}
