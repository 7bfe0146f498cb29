/** The files of a state folder that other processes read. */
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'

const BotAddress = z.object({ url: z.string(), pid: z.int() })
export type BotAddress = z.infer<typeof BotAddress>

export const botFile = (stateDir: string): string => join(stateDir, 'bot.json')
export const tokenFile = (stateDir: string): string => join(stateDir, 'api-token')

/** The bot of this folder, if one runs. */
export async function runningBot(
  stateDir: string,
): Promise<(BotAddress & { readonly token: string }) | undefined> {
  try {
    const address = BotAddress.parse(JSON.parse(await readFile(botFile(stateDir), 'utf8')))
    process.kill(address.pid, 0)
    return { ...address, token: await readFile(tokenFile(stateDir), 'utf8') }
  } catch {
    // No file, or one that a killed bot left behind.
    return undefined
  }
}
