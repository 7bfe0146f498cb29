/** The chat platforms that homelab.yaml names, joined to the desk. */
import type { Inventory, SecretRef } from '@homelab/core/inventory'
import type { Secrets } from '@homelab/core/node'
import type { Connector, ConnectorContext, ConnectorStatus, Platform } from './chat/connector.ts'
import { opsChannels } from './chat/notices.ts'

export interface Platforms extends AsyncDisposable {
  statuses(): readonly ConnectorStatus[]
  /** Resolves when each has connected, or is known not to. */
  readonly started: Promise<void>
}

export const platformsIn = ({
  discord,
  slack,
}: Pick<Inventory, 'discord' | 'slack'>): readonly Platform[] => [
  ...(discord === undefined ? [] : (['discord'] as const)),
  ...(slack === undefined ? [] : (['slack'] as const)),
]

/** How to reach them is read once. @throws HomelabError `config` when a token's reference leads nowhere */
export async function connectPlatforms(context: ConnectorContext, secrets: Secrets): Promise<Platforms> {
  const { discord, slack } = context.inventory()
  const ops = (platform: Platform) => () => opsChannels(context.inventory(), platform)
  const secret = async (ref: SecretRef | undefined) =>
    ref === undefined ? undefined : await secrets.resolve(ref)
  // All of them before the first platform hears of us: one that is missing must leave none of them connected.
  const [token, slackToken, appToken, signingSecret] = await Promise.all([
    secret(discord?.token),
    secret(slack?.token),
    secret(slack?.app_token),
    secret(slack?.signing_secret),
  ])
  // Their clients take time and memory to load: only who uses them pays for that.
  const connectors: Connector[] = []
  if (discord !== undefined && token !== undefined) {
    const { guild, api } = discord
    const { startDiscord } = await import('./discord/index.ts')
    connectors.push(
      startDiscord(context, {
        token,
        ...(guild === undefined ? {} : { guild }),
        ...(api === undefined ? {} : { api }),
        opsChannels: ops('discord'),
      }),
    )
  }
  if (slack !== undefined && slackToken !== undefined) {
    const { host, port, api } = slack
    const { startSlack } = await import('./slack/index.ts')
    connectors.push(
      startSlack(context, {
        token: slackToken,
        ...(appToken === undefined ? {} : { appToken }),
        ...(signingSecret === undefined ? {} : { http: { signingSecret, host, port } }),
        ...(api === undefined ? {} : { api }),
        opsChannels: ops('slack'),
      }),
    )
  }
  return {
    statuses: () => connectors.map(({ status }) => status),
    started: Promise.all(connectors.map(({ started }) => started)).then(() => undefined),
    async [Symbol.asyncDispose]() {
      await Promise.all(connectors.map((connector) => connector[Symbol.asyncDispose]()))
    },
  }
}
