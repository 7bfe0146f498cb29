/** `npx homelab "restart plex"`: the grammar of the chat in a terminal, through the running bot when there is one. */

import { errorCard, errorData, isHomelabError, quoteWord, Secret } from '@homelab/core'
import { createApiClient } from '../api/client.ts'
import { type Flags, openSource, stateDirs } from '../settings.ts'
import { runningBot } from '../state.ts'
import { exitCode } from './exit.ts'
import { type Connection, follow, type Terminal } from './follow.ts'
import { inlineDesk } from './inline.ts'
import { renderCard } from './render.ts'
import { completionScript } from './shell-completion.ts'

interface Arguments {
  readonly flags: Flags
  readonly json: boolean
  readonly yes: boolean
  /** Folder that the files of the answer are written to. */
  readonly save?: string
  /** As the shell gave them, without what is said before the command. */
  readonly words: readonly string[]
  /** The command, as one would type it in the chat. */
  readonly text: string
}

/**
 * Where the terminal looks for things is said before the command, since `--state` may be an option of the command;
 * `--json`, `--yes` and `--save <folder>` count anywhere. A single argument with spaces is a whole command line, several are its words.
 */
export function readArguments(argv: readonly string[]): Arguments {
  const words: string[] = []
  const flags: { config?: string; state?: string; simulate?: boolean } = {}
  let json = false
  let yes = false
  let save: string | undefined
  for (let index = 0; index < argv.length; index++) {
    const word = argv[index] ?? ''
    // What follows is the command's, whatever it looks like.
    if (word === '--') {
      words.push(...argv.slice(index))
      break
    }
    const [, name, inline] = words.length > 0 ? [] : (/^--(config|state)(?:=(.*))?$/s.exec(word) ?? [])
    if (name === 'config' || name === 'state') flags[name] = inline ?? argv[++index] ?? ''
    else if (word === '--save' || word.startsWith('--save=')) save = word.slice(7) || (argv[++index] ?? '')
    else if (word === '--json') json = true
    else if (word === '--yes' || word === '-y') yes = true
    else if (word === '--simulate' && words.length === 0) flags.simulate = true
    else words.push(word)
  }
  const [only] = words
  const text = words.length === 1 && only !== undefined ? only : words.map(wordOf).join(' ')
  return { flags, json, yes, words, text, ...(save === undefined ? {} : { save }) }
}

/** The shell has taken the quotes off; options keep theirs inside the value. */
function wordOf(word: string): string {
  const [, name, value] = /^(--[a-z][a-z0-9-]*=|[a-z][a-z0-9-]*:)(.*)$/s.exec(word) ?? []
  return name === undefined || value === undefined
    ? quoteWord(word)
    : name + (value === '' ? '' : quoteWord(value))
}

async function findBot(flags: Flags) {
  for (const folder of await stateDirs(flags)) {
    const bot = await runningBot(folder)
    if (bot !== undefined) return bot
  }
  return undefined
}

async function throughBot(
  bot: { url: string; token: string },
  { text, yes }: Arguments,
  terminal: Terminal,
): Promise<number> {
  const client = createApiClient({ url: bot.url, token: new Secret(bot.token) })
  const first = await client.submit({ text, confirmed: yes })
  process.once('SIGINT', () => {
    terminal.err.write(
      `\nhomelab: it goes on in the bot. \`homelab run list active:true\` shows it, \`homelab run cancel <id>\` ends it.\n`,
    )
    process.exit(exitCode('cancelled'))
  })
  const connection: Connection = {
    follow: (id) => client.follow(id),
    press: (id, action) => client.press(id, action),
  }
  return await follow(first, connection, terminal)
}

async function alone({ flags, text, yes }: Arguments, terminal: Terminal): Promise<number> {
  const source = await openSource(flags)
  if (source.simulated !== undefined)
    terminal.err.write('homelab: no homelab.yaml here, so this is the simulated lab\n')
  try {
    await using desk = await inlineDesk(source)
    const first = desk.submit(text, yes)
    let interrupted = false
    process.on('SIGINT', () => {
      if (interrupted) process.exit(exitCode('cancelled'))
      interrupted = true
      terminal.err.write('\nhomelab: cancelling; press Ctrl-C again to leave it as it is\n')
      void desk.interrupt()
    })
    return await follow(first, desk, terminal)
  } finally {
    if (source.simulated?.startedHere === true) {
      // A bot that was started meanwhile may have found it and use it.
      const shared = await runningBot(source.stateDir)
      if (shared === undefined) await source.simulated.stop()
    }
  }
}

async function complete({ flags }: Arguments, line: string): Promise<number> {
  const bot = await findBot(flags)
  // Starting a simulated lab to complete a word would take seconds: without a bot there are no names to offer.
  if (bot === undefined) return 0
  const completions = await createApiClient({ url: bot.url, token: new Secret(bot.token) }).complete(line)
  process.stdout.write(completions.map(({ value }) => `${value}\n`).join(''))
  return 0
}

/** `slack manifest`, `discord invite`: they need no bot and no lab. */
const setupWords = ['slack', 'discord']

async function main(): Promise<number> {
  const argv = process.argv.slice(2)
  const args = readArguments(argv)
  if (argv[0] === 'completion') {
    process.stdout.write(completionScript(argv[1] ?? 'bash'))
    return 0
  }
  if (setupWords.includes(args.words[0] ?? '')) {
    const { setup } = await import('./setup.ts')
    process.stdout.write(await setup(args.words, args.flags))
    return 0
  }
  if (argv[0] === '__complete') return await complete(args, argv.slice(1).join(' '))
  const terminal: Terminal = {
    json: args.json,
    ...(args.save === undefined ? {} : { save: { folder: args.save, over: args.yes } }),
    out: process.stdout,
    err: process.stderr,
    input: process.stdin,
  }
  const bot = await findBot(args.flags)
  return bot === undefined ? await alone(args, terminal) : await throughBot(bot, args, terminal)
}

try {
  process.exitCode = await main()
} catch (error) {
  if (!isHomelabError(error)) throw error
  process.stderr.write(renderCard(errorCard(errorData(error)), { color: process.stderr.isTTY, width: 100 }))
  process.exitCode = exitCode(error.code)
}
