/** What is read. Where `tunnel.*` has the operation, it is that one, of the tunnel that the input names. */
import { z } from 'zod'
import { defineOperation } from '../../operation/define.ts'
import { tunnelOf } from '../../tunnel/where.ts'
import { dnsList as records } from '../dns/list.ts'
import { tunnelRoutes as routes } from '../tunnel/routes.ts'
import { tunnelStatus as status } from '../tunnel/status.ts'
import { tunnelInput, wholeName } from './inputs.ts'
import { forTunnel, hostnameNeeds, ofTunnel } from './services.ts'

export const hostnameList = defineOperation({
  id: 'hostname.list',
  chat: 'hostname list',
  title: 'List the host names of a tunnel',
  description: routes.description,
  risk: 'read',
  permission: 'viewer',
  input: z.object({ tunnel: tunnelInput }),
  output: routes.output,
  needs: hostnameNeeds,
  run: ({ tunnel }, services, verbs) => routes.run({}, forTunnel(ofTunnel(services, { tunnel })), verbs),
  card: (output) => routes.card(output, {}),
})

export const dnsList = defineOperation({
  id: 'dns.list',
  chat: 'dns list',
  title: records.title,
  description: 'Those of a domain that lead to a tunnel or were made from here, or every one',
  risk: 'read',
  permission: 'viewer',
  input: z.object({
    tunnel: tunnelInput,
    domain: z.string().min(1).max(300).describe('Domain at Cloudflare, or a name below it'),
    text: z.string().max(253).optional().describe('Only those with this in the name, content or comment'),
    all: z.boolean().default(false).describe('Return also what has nothing to do with a tunnel'),
  }),
  output: records.output,
  needs: hostnameNeeds,
  run: ({ tunnel, domain, ...input }, services, verbs) =>
    records.run(input, forTunnel(ofTunnel(services, { tunnel, domain: wholeName(domain) })), verbs),
  card: (output, input) => records.card(output, input),
})

export const tunnelStatus = defineOperation({
  id: 'tunnel.status',
  chat: 'tunnel status',
  title: status.title,
  description: status.description,
  risk: 'read',
  permission: 'viewer',
  input: z.object({ tunnel: tunnelInput }),
  output: status.output,
  needs: hostnameNeeds,
  run: ({ tunnel }, services, verbs) => status.run({}, forTunnel(ofTunnel(services, { tunnel })), verbs),
  card: (output) => status.card(output, {}),
})

export const tunnelList = defineOperation({
  id: 'tunnel.list',
  chat: 'tunnel list',
  title: 'List the tunnels of the account',
  description: 'Each with its state and how many connections it holds',
  risk: 'read',
  permission: 'viewer',
  input: z.object({}),
  output: z.object({
    tunnels: z.array(
      z.object({
        id: z.string(),
        name: z.string(),
        status: z.string(),
        source: z.string(),
        createdAt: z.string(),
        connections: z.int(),
      }),
    ),
  }),
  needs: hostnameNeeds,
  run: async (_input, { network }, { signal }) => ({
    tunnels: [...(await network.cloudflare.tunnels(signal))],
  }),
  card: ({ tunnels }) => ({ title: `${tunnels.length} tunnels`, tone: 'neutral' }),
})

export const connectorList = defineOperation({
  id: 'connector.list',
  chat: 'connector list',
  title: 'List the connectors of a tunnel',
  description: 'Every cloudflared that runs for it: version, since when, and where it is connected to',
  risk: 'read',
  permission: 'viewer',
  input: z.object({ tunnel: tunnelInput }),
  output: z.object({
    connectors: z.array(
      z.object({
        id: z.string(),
        version: z.string(),
        arch: z.string().optional(),
        originIp: z.string().optional(),
        openedAt: z.string().optional(),
        configVersion: z.int().optional(),
        connections: z.array(
          z.object({ colo: z.string(), openedAt: z.string().optional(), pendingReconnect: z.boolean() }),
        ),
      }),
    ),
  }),
  needs: hostnameNeeds,
  run: async ({ tunnel }, services, { signal }) => {
    const { network } = ofTunnel(services, { tunnel })
    const { id } = await tunnelOf(network, signal)
    const connectors = await network.cloudflare.connectors(id, signal)
    return { connectors: connectors.map((each) => ({ ...each, connections: [...each.connections] })) }
  },
  card: ({ connectors }) => ({ title: `${connectors.length} connectors`, tone: 'neutral' }),
})
