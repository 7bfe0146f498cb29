/** Requests over HTTP instead of a socket; what is not signed by Slack is refused before anybody hears of it. */
import type { Secret } from '@homelab/core'
import { type App, HTTPReceiver, LogLevel, type Logger as SlackLogger } from '@slack/bolt'
import type { Link } from './socket.ts'

export interface HttpOptions {
  readonly signingSecret: Secret
  readonly host: string
  readonly port: number
}

/** @throws when the address cannot be listened on */
export async function listenOverHttp(
  app: App,
  { signingSecret, host, port }: HttpOptions,
  logger: SlackLogger,
): Promise<Link> {
  const receiver = new HTTPReceiver({
    signingSecret: signingSecret.reveal(),
    logger,
    logLevel: LogLevel.WARN,
  })
  receiver.init(app)
  const server = await receiver.start({ host, port })
  return {
    async close() {
      const closed = receiver.stop().catch(() => undefined)
      server.closeAllConnections()
      await closed
    },
  }
}
