/** The whole bot on a lab for backups, to be killed and started again. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secret } from '@homelab/core'
import { type ApiClient, createApiClient } from '../../../bot/src/api/client.ts'
import type { Posted } from '../../../bot/src/chat/types.ts'
import type { BackupLab } from '../../support/backup-lab.ts'
import { type BotProcess, startBot } from '../../support/bot.ts'

export interface BackupBot extends AsyncDisposable {
  readonly client: ApiClient
  /** The last state of a card. */
  end(card: string): Promise<Posted>
  kill(): Promise<void>
  /** As a service manager stops it: it may put things in order first. */
  stop(): Promise<void>
}

export interface BotHome extends AsyncDisposable {
  start(): Promise<BackupBot>
}

/** A state folder of its own. */
export async function botHome(lab: Pick<BackupLab, 'text' | 'env'>): Promise<BotHome> {
  const folder = await mkdtemp(join(tmpdir(), 'homelab-backup-bot-'))
  const state = join(folder, 'state')
  const own = `console: { port: 0, role: admin }\nstate: ${JSON.stringify(state)}\n`
  await writeFile(join(folder, 'homelab.yaml'), lab.text + own)
  const env = { ...process.env, ...lab.env, NO_COLOR: '1' }
  return {
    async start() {
      const bot = await startBot([], env, folder)
      return wrapped(bot, await readFile(join(state, 'api-token'), 'utf8'))
    },
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

function wrapped(bot: BotProcess, token: string): BackupBot {
  const client = createApiClient({ url: bot.url, token: new Secret(token), giveUpMs: 500 })
  const ended = async (signal: NodeJS.Signals) => {
    bot.signal(signal)
    await bot.exited
  }
  return {
    client,
    async end(card) {
      let last: Posted | undefined
      for await (const posted of client.follow(card)) last = posted
      if (last === undefined) throw new Error(`no card ${card}`)
      return last
    },
    kill: () => ended('SIGKILL'),
    stop: () => ended('SIGTERM'),
    [Symbol.asyncDispose]: () => bot[Symbol.asyncDispose](),
  }
}
