/** The Access applications, where Access is in use. */
import type { AccessApp, Cloudflare } from '../cloudflare/types.ts'
import { HomelabError, isHomelabError } from '../errors.ts'
import type { NetworkSettings } from '../inventory/network-schema.ts'

/** An account in which Zero Trust was never opened has no applications, and Cloudflare says so by refusing. */
const isNotSetUp = (error: unknown): boolean =>
  isHomelabError(error) && /not_enabled/.test(String(error.data?.text ?? ''))

/**
 * @param needed something is to be put behind Access
 * @throws HomelabError `config` when it is needed and not set up; `unauthorised` when the token may not see them, unless
 * homelab.yaml lets nobody in by Access anyway
 */
export async function appsIn(
  cloudflare: Pick<Cloudflare, 'accessApps'>,
  settings: NetworkSettings,
  needed: boolean,
  signal: AbortSignal,
): Promise<readonly AccessApp[]> {
  const unused = settings.access.allow.length === 0
  try {
    return await cloudflare.accessApps(signal)
  } catch (error) {
    if (isNotSetUp(error)) {
      if (!needed) return []
      throw new HomelabError('config', 'Cloudflare Access is not set up in this account.', {
        hint: 'Open Zero Trust once in the dashboard and give the organisation a name (free up to 50 people), or say `public:true`.',
        cause: error,
      })
    }
    const denied = isHomelabError(error) && error.code === 'unauthorised'
    if (denied && unused && !needed) return []
    throw error
  }
}
