import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { duration } from '../../operation/view.ts'
import { planRotation, runRotation } from '../../tunnel/rotate.ts'
import { networkNeeds } from '../../tunnel/types.ts'

export const tunnelRotate = defineOperation({
  id: 'tunnel.rotate',
  chat: 'tunnel rotate',
  title: 'Give the tunnel a new secret',
  description:
    'A new secret at Cloudflare, the new token where each connector reads it, each restarted in turn, the old connections dropped. Names its outage first.',
  risk: 'destructive',
  permission: 'admin',
  rare: true,
  input: z.object({}),
  output: z.object({
    tunnel: z.string(),
    /** Where the new token was put. */
    places: z.array(z.string()).readonly(),
    /** Connectors that still ran by the old secret, and were dropped. */
    dropped: z.int(),
    connectors: z.int(),
    status: z.string(),
    ms: z.number(),
  }),
  needs: networkNeeds,
  plan: (_input, services, { signal }) => planRotation(services, signal),
  run: (_input, services, verbs) => runRotation(services, verbs),
  card: ({ tunnel, places, dropped, connectors, status, ms }) => ({
    title: `The tunnel ${tunnel} has a new secret`,
    tone: status === 'healthy' ? 'ok' : 'warning',
    sections: [
      {
        kind: 'fields',
        fields: [
          {
            name: 'State',
            value: `${status}, ${connectors} ${connectors === 1 ? 'connector' : 'connectors'}`,
          },
          { name: 'New token in', value: places.join(', ') },
          {
            name: 'Dropped',
            value: dropped === 0 ? 'no connection by the old one was left' : `${dropped} by the old one`,
          },
        ],
      },
    ],
    footer: duration(ms),
  }),
})
