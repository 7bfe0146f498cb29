/** The credential's own switches, for whatever uses it: n8n's HTTP Request node knows nothing of what our node refuses. */
import type { IHttpRequestOptions } from 'n8n-workflow'
import { isOn } from '../guard.ts'

export const CLOUDFLARE_API = 'https://api.cloudflare.com/client/v4'

interface Fields {
  readonly api?: unknown
  readonly readOnly?: unknown
}

/** Where the token goes; empty stands for Cloudflare itself. */
export const apiOf = ({ api }: Fields): string => {
  const typed = String(api ?? '').trim()
  return (typed === '' ? CLOUDFLARE_API : typed).replace(/\/+$/, '')
}

const reads: ReadonlySet<string> = new Set(['GET', 'HEAD'])

/** Why this request must not be sent with this credential; undefined when it may. */
export function misuse(credential: Fields, request: IHttpRequestOptions): string | undefined {
  const { baseURL, uri, url } = request as IHttpRequestOptions & { readonly uri?: unknown }
  const api = apiOf(credential)
  const address = String(url ?? uri ?? '')
  const whole = baseURL !== undefined && !/^[a-z]+:/i.test(address) ? `${baseURL}${address}` : address
  if (!URL.canParse(whole) || !URL.canParse(api) || new URL(whole).origin !== new URL(api).origin)
    return `The API token is sent to ${api} alone`
  if (!reads.has((request.method ?? 'GET').toUpperCase()) && isOn(credential.readOnly))
    return 'This is a change, and the credential is read-only'
  return undefined
}
