import { z } from 'zod'
import { parseDuration } from '../../duration.ts'
import { defineOperation } from '../../operation/define.ts'
import { planExposure, runExposure } from '../../tunnel/expose.ts'
import { networkNeeds } from '../../tunnel/types.ts'
import type { Wanted } from '../../tunnel/wanted.ts'
import { alarmSections, forInput, mindSections } from './inputs.ts'

const input = z.object({
  service: z.string().min(1).describe('Service to expose').meta({ suggest: 'services' }),
  hostname: z
    .string()
    .max(300)
    .optional()
    .describe('Host name; default: that of the file, else the service under the domain'),
  public: z.boolean().optional().describe('Without Access; default: as the file says, else behind Access'),
  for: forInput.describe('Take it back by itself after this long: 4h, 2d'),
  down: z.boolean().default(false).describe('Although its backend or the tunnel is down'),
})

const wantedOf = ({ for: length, ...rest }: z.infer<typeof input>): Wanted => ({
  ...rest,
  forMs: length === undefined ? undefined : parseDuration(length),
})

export const tunnelExpose = defineOperation({
  id: 'tunnel.expose',
  chat: 'tunnel expose',
  title: 'Expose a service',
  description:
    'Makes it reachable from the internet through Traefik and the Cloudflare tunnel: Access, Traefik, a try in the lab, the rule of the tunnel, DNS last, a try from outside. Whole or not at all.',
  risk: 'change',
  permission: 'admin',
  input,
  output: z.object({
    service: z.string(),
    title: z.string(),
    hostname: z.string(),
    url: z.string(),
    public: z.boolean(),
    /** ISO 8601. */
    until: z.string().optional(),
    /** As a visitor meets it: `unseen` when it could not be asked from here. */
    outside: z.enum(['answers', 'login', 'wrong', 'unseen']),
    detail: z.string(),
    changed: z.boolean(),
    warnings: z.array(z.string()).readonly(),
    /** Another writer was at the tunnel's rules at the same time. */
    alarms: z.array(z.string()).readonly(),
  }),
  positional: ['service', 'hostname'],
  examples: [
    'tunnel expose jellyfin',
    'tunnel expose grafana for:4h',
    'tunnel expose n8n hooks.harmeetrai.com public:true',
  ],
  needs: networkNeeds,
  plan: (wanted, services, { signal }) => planExposure(wantedOf(wanted), services, signal),
  run: (wanted, services, verbs) => runExposure(wantedOf(wanted), services, verbs),
  card: ({
    service,
    title,
    hostname,
    url,
    public: open,
    until,
    outside,
    detail,
    changed,
    warnings,
    alarms,
  }) => ({
    title: changed ? `${title} is exposed` : `${title} was exposed already`,
    tone: alarms.length > 0 ? 'error' : outside === 'answers' || outside === 'login' ? 'ok' : 'warning',
    text: url,
    sections: [
      {
        kind: 'fields',
        fields: [
          { name: 'For', value: open ? 'everyone' : 'who may log in at Access' },
          { name: 'From outside', value: detail },
          ...(until === undefined
            ? []
            : [{ name: 'Until', value: `${until.slice(0, 10)} ${until.slice(11, 16)} UTC` }]),
        ],
      },
      ...alarmSections(alarms),
      ...mindSections(warnings),
    ],
    buttons: [
      {
        label: 'Take it back',
        style: 'danger',
        action: { kind: 'command', text: `tunnel unexpose ${hostname}` },
      },
      { label: 'Show', action: { kind: 'command', text: `guest show ${service}` } },
    ],
  }),
})
