/** The files of a state folder that other processes read. */
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HomelabError } from '@homelab/core'
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

/** @throws HomelabError `config` when the folder cannot be made or written to */
export async function makeStateDir(stateDir: string): Promise<void> {
  try {
    await mkdir(stateDir, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new HomelabError(
      'config',
      `The state folder ${stateDir} cannot be made: ${error instanceof Error ? error.message : String(error)}.`,
      {
        hint: 'Give another one with --state, or `state` in homelab.yaml.',
        cause: error,
      },
    )
  }
}
