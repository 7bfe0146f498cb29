/** Discord's usual client, on a simulated Discord: nothing is changed but the address. */
import { once } from 'node:events'
import { Client, DiscordAPIError, Events, GatewayIntentBits, Partials } from 'discord.js'
import type { Discord } from './discord.ts'

/** Resolves when it is ready; whoever asked for it destroys it. */
export async function stockClient(discord: Discord): Promise<Client<true>> {
  const made = new Client({
    intents: [GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.DirectMessages],
    // Without it discord.js drops what people write to the bot directly.
    partials: [Partials.Channel],
    rest: { api: discord.ready.api },
  })
  const ready = once(made, Events.ClientReady)
  await made.login(discord.ready.token)
  await ready
  return made as Client<true>
}

/** Discord's own code of a refusal; undefined when there was none, whatever was thrown when it was another. */
export async function codeOf(attempt: Promise<unknown>): Promise<unknown> {
  const error: unknown = await attempt.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return error instanceof DiscordAPIError ? error.code : error
}
