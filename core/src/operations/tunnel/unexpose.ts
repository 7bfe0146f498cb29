import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { networkNeeds } from '../../tunnel/types.ts'
import { planTaking, runTaking } from '../../tunnel/unexpose.ts'
import { alarmSections, mindSections } from './inputs.ts'

export const tunnelUnexpose = defineOperation({
  id: 'tunnel.unexpose',
  chat: 'tunnel unexpose',
  title: 'Take a service back from the internet',
  description:
    'In reverse: its DNS record first, which closes it, then the rule of the tunnel, the route in Traefik, and Access last. Only what was made from here.',
  risk: 'change',
  permission: 'admin',
  input: z.object({
    name: z.string().min(1).max(300).describe('Service or host name').meta({ suggest: 'services' }),
  }),
  output: z.object({
    hostname: z.string(),
    taken: z.array(z.string()).readonly(),
    warnings: z.array(z.string()).readonly(),
    alarms: z.array(z.string()).readonly(),
  }),
  positional: ['name'],
  examples: ['tunnel unexpose jellyfin', 'tunnel unexpose media.harmeetrai.com'],
  needs: networkNeeds,
  plan: ({ name }, services, { signal }) => planTaking(name, services, signal),
  run: ({ name }, services, verbs) => runTaking(name, services, verbs),
  card: ({ hostname, taken, warnings, alarms }) => ({
    title: `${hostname} is taken back`,
    tone: alarms.length > 0 ? 'error' : warnings.length > 0 ? 'warning' : 'ok',
    sections: [
      { kind: 'list', title: 'Gone', items: taken },
      ...alarmSections(alarms),
      ...mindSections(warnings),
    ],
  }),
})
