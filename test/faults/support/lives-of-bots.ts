/** A bot that is killed, and what the next one makes of its cards. */
import { readFile } from 'node:fs/promises'
import { Secret } from '@homelab/core'
import { type ApiClient, createApiClient } from '../../../bot/src/api/client.ts'
import type { Posted } from '../../../bot/src/chat/types.ts'
import type { BotProcess } from '../../support/bot.ts'

/** @param home the folder of its homelab.yaml and state */
export async function botClient(bot: BotProcess, home: string): Promise<ApiClient> {
  const token = await readFile(`${home}/state/api-token`, 'utf8')
  return createApiClient({ url: bot.url, token: new Secret(token), giveUpMs: 500 })
}

export async function kill(bot: BotProcess): Promise<void> {
  bot.signal('SIGKILL')
  await bot.exited
}

/** The last state of a card. */
export async function end(client: ApiClient, id: string): Promise<Posted> {
  let last: Posted | undefined
  for await (const posted of client.follow(id)) last = posted
  if (last === undefined) throw new Error(`no card ${id}`)
  return last
}
