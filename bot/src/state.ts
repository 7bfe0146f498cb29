/** The files of a state folder that other processes read. */
import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto'
import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { HomelabError } from '@homelab/core'
import { z } from 'zod'

const BotAddress = z.object({ url: z.string(), pid: z.int() })
export type BotAddress = z.infer<typeof BotAddress>

export const botFile = (stateDir: string): string => join(stateDir, 'bot.json')
export const tokenFile = (stateDir: string): string => join(stateDir, 'api-token')

/** What only a holder of the API token can say of a nonce. */
export const proofOf = (token: string, nonce: string): string =>
  createHmac('sha256', token).update(`homelab bot ${nonce}`).digest('hex')

const ANSWER_MS = 3_000

/**
 * Whether the bot of this token listens there. A killed bot leaves its address behind, and its port may be somebody
 * else's by now, who must not be sent the token.
 * @throws HomelabError `unreachable` when something listens and does not answer
 */
async function proves(url: string, token: string): Promise<boolean> {
  const nonce = randomUUID()
  try {
    const answer = await fetch(`${url}/healthz?nonce=${nonce}`, {
      signal: AbortSignal.timeout(ANSWER_MS),
      redirect: 'error',
    })
    const given = Buffer.from(answer.headers.get('x-homelab-proof') ?? '')
    const expected = Buffer.from(proofOf(token, nonce))
    return given.length === expected.length && timingSafeEqual(given, expected)
  } catch (error) {
    if (!(error instanceof DOMException && error.name === 'TimeoutError')) return false
    throw new HomelabError('unreachable', `The bot at ${url} does not answer.`, {
      hint: 'Look at what it prints; stop it, or start it again.',
      cause: error,
    })
  }
}

/**
 * The bot of this folder, if one runs.
 * @throws HomelabError `unreachable`
 */
export async function runningBot(
  stateDir: string,
): Promise<(BotAddress & { readonly token: string }) | undefined> {
  let found: BotAddress & { readonly token: string }
  try {
    const address = BotAddress.parse(JSON.parse(await readFile(botFile(stateDir), 'utf8')))
    found = { ...address, token: await readFile(tokenFile(stateDir), 'utf8') }
  } catch {
    return undefined
  }
  return (await proves(found.url, found.token)) ? found : undefined
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
