import type { Json } from '@homelab/core'
import { tokenWarning } from '@homelab/core/operations/hostname'
import type { Overrides } from '../../src/overrides.ts'

const tunnel = { search: { method: 'searchTunnels', noun: 'tunnel', id: 'c1744f8b-…', name: 'homelab' } }
const hostname = { displayName: 'Host Name', example: 'jellyfin.example.com' }

const alarmed = ({ alarms }: Readonly<Record<string, Json>>): string | undefined =>
  Array.isArray(alarms) && alarms.length > 0
    ? `Another writer was at the tunnel's rules: ${alarms.join(' ')}`
    : undefined

export const overrides: Overrides = {
  resources: { hostname: 'Host Name', dns: 'DNS Record' },
  operations: {
    'hostname.list': {
      name: 'Get Many',
      action: 'Get many host names of a tunnel',
      records: 'rows',
      fields: { tunnel },
      warning: ({ accessSeen }) =>
        accessSeen === false ? 'The token may not look at Access: who has to log in is not known' : undefined,
    },
    'hostname.add': {
      action: 'Add a host name to a tunnel',
      // For everyone, and while the tunnel is down.
      mayAsk: true,
      warning: alarmed,
      fields: {
        tunnel,
        hostname,
        service: { displayName: 'Service URL', example: 'http://192.168.1.101:80' },
        allow: {
          prominent: true,
          example: 'me@example.com',
          description:
            'Who may log in: e-mail addresses, domains of them such as example.com, or IDs of Access groups',
        },
        public: { prominent: true },
        down: { displayName: 'Although Down' },
        label: { example: 'jellyfin' },
      },
    },
    'hostname.remove': {
      name: 'Remove',
      action: 'Remove a host name from a tunnel',
      mayAsk: true,
      warning: alarmed,
      fields: { tunnel, hostname },
    },
    'dns.list': {
      name: 'Get Many',
      action: 'Get many DNS records',
      records: 'records',
      fields: {
        tunnel,
        domain: { example: 'example.com' },
        text: { displayName: 'Contains', example: 'jellyfin' },
      },
    },
    'connector.list': {
      name: 'Get Many',
      action: 'Get many connectors of a tunnel',
      records: 'connectors',
      fields: { tunnel },
    },
    'tunnel.list': { name: 'Get Many', action: 'Get many tunnels', records: 'tunnels' },
    'tunnel.status': { name: 'Get Status', action: 'Get the status of a tunnel', fields: { tunnel } },
    'tunnel.drift': {
      name: 'Find Drift',
      action: 'Find drift of a tunnel',
      records: 'rows',
      fields: {
        tunnel,
        public: { displayName: 'Public Host Names', prominent: true, example: 'jellyfin.example.com' },
        hostnames: { displayName: 'Host Names', example: 'jellyfin.example.com' },
        domain: { example: 'example.com' },
      },
    },
    'tunnel.rotate': {
      name: 'Rotate Secret',
      action: 'Rotate the secret of a tunnel',
      warning: ({ token }) => (token === '[redacted]' ? undefined : tokenWarning),
      fields: {
        tunnel,
        return: { displayName: 'Return Token', prominent: true },
        drop: { displayName: 'Drop Connections', prominent: true },
      },
    },
  },
}
