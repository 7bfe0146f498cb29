/** Where a record leads, in words of a row. Pure. */
import type { DnsRecord } from '../cloudflare/types.ts'
import { isUp } from './checks.ts'
import { recordText, tunnelOfRecord } from './ownership.ts'
import type { Seen } from './seen.ts'

/** `elsewhere`: to no tunnel. `dead`: to one that is not in the account. `other`: to another one of it. `idle`: here, and nowhere, for it is not proxied. */
export interface Led {
  readonly to: 'here' | 'idle' | 'elsewhere' | 'dead' | 'other'
  readonly kind: 'dns-unproxied' | 'dns-elsewhere' | 'dns-dead-tunnel' | 'dns-other-tunnel' | undefined
  readonly there: string
  /** Whether the other tunnel is connected. */
  readonly up: boolean
}

export function ledBy(record: DnsRecord, { tunnel, tunnels }: Pick<Seen, 'tunnel' | 'tunnels'>): Led {
  const leads = tunnelOfRecord(record)
  if (leads === undefined)
    return { to: 'elsewhere', kind: 'dns-elsewhere', there: recordText(record), up: false }
  if (leads === tunnel.id.toLowerCase())
    return record.proxied
      ? { to: 'here', kind: undefined, there: `a record to the tunnel ${tunnel.name}`, up: isUp(tunnel) }
      : {
          to: 'idle',
          kind: 'dns-unproxied',
          there: 'a record that is not proxied: it leads nowhere',
          up: false,
        }
  const other = tunnels.find(({ id }) => id.toLowerCase() === leads)
  if (other === undefined)
    return {
      to: 'dead',
      kind: 'dns-dead-tunnel',
      there: `a record to a tunnel that is not in the account (${leads})`,
      up: false,
    }
  return {
    to: 'other',
    kind: 'dns-other-tunnel',
    there: `a record to the tunnel ${other.name}, which is ${other.status}`,
    up: isUp(other),
  }
}
