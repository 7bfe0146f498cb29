/** What the workflows of alerts work with: a bot that has incidents, a Slack, and a sender that posts as Alertmanager does. */
import { type BotProcess, environment, homeFolder, startBot, writeFileFor } from '../../../support/bot.ts'
import type { Simulator } from '../../../support/simulator.ts'
import { type SlackPeer, startSlack } from '../../../support/slack.ts'
import type { Channel } from './chat.ts'
import type { Saved } from './client.ts'
import type { RealN8n } from './server.ts'
import { openWorkflows, type Ready } from './workflows.ts'

const token = `n8n-${'x'.repeat(40)}`
/** Of all that send alerts here. */
const secret = 'alerts-0123456789abcdef'

export interface Alerting extends AsyncDisposable {
  readonly workflows: Ready
  readonly slack: SlackPeer
  /** Posts to the trigger of a workflow. @returns the status of the answer */
  send(workflow: Saved, alerts: readonly object[], shown?: string): Promise<number>
  /** Posts to the bot. */
  tellBot(alert: object): Promise<void>
}

export async function startAlerting(simulator: Simulator, n8n: RealN8n, channel: Channel): Promise<Alerting> {
  const stack = new AsyncDisposableStack()
  try {
    const slack = stack.use(await startSlack())
    const bot = stack.use(await botOf(simulator, stack))
    const workflows = await openWorkflows(n8n.client, {
      homelabBotApi: { url: bot.url, token },
      homelabNotificationApi: { secret },
      discordWebhookApi: { webhookUri: `${channel.webhook}?wait=true` },
      slackApi: { accessToken: slack.info.botToken },
    })
    const post = async (url: string, body: object, shown = secret) =>
      (
        await fetch(url, {
          method: 'POST',
          headers: { authorization: `Bearer ${shown}`, 'content-type': 'application/json' },
          body: JSON.stringify(body),
        })
      ).status
    return {
      workflows,
      slack,
      send: (workflow, alerts, shown) => {
        const trigger = workflow.nodes.find(({ type }) => type.endsWith('.homelabAlertTrigger'))
        return post(`${n8n.url}/webhook/${trigger?.webhookId}/alerts`, { version: '4', alerts }, shown)
      },
      tellBot: async (alert) => {
        const status = await post(`${bot.url}/alerts/generic`, alert)
        if (status !== 200) throw new Error(`the bot answered ${status}`)
      },
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

/** Its digest has nothing but runs and incidents, so that it can be empty. */
async function botOf(simulator: Simulator, stack: AsyncDisposableStack): Promise<BotProcess> {
  const home = stack.use(await homeFolder())
  const { host, port } = simulator.lab.services.plex ?? {}
  await writeFileFor(simulator, home.path, {
    more: `
services:
  plex: { guest: 110, address: ${host}, port: ${port} }
people:
  n8n: { role: operator, token: env:N8N_TOKEN }
alerts:
  sources:
    generic: { secret: env:ALERTS }
digest: { without: [backups, storages, updates, certificates, tunnel] }
`,
  })
  return startBot([], { ...environment(simulator), N8N_TOKEN: token, ALERTS: secret }, home.path)
}
