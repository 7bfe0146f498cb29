/** The credential's own switches, for whatever uses it: n8n's HTTP Request node knows nothing of what our nodes refuse. */
import type { IHttpRequestOptions } from 'n8n-workflow'

/** A switch that protects: what is neither false nor absent protects, whatever it is. */
export const isOn = (value: unknown): boolean => value !== undefined && value !== false

interface Switches {
  readonly readOnly?: unknown
  readonly protectedVmids?: unknown
}

const reads: ReadonlySet<string> = new Set(['GET', 'HEAD'])

/**
 * Why this request must not be sent with this credential; undefined when it may. It goes by method and address: what is in a body
 * (a restore over a guest, a backup of one) only our own nodes understand.
 */
export function refusal(credential: Switches, request: IHttpRequestOptions): string | undefined {
  if (reads.has((request.method ?? 'GET').toUpperCase())) return undefined
  if (isOn(credential.readOnly)) return 'This is a change, and the credential is read-only'
  const words = String(credential.protectedVmids ?? '')
    .split(/[\s,;]+/)
    .filter((word) => word !== '')
  const wrong = words.find((word) => !/^[1-9]\d{2,8}$/.test(word))
  if (wrong !== undefined) return `"Protected VMIDs" of the credential has "${wrong}", which is no VMID`
  if (words.length === 0) return undefined
  const path = pathOf(request)
  if (path === undefined)
    return 'The address of this change cannot be read, and the credential protects guests'
  for (const [, vmid = ''] of path.matchAll(/\/(?:lxc|qemu)\/+0*(\d+)(?=\/|$)/g))
    if (words.includes(vmid)) return `This would change guest ${vmid}, which is protected in the credential`
  return undefined
}

/** As Proxmox reads it. The HTTP Request node says `uri` where others say `url`. */
function pathOf(request: IHttpRequestOptions & { readonly uri?: unknown }): string | undefined {
  try {
    const address = String(request.url ?? request.uri ?? '')
    return decodeURIComponent(new URL(address, request.baseURL ?? 'https://proxmox/').pathname)
  } catch {
    return undefined
  }
}
