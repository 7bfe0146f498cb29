/** What a finding is about, by the names of the lab. */
import type { Guest, ServiceRow } from '@homelab/core'
import type { About, Severity } from '@homelab/core/alerts'

/** What everything else stands on. */
const CORE = 'core'

/** With the service where there is one only: of several on a guest it cannot be said which. */
export function aboutGuest({ vmid, name, node }: Guest, rows: readonly ServiceRow[]): About {
  const own = rows.filter(({ target }) => target?.service !== undefined && target.guest.vmid === vmid)
  const stacks = new Set(own.map(({ stack }) => stack))
  const [stack = ''] = stacks
  const [only] = own
  return {
    vmid,
    guest: name,
    node,
    ...(own.length === 1 && only !== undefined ? { service: only.name } : {}),
    ...(stacks.size === 1 && stack !== '' ? { stack } : {}),
  }
}

/** What a missing guest or service is worth waking somebody for. */
export const severityOf = ({ stack }: About): Severity =>
  stack?.toLowerCase() === CORE ? 'critical' : 'warning'
