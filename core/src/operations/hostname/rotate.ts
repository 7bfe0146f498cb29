/** A new secret for the tunnel. Cloudflare alone is reached: where the connectors read it, somebody else has to put it. */

import { z } from 'zod'
import { HomelabError } from '../../errors.ts'
import { defineOperation } from '../../operation/define.ts'
import type { Verbs } from '../../operation/types.ts'
import { Secret } from '../../secret.ts'
import { toBase64 } from '../../tunnel/base64.ts'
import { tunnelOf } from '../../tunnel/where.ts'
import { tunnelInput } from './inputs.ts'
import { type HostnameServices, hostnameNeeds, ofTunnel } from './services.ts'

/** Cloudflare asks for 32 at least. */
const SECRET_BYTES = 48

const input = z.object({
  tunnel: tunnelInput,
  return: z
    .boolean()
    .default(false)
    .describe('Put the new token into the item, for the node that takes it to cloudflared'),
  drop: z
    .boolean()
    .default(false)
    .describe(
      'Cut off the connectors that still run by the old secret, at once: everything behind the tunnel is away until they have the new token',
    ),
})

async function look(tunnel: string, all: HostnameServices, signal: AbortSignal) {
  const { network } = ofTunnel(all, { tunnel })
  const { id, name, source } = await tunnelOf(network, signal)
  const connectors = await network.cloudflare.connectors(id, signal)
  return { network, id, name, source, connectors }
}

export const tunnelRotate = defineOperation({
  id: 'tunnel.rotate',
  chat: 'tunnel rotate',
  title: 'Give a tunnel a new secret',
  description:
    'The old token connects nobody any more; what is connected stays until it restarts. The new token has to be put where each cloudflared reads it, and cloudflared be restarted.',
  risk: 'destructive',
  permission: 'admin',
  input,
  output: z.object({
    tunnel: z.string(),
    id: z.string(),
    /** `[redacted]` unless it was asked for. */
    token: z.string(),
    /** Those that ran by the old secret. */
    connectors: z.int(),
    dropped: z.boolean(),
    next: z.string(),
  }),
  needs: hostnameNeeds,
  async plan({ tunnel, drop, return: wanted }, all, { signal }) {
    const { id, name, source, connectors } = await look(tunnel, all, signal)
    const several = connectors.length === 1 ? 'connector' : 'connectors'
    return {
      summary: `Give the tunnel ${name} a new secret`,
      steps: [
        'Cloudflare gets a new secret; from then on the old one connects nobody anew',
        ...(drop ? [`The ${connectors.length} ${several} of now are cut off`] : []),
        wanted ? 'The new token stands in the item' : 'The new token is not returned',
      ],
      affects: [
        {
          name: 'Everything behind the tunnel',
          why: drop
            ? 'error 1033 until a connector has the new token'
            : 'nothing until a connector restarts; without the new token it does not come back then',
        },
      ],
      warnings: [
        'There is no way back to the old secret.',
        ...(source === 'local'
          ? ['Its connectors read a credentials file, and not a token: the new secret belongs there.']
          : []),
        ...(wanted ? [tokenWarning] : []),
      ],
      locks: [`tunnel/${id}`],
      state: null,
    }
  },
  async run({ tunnel, drop, return: wanted }, all, verbs: Verbs) {
    const { network, id, name, connectors } = await look(tunnel, all, verbs.signal)
    const { cloudflare, crypto } = network
    const before = await fingerprint(verbs.signal)
    async function fingerprint(signal?: AbortSignal): Promise<string> {
      return crypto.fingerprint((await cloudflare.connectorToken(id, signal)).reveal())
    }
    await verbs.change<string>('secret', {
      act: async () => {
        const secret = new Secret(toBase64(crypto.random(SECRET_BYTES)))
        await cloudflare.setTunnelSecret(id, secret, verbs.signal)
        return 'new'
      },
      find: async () => ((await fingerprint()) === before ? undefined : 'new'),
    })
    const token = await cloudflare.connectorToken(id)
    if (crypto.fingerprint(token.reveal()) === before)
      throw new HomelabError(
        'failed',
        `Cloudflare took a new secret for the tunnel ${name}, and shows the old token`,
        {
          hint: 'Look in some minutes: Tunnel: Get Status.',
        },
      )
    if (drop) await verbs.step('drop', () => cloudflare.dropConnections(id).then(() => null))
    return {
      tunnel: name,
      id,
      token: wanted ? token.reveal() : '[redacted]',
      connectors: connectors.length,
      dropped: drop,
      next: `Put the new token where each cloudflared reads it, and restart it${wanted ? '' : `: "cloudflared tunnel token ${name}" prints it`}`,
    }
  },
  card: ({ tunnel, next }) => ({
    title: `The tunnel ${tunnel} has a new secret`,
    tone: 'warning',
    text: next,
  }),
})

/** Whoever has it can run a connector of the tunnel, and gets its requests. */
export const tokenWarning =
  'The token of the tunnel is in this item: n8n keeps it with the execution, and every node behind gets it. Do not save executions of this workflow.'
