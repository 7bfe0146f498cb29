/**
 * What one would write with a stock client in an evening, for comparison: `defer` answers at once and does nothing else, `late`
 * answers when its work is done. Its one argument is JSON; it prints a line when it listens.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { App, LogLevel } from '@slack/bolt'
import { Client, GatewayIntentBits } from 'discord.js'

interface Options {
  readonly platform: 'discord' | 'slack'
  readonly mode: 'defer' | 'late'
  readonly api: string
  readonly token: string
  readonly appToken?: string
  readonly application?: string
  readonly guild?: string
  /** How long its work takes. */
  readonly workMs: number
}

const options = JSON.parse(process.argv[2] ?? '{}') as Options

async function discord({ api, token, application, guild, mode, workMs }: Options): Promise<void> {
  const client = new Client({ intents: [GatewayIntentBits.Guilds], rest: { api } })
  client.on('interactionCreate', (interaction) => {
    if (!interaction.isChatInputCommand()) return
    const answered =
      mode === 'defer'
        ? interaction.deferReply()
        : sleep(workMs).then(() => interaction.reply({ content: 'done' }))
    // Too late: the person sees that, and the peer counts it.
    answered.catch(() => undefined)
  })
  await client.login(token)
  await fetch(`${api}/v10/applications/${application}/guilds/${guild}/commands`, {
    method: 'PUT',
    headers: { authorization: `Bot ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify([
      {
        name: 'homelab',
        description: 'The lab',
        options: [{ type: 1, name: 'status', description: 'How it is' }],
      },
    ]),
  })
}

async function slack({ api, token, appToken, mode, workMs }: Options): Promise<void> {
  const app = new App({
    token,
    appToken: appToken ?? '',
    socketMode: true,
    clientOptions: { slackApiUrl: api },
    logLevel: LogLevel.ERROR,
  })
  app.command('/homelab', async ({ ack }) => {
    if (mode === 'late') await sleep(workMs)
    await ack()
  })
  await app.start()
}

await (options.platform === 'discord' ? discord(options) : slack(options))
process.stdout.write('listens\n')
